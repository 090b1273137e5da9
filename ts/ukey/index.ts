export { ByteArena } from './arena.js';
export type { Float64Field, Int32Field, Uint8Field } from './fields.js';
export { MaskPool } from './mask-pool.js';
export * from './states.js';
export { UKEY_CAPACITY, UkeyTable } from './ukey-table.js';
export type { FlowWatcher, RecordKeeper, UkeySource } from './ukey-table.js';
export { FLOW_LIMIT_FLOOR, FLOW_LIMIT_MAX, FLOW_LIMIT_START, FlowLimit } from './flow-limit.js';
