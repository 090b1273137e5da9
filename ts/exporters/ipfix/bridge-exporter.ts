import type { Bridge, BridgePort } from '../../bridge/index.js';
import {
  FLOW_WORDS,
  UPCALL_ROW_WORDS,
  UPCALL_TUNNEL_LEN,
  UPCALL_TUNNEL_OFF,
  UPCALL_USERDATA_OFF,
  UPCALL_WIRE_LEN,
} from '../../fields/index.js';
import { SAMPLE_DEFAULT, SAMPLE_EGRESS, SampleCookie } from '../../flow/index.js';
import type { UpcallBatch } from '../../native/index.js';
import { UPCALL_FLOW_SAMPLE } from '../../upcall/index.js';
import type { BridgeExporter, ExporterContext } from '../exporter.js';
import type { Sampled } from './counting.js';
import { Fate } from './fate.js';
import { type Interface, layer3, layer4, type Observation } from './flow-key.js';
import type { IpfixProcess, IpfixStatistics } from './process.js';
import type { BridgeSettings, IpfixSettings } from './settings.js';
import { EGRESS, INGRESS } from './templates.js';
import { Tunnel } from './tunnel.js';

const NO_PORT = -1;
const NO_INTERFACE: Interface = { ifindex: 0, name: new Uint8Array(0) };
/** Bytes of an interface's name that fit into a record. */
const NAME_BYTES = 254;
/** Probabilities in the datapath, and in the action `sample`. */
const ALL = 0xffffffff;
const ALL_OF_ACTION = 0xffff;

/** What is counted of all bridges. */
export interface IpfixCounters {
  samples: number;
  unknown_sets: number;
}

