export { type ExporterCounter, Exporters } from './exporters.js';
export type { ExporterContext } from './exporter.js';
export type { LocalSample } from './local-samples.js';
export type { IpfixStatistics } from './ipfix/index.js';
export { bridgeStatisticsText, flowStatisticsText } from './ipfix/index.js';
