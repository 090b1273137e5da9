export * from './open.js';
export * from './types.js';
export {
  type DumpTextOptions,
  describeFlow,
  dumpFlowLines,
  dumpFlowRecords,
  type FlowRecord,
} from './dump-text.js';
export { type DatapathRecord, showRecord, showText } from './show-text.js';
export { DatapathMeters, type MeterRequest } from './meters.js';
export * from './op-writer.js';
export type { SampleReader } from './sample-reader.js';