/** The exporter of a bridge: of all its packets, and of those that its flows sample. */
export class BridgeIpfix implements BridgeExporter<IpfixSettings> {
  readonly #bridge: Bridge;
  readonly #counters: IpfixCounters;
  readonly #open: () => IpfixProcess;
  readonly #fate: Fate;
  #settings: BridgeSettings | null = null;
  #whole: IpfixProcess | null = null;
  #sets = new Map<number, IpfixProcess>();
  readonly #interfaces = new WeakMap<BridgePort, Interface>();
  readonly #cookie = new SampleCookie();
  readonly #tunnel = new Tunnel();
  readonly #seen: Observation = {
    domain: 0,
    point: 0,
    direction: INGRESS,
    input: NO_INTERFACE,
    output: NO_INTERFACE,
    tunnel: null,
    virtual: null,
  };
  readonly #sampled: Sampled = {
    keys: new Int32Array(FLOW_WORDS),
    base: 0,
    l3: 0,
    l4: 0,
    direction: INGRESS,
    bytes: 0,
    packets: 1,
    dropped: false,
  };

  /** `open` makes a process. */
  constructor(bridge: Bridge, context: ExporterContext, counters: IpfixCounters, open: () => IpfixProcess) {
    this.#bridge = bridge;
    this.#counters = counters;
    this.#open = open;
    this.#fate = new Fate(context);
  }

  /** Of the samples of all packets; null when there are none. */
  get bridgeStatistics(): IpfixStatistics | null {
    return this.#whole?.statistics ?? null;
  }

  /** Of flow samples by collector set, by rising id. */
  get flowStatistics(): ReadonlyMap<number, IpfixStatistics> {
    return new Map([...this.#sets].map(([id, process]) => [id, process.statistics]));
  }

  configure(settings: IpfixSettings): void {
    this.#settings = settings.bridge;
    if (settings.bridge === null) {
      this.#whole?.close();
      this.#whole = null;
    } else {
      this.#whole ??= this.#open();
      this.#whole.configure(settings.bridge);
    }
    const before = this.#sets;
    this.#sets = new Map(settings.sets.map(({ id }) => [id, before.get(id) ?? this.#open()]));
    for (const [id, process] of before) if (!this.#sets.has(id)) process.close();
    for (const set of settings.sets) this.#sets.get(set.id)!.configure(set);
  }

  sample(kind: number, batch: UpcallBatch, row: number): void {
    const cookie = this.#cookie;
    const at = batch.rows[row * UPCALL_ROW_WORDS + UPCALL_USERDATA_OFF];
    if (kind === UPCALL_FLOW_SAMPLE) cookie.readFlowSample(batch.slab, at);
    else cookie.readIpfix(batch.slab, at);
    const process =
      kind === UPCALL_FLOW_SAMPLE ? this.#sets.get(cookie.collectorSetId) : (this.#whole ?? undefined);
    if (process === undefined) {
      this.#counters.unknown_sets++;
      return;
    }
    this.#counters.samples++;
    this.#observe(kind, process, batch, row);
    this.#measure(kind, batch, row);
    process.sample(this.#seen, this.#sampled);
  }

  tick(now: number): void {
    this.#whole?.tick(now);
    for (const process of this.#sets.values()) process.tick(now);
  }

  close(): void {
    this.configure({ bridge: null, sets: [] });
  }

  /** Notes where the packet was sampled. */
  #observe(kind: number, process: IpfixProcess, batch: UpcallBatch, row: number): void {
    const cookie = this.#cookie;
    const seen = this.#seen;
    const ofFlow = kind === UPCALL_FLOW_SAMPLE;
    seen.domain = ofFlow ? cookie.obsDomainId : this.#settings!.domain;
    seen.point = ofFlow ? cookie.obsPointId : this.#settings!.point;
    const leaves = cookie.outputPort !== NO_PORT;
    const egress = cookie.direction === SAMPLE_DEFAULT ? leaves : cookie.direction === SAMPLE_EGRESS;
    seen.direction = egress ? EGRESS : INGRESS;
    seen.virtual = process.virtual;
    const input = this.#bridge.ports.get(cookie.inPort);
    seen.input = this.#interface(input);
    seen.output = NO_INTERFACE;
    seen.tunnel = null;
    if (leaves) this.#observeOutput(process, batch, row);
    else if (process.tunnels && input?.tunnel != null)
      seen.tunnel = this.#tunnel.fromFlow(input.tunnel.type, batch.keys, row * FLOW_WORDS)
        ? this.#tunnel
        : null;
  }

  #observeOutput(process: IpfixProcess, batch: UpcallBatch, row: number): void {
    const { slab, rows } = batch;
    const seen = this.#seen;
    const base = row * UPCALL_ROW_WORDS;
    let output = this.#portAt(this.#cookie.outputPort);
    const length = rows[base + UPCALL_TUNNEL_LEN];
    if (output?.tunnel != null && length > 0) {
      const known = this.#tunnel.fromAttributes(
        output.tunnel.type,
        slab,
        rows[base + UPCALL_TUNNEL_OFF],
        length,
      );
      // Tunnels of one type share a datapath port.
      output = this.#portAt(this.#cookie.outputPort, this.#tunnel.header.dst) ?? output;
      if (known && process.tunnels) seen.tunnel = this.#tunnel;
    }
    seen.output = this.#interface(output);
  }

  /** The first port with this number in the datapath; `remote`: whose tunnel leads to this IPv4 address. */
  #portAt(odpPort: number, remote?: number): BridgePort | undefined {
    for (const port of this.#bridge.portList) {
      if (port.odpPort !== odpPort) continue;
      if (remote === undefined || port.tunnel?.remoteIp?.[3] === remote) return port;
    }
    return undefined;
  }

  /** Notes what of the packet is counted. */
  #measure(kind: number, batch: UpcallBatch, row: number): void {
    const sampled = this.#sampled;
    const ofFlow = kind === UPCALL_FLOW_SAMPLE;
    sampled.keys = batch.keys;
    sampled.base = row * FLOW_WORDS;
    sampled.l3 = layer3(batch.keys, sampled.base);
    sampled.l4 = layer4(batch.keys, sampled.base, sampled.l3);
    sampled.direction = this.#seen.direction;
    sampled.bytes = batch.rows[row * UPCALL_ROW_WORDS + UPCALL_WIRE_LEN];
    sampled.packets = ofFlow ? perSample(ALL_OF_ACTION, this.#cookie.probability) : this.#bridgePackets();
    sampled.dropped = this.#fate.isDropped(batch, row, !ofFlow, this.#cookie.outputPort !== NO_PORT);
  }

  #bridgePackets(): number {
    return perSample(ALL, Math.max(1, Math.floor(ALL / this.#settings!.sampling)));
  }

  #interface(port: BridgePort | undefined): Interface {
    if (port === undefined) return NO_INTERFACE;
    let known = this.#interfaces.get(port);
    if (known === undefined) {
      known = { ifindex: port.ifindex, name: Buffer.from(port.name).subarray(0, NAME_BYTES) };
      this.#interfaces.set(port, known);
    }
    return known;
  }
}

/** Packets that one sample stands for, rounded down as OVS does. */
function perSample(all: number, probability: number): number {
  return Math.max(1, Math.floor(all / Math.max(1, probability)));
}
