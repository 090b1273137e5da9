export * from './open.js';
export * from './types.js';
export { type DumpTextOptions, describeFlow, dumpFlowLines, showText } from './dump-text.js';
export { DatapathMeters, type MeterRequest } from './meters.js';
export * from './op-writer.js';
