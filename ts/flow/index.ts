export * from './actions-writer.js';
export * from './cookie.js';
export * from './sample-cookie.js';
export * from './format-actions.js';
export * from './format-flow.js';
export { formatKey, type KeyFormatOptions, type PortNames } from './format-key.js';
export * from './slow-path.js';
export * from './tunnel-key.js';
export { formatFlowRow } from './format-openflow.js';
export { type ActionsParseOptions, parseActions } from './parse-actions.js';
export { type KeyText, parseKey, type PortNumbers } from './parse-key.js';
export { ACTIONS_LIMIT, ACTIONS_MAX, ACTIONS_PART, ActionsBuffer } from './actions-buffer.js';
export { findAttribute } from './attributes.js';
export {
  PSAMPLE_COOKIE,
  PSAMPLE_COOKIE_BYTES,
  PSAMPLE_GROUP,
  PSAMPLE_NESTED,
} from './userspace-actions.js';
export { splitActions } from './split-actions.js';
export type { CtArgument, DatapathAction, MacWords, NatArgument } from './datapath-action.js';
export { decodeActions } from './decode-actions.js';
export { encodeActions } from './encode-actions.js';
