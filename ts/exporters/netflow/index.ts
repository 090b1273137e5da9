import type { Bridge } from '../../bridge/index.js';
import type { Configuration, Row } from '../../config/index.js';
import type { FlowStatsSink, NetflowEffect, XBridge } from '../../xlate/index.js';
import { COLLECTOR_COUNTER_HELP, type CollectorCounters, Collectors } from '../collector.js';
import { type ExporterContext, type Protocol, zeroCounters } from '../exporter.js';
import { NETFLOW_COUNTER_HELP, type NetflowCounters, NetflowExporter } from './exporter.js';
import { type NetflowSettings, netflowSettings } from './settings.js';

const DEFAULT_PORT = 2055;
const COUNTER_HELP = { ...COLLECTOR_COUNTER_HELP, ...NETFLOW_COUNTER_HELP };

/** NetFlow version 5 or 9: records of what the flows of a bridge counted. Besides being configured, it is fed with each delta of a flow's statistics. */
export class NetflowProtocol implements Protocol<NetflowSettings>, FlowStatsSink {
  readonly name = 'netflow';
  readonly counters: CollectorCounters & NetflowCounters = zeroCounters(COUNTER_HELP);
  readonly counterHelp = COUNTER_HELP;
  readonly #context: ExporterContext;
  readonly #exporters = new Map<XBridge, NetflowExporter>();

  constructor(context: ExporterContext) {
    this.#context = context;
  }

  settings(configuration: Configuration, row: Row): NetflowSettings | null {
    return netflowSettings(configuration, row, this.#context.datapath.ifindex);
  }

  create(bridge: Bridge): NetflowExporter {
    const context = this.#context;
    const collectors = new Collectors(DEFAULT_PORT, this.counters, (message) =>
      context.warn(`NetFlow of bridge ${bridge.name}: ${message}`),
    );
    const exporter = new NetflowExporter({
      ...{ context, collectors, counters: this.counters, wallClock: Date.now },
      onClose: () => this.#exporters.delete(bridge),
    });
    this.#exporters.set(bridge, exporter);
    return exporter;
  }

  counted(flow: NetflowEffect, packets: number, bytes: number, tcpFlags: number, used: number): void {
    this.#exporters.get(flow.bridge)?.counted(flow, packets, bytes, tcpFlags, used);
  }

  ended(flow: NetflowEffect): void {
    this.#exporters.get(flow.bridge)?.ended(flow);
  }
}
