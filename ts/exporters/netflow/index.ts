import { COLLECTOR_COUNTER_HELP } from '../collector.js';
import { type ExporterContext, type Protocol, zeroCounters } from '../exporter.js';

/** NetFlow: not exported yet. */
export function netflowProtocol(_context: ExporterContext): Protocol<unknown> {
  return {
    name: 'netflow',
    counters: zeroCounters(COLLECTOR_COUNTER_HELP),
    counterHelp: COLLECTOR_COUNTER_HELP,
    settings: () => null,
    create: () => ({ configure() {}, tick() {}, close() {} }),
  };
}
