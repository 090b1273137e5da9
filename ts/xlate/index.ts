export * from './mac-table.js';
export { chooseLink, hashFields } from './multipath.js';
export * from './recirc.js';
export { composeSlowPath } from './slow-path.js';
export type { NoteLevel, Tracer } from './trace.js';
export type { PacketView } from './packet-view.js';
export { Translator } from './translator.js';
export * from './types.js';
