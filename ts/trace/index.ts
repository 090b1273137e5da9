export { type BridgeContents, buildSwitch, type FlowText, requireBridge, type TraceSwitch } from './build.js';
export {
  buildCase,
  runTrace,
  type TraceAnswer,
  traceAnswer,
  type TraceCase,
  traceCase,
  traceOne,
} from './case.js';
export { parseCtNext, parseDatapathFlow, parsePacketFlow, type TraceRequest } from './request.js';
export { DUMMY_SUPPORT } from './support.js';
export { trace, type TraceResult, type TraceStep } from './trace.js';
export type { Fork, TraceNode } from './tree.js';
export { traceText } from './text.js';
