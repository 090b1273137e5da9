export * from './layout.generated.js';
