export { ByteArena } from './arena.js';
export { MaskPool } from './mask-pool.js';
export * from './states.js';
export { UkeyTable } from './ukey-table.js';
export type { UkeySource } from './ukey-table.js';
