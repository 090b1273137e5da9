export * from './types.js';
export * from './fields.js';
