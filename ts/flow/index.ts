export * from './actions-writer.js';
export * from './cookie.js';
export * from './slow-path.js';
export * from './tunnel-key.js';
