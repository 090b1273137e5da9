export * from './build.js';
export * from './checksum.js';
export * from './headers.js';
export * from './multicast.js';
export * from './numbers.js';
export * from './lacp.js';
