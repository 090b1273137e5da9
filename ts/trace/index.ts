export { buildCase, type CaseSwitch, type TraceAnswer, type TraceCase, traceCase, traceOne } from './case.js';
export { parseCtNext, parsePacketFlow, type TraceRequest } from './request.js';
export { DUMMY_SUPPORT } from './support.js';
export { trace, type TraceResult, type TraceStep } from './trace.js';
export type { Fork, TraceNode } from './tree.js';
