export { type BridgeContents, buildSwitch, type FlowText, requireBridge, type TraceSwitch } from './build.js';
export {
  type ArgvTrace,
  type BridgesCase,
  buildBridgesCase,
  type CaseBridge,
  type CaseBridgePort,
  type CaseInterface,
} from './bridges-case.js';
export type { OfctlCommand } from './setup.js';
export {
  buildCase,
  runTrace,
  type TraceAnswer,
  traceAnswer,
  traceAnswerTold,
  traceAsked,
  traceBridgesCase,
  type TraceCase,
  traceCase,
  traceOne,
} from './case.js';
export { formatDatapathActions, formatMegaflow, formatPacket } from './format.js';
export { parseCtNext, parseDatapathFlow, parsePacketFlow, type TraceRequest } from './request.js';
export { DUMMY_SUPPORT } from './support.js';
export { trace, type TraceResult, type TraceStep } from './trace.js';
export type { Fork, TraceNode } from './tree.js';
export { traceText } from './text.js';
