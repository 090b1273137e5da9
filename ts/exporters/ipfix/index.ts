import { COLLECTOR_COUNTER_HELP } from '../collector.js';
import { type ExporterContext, type Protocol, zeroCounters } from '../exporter.js';

/** IPFIX: not exported yet. */
export function ipfixProtocol(_context: ExporterContext): Protocol<unknown> {
  return {
    name: 'ipfix',
    counters: zeroCounters(COLLECTOR_COUNTER_HELP),
    counterHelp: COLLECTOR_COUNTER_HELP,
    settings: () => null,
    create: () => ({ configure() {}, tick() {}, close() {} }),
  };
}
