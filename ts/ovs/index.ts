export * from './datapath.js';
export * from './families.js';
export * from './flow.js';
export * from './meter.js';
export * from './packet.js';
export * from './probe.js';
export * from './support.js';
export * from './vport.js';
