export * from './open.js';
export * from './types.js';
export {
  type DatapathRecord,
  type DumpTextOptions,
  describeFlow,
  dumpFlowLines,
  dumpFlowRecords,
  type FlowRecord,
  showRecord,
  showText,
} from './dump-text.js';
export { DatapathMeters, type MeterRequest } from './meters.js';
export * from './op-writer.js';
export type { SampleReader } from './sample-reader.js';
