export { type ExporterCounter, Exporters } from './exporters.js';
export type { ExporterContext } from './exporter.js';
