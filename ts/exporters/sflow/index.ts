import { COLLECTOR_COUNTER_HELP } from '../collector.js';
import { type ExporterContext, type Protocol, zeroCounters } from '../exporter.js';

/** sFlow: not exported yet. */
export function sflowProtocol(_context: ExporterContext): Protocol<unknown> {
  return {
    name: 'sflow',
    counters: zeroCounters(COLLECTOR_COUNTER_HELP),
    counterHelp: COLLECTOR_COUNTER_HELP,
    settings: () => null,
    create: () => ({ configure() {}, tick() {}, close() {} }),
  };
}
