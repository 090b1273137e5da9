export * from './open.js';
export * from './types.js';
