export * from './address.js';
export * from './cursor.js';
export * from './hex.js';
export * from './version.js';
export * from './handles.js';
export * from './histogram.js';
export * from './slices.js';
export * from './sort-in-slices.js';
