export * from './open.js';
export * from './types.js';
export { type DumpTextOptions, describeFlow, dumpFlowLines, showText } from './dump-text.js';
export * from './op-writer.js';
