export { switchMetrics } from './metrics.js';
export { type MetricsOptions, MetricsServer, parseMetricsAddress } from './server.js';
