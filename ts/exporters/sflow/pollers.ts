import type { Bridge, BridgePort } from '../../bridge/index.js';
import type { Datapath, DatapathPort } from '../../datapath/index.js';
import { SlowpathError } from '../../errors/index.js';
import type { Link } from '../../netlink/index.js';
import { LACP_STATE_ACTIVITY, LACP_STATE_AGGREGATION, LACP_STATE_TIMEOUT } from '../../packet/index.js';
import {
  type LacpState,
  type PortFigures,
  writeGlobalCounters,
  writePortCounters,
} from './counter-sample.js';
import { interfaceSource, type SflowDatagrams } from './datagrams.js';
import type { SflowSettings } from './settings.js';

const MAC_BYTES = 6;
const OFPP_LOCAL = 0xfffe;

/** When a data source is polled next, in seconds, and how often it was. */
interface Poller {
  countdown: number;
  sequence: number;
}

/** Tells the counters of a bridge's ports, each every so many seconds; at other times each, so that not all come at once. */
export class SflowPollers {
  readonly #bridge: Bridge;
  readonly #source: number;
  readonly #datapath: Datapath;
  readonly #datagrams: SflowDatagrams;
  /** By ifindex; that of the bridge as a whole is apart. */
  readonly #pollers = new Map<number, Poller>();
  #global: Poller = { countdown: 0, sequence: 0 };
  #settings: SflowSettings | null = null;
  #portList: readonly BridgePort[] = [];

  constructor(bridge: Bridge, source: number, datapath: Datapath, datagrams: SflowDatagrams) {
    this.#bridge = bridge;
    this.#source = source;
    this.#datapath = datapath;
    this.#datagrams = datagrams;
  }

  /** Sequences go on; when each is polled next is drawn again if the interval changed. */
  configure(settings: SflowSettings): void {
    const changed = this.#settings?.polling !== settings.polling;
    this.#settings = settings;
    if (!changed) return;
    for (const poller of [this.#global, ...this.#pollers.values()]) poller.countdown = this.#anySecond();
  }

  /** To be called every second: tells what is due. `globals`: counters of the whole switch, too. The samples written. */
  poll(now: number, globals: boolean): number {
    if (this.#settings!.polling === 0) return 0;
    this.#followPorts();
    let samples = 0;
    if (this.#due(this.#global) && globals) {
      this.#tellGlobals(now);
      samples++;
    }
    let ports: Map<number, DatapathPort> | null = null;
    for (const port of this.#portList) {
      const poller = this.#pollers.get(port.ifindex);
      // Tunnel ports may share a device; the first of them stands for it.
      if (poller === undefined || !this.#due(poller)) continue;
      try {
        ports ??= new Map(this.#datapath.ports().map((one) => [one.portNo, one]));
        if (this.#tellPort(port, poller, ports, now)) samples++;
      } catch (error) {
        // The device or the datapath is about to go; there is an event for that.
        if (!(error instanceof SlowpathError)) throw error;
      }
    }
    return samples;
  }

  #anySecond(): number {
    return 1 + Math.floor(Math.random() * this.#settings!.polling);
  }

  #due(poller: Poller): boolean {
    if (--poller.countdown > 0) return false;
    poller.countdown = this.#settings!.polling;
    return true;
  }

  /** Ports come and go. */
  #followPorts(): void {
    const { portList } = this.#bridge;
    if (portList === this.#portList) return;
    const seen = new Set<number>();
    this.#portList = portList.filter(({ ifindex }) => {
      if (ifindex === 0 || seen.has(ifindex)) return false;
      seen.add(ifindex);
      return true;
    });
    for (const ifindex of this.#pollers.keys()) if (!seen.has(ifindex)) this.#pollers.delete(ifindex);
    for (const ifindex of seen) {
      if (!this.#pollers.has(ifindex))
        this.#pollers.set(ifindex, { countdown: this.#anySecond(), sequence: 0 });
    }
  }

  #tellGlobals(now: number): void {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    writeGlobalCounters(
      this.#datagrams,
      this.#source,
      ++this.#global.sequence,
      this.#datapathStats(),
      { userMs: userCPUTime / 1000, systemMs: systemCPUTime / 1000, memory: maxRSS * 1024 },
      now,
    );
  }

  #datapathStats() {
    try {
      return this.#datapath.stats();
    } catch (error) {
      if (error instanceof SlowpathError) return null;
      throw error;
    }
  }

  /** False when the port is not there (any more). */
  #tellPort(
    port: BridgePort,
    poller: Poller,
    ports: ReadonlyMap<number, DatapathPort>,
    now: number,
  ): boolean {
    const { route, ethtool } = this.#datapath;
    const vport = ports.get(port.odpPort);
    const link = route.findLink(port.ifindex);
    if (vport === undefined || link === null) return false;
    const device = route.linkStats(port.ifindex);
    const figures: PortFigures = {
      name: port.name,
      ifindex: port.ifindex,
      ofport: port.ofport,
      datapathId: this.#datapathId(),
      mode: ethtool.linkMode(port.ifindex),
      adminUp: link.up,
      operUp: link.carrier,
      // The host's side of an internal device sends what the port receives; the datapath counts as the port.
      stats: vport.type === 'system' ? device : vport.stats,
      device,
      lacp: this.#lacp(port),
    };
    writePortCounters(this.#datagrams, interfaceSource(port.ifindex), ++poller.sequence, figures, now);
    return true;
  }

  #localLink(): Link | null {
    const local = this.#bridge.ports.get(OFPP_LOCAL);
    return local === undefined ? null : this.#datapath.route.findLink(local.name);
  }

  /** Bridge other_config:datapath-id, else the bridge's address. */
  #datapathId(): Uint8Array {
    const { datapathId } = this.#settings!;
    const id = new Uint8Array(8);
    if (/^(0x)?[0-9a-fA-F]{1,16}$/.test(datapathId)) {
      id.set(Buffer.from(datapathId.replace(/^0x/, '').padStart(16, '0'), 'hex'));
    } else {
      id.set((this.#localLink()?.mac ?? id).subarray(0, MAC_BYTES), id.length - MAC_BYTES);
    }
    return id;
  }

  /** What a port negotiates; null for one that does not (OVS: lacp_get_member_stats). */
  #lacp(port: BridgePort): LacpState | null {
    const { lacp } = port.bundle;
    const member = lacp?.memberList.find((one) => one.port === port);
    if (lacp === null || member === undefined) return null;
    const { active, fast } = lacp.options;
    const admin =
      LACP_STATE_AGGREGATION | (active ? LACP_STATE_ACTIVITY : 0) | (fast ? LACP_STATE_TIMEOUT : 0);
    return {
      actor: lacp.systemId,
      partner: member.partner.systemId,
      aggregator: lacp.key,
      states: [admin, lacp.actorOf(member).state, 0, member.partner.state],
      counts: member.counts,
    };
  }
}
