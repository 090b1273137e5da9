export * from './actions-writer.js';
export * from './cookie.js';
export * from './format-actions.js';
export * from './format-flow.js';
export { formatKey, type KeyFormatOptions, type PortNames } from './format-key.js';
export * from './slow-path.js';
export * from './tunnel-key.js';
export { formatFlowRow } from './format-openflow.js';
export { readKeyRow } from './key-row.js';
