export { native } from './load.js';
export * from './native.js';
