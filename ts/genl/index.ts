export * from './family.js';
export * from './ethtool.js';
