import type { Bridge } from '../../bridge/index.js';
import { COLLECTOR_COUNTER_HELP } from '../collector.js';
import type { ExporterContext, Protocol } from '../exporter.js';
import { BridgeIpfix } from './bridge-exporter.js';
import { IpfixProcess } from './process.js';
import { openTransport } from './session.js';
import { type IpfixSettings, ipfixSettings } from './settings.js';

export type { BridgeIpfix } from './bridge-exporter.js';
export type { IpfixStatistics } from './process.js';
export { bridgeStatisticsText, flowStatisticsText } from './statistics-text.js';
export type { IpfixSettings } from './settings.js';

const HELP = {
  samples: 'Packets that IPFIX took as samples of a bridge or of a flow',
  unknown_sets: 'Samples of flows whose collector set has no IPFIX record (any more), dropped',
  ...COLLECTOR_COUNTER_HELP,
};

/** IPFIX (RFC 7011), as OVS 3.1 exports it. */
export class IpfixProtocol implements Protocol<IpfixSettings, BridgeIpfix> {
  readonly name = 'ipfix';
  readonly counterHelp = HELP;
  readonly counters = { samples: 0, unknown_sets: 0, sent: 0, dropped: 0, errors: 0 };
  readonly #context: ExporterContext;
  readonly settings = ipfixSettings;
  #processes = 0;

  constructor(context: ExporterContext) {
    this.#context = context;
  }

  create(bridge: Bridge): BridgeIpfix {
    const context = this.#context;
    const open = () =>
      new IpfixProcess({
        id: ++this.#processes,
        now: () => context.now(),
        wallClock: () => Date.now(),
        warn: (message) => context.warn(message),
        connect: openTransport,
        totals: this.counters,
      });
    return new BridgeIpfix(bridge, context, this.counters, open);
  }
}
