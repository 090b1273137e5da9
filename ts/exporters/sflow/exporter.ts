import type { Bridge, BridgePort } from '../../bridge/index.js';
import {
  FLOW_WORDS,
  UPCALL_ACTIONS_LEN,
  UPCALL_ACTIONS_OFF,
  UPCALL_PACKET_LEN,
  UPCALL_PACKET_OFF,
  UPCALL_ROW_WORDS,
  UPCALL_UFID,
  UPCALL_USERDATA_OFF,
  UPCALL_WIRE_LEN,
} from '../../fields/index.js';
import { cookieInPort, cookieSflowOutput, cookieSflowTci } from '../../flow/index.js';
import type { UpcallBatch } from '../../native/index.js';
import { COLLECTOR_COUNTER_HELP, Collectors } from '../collector.js';
import type { BridgeExporter, ExporterContext } from '../exporter.js';
import { tunnelProtocol } from '../tunnel-header.js';
import { agentAddress } from './agent.js';
import { bridgeSource, SflowDatagrams } from './datagrams.js';
import type { Egress } from './egress.js';
import { type SampledPacket, writeFlowSample } from './flow-sample.js';
import { SflowPollers } from './pollers.js';
import type { SflowSettings } from './settings.js';
import { Underlay } from './underlay.js';

/** Port of collectors that name none. */
const DEFAULT_PORT = 6343;
const SECOND_MS = 1000;
/** Encoding of outputs: a port in the upper two bits 0, several with their number in 2. */
const OUTPUT_FORMAT = 30;
const OUTPUT_SEVERAL = 2;
const OUTPUT_VALUE = 0x3fffffff;

/** What each counter of sFlow means; the keys are the counters. */
export const SFLOW_COUNTER_HELP = {
  ...COLLECTOR_COUNTER_HELP,
  flow_samples: 'Sampled packets put into datagrams',
  counter_samples: 'Samples of counters put into datagrams',
  agentless: 'Sampled packets dropped because there is no address yet that names the agent',
  outer_unknown:
    'Outer Ethernet headers of tunnels left out of samples because the route or the neighbour is not known (yet)',
} as const;

export type SflowCounters = { -readonly [name in keyof typeof SFLOW_COUNTER_HELP]: number };

/** What exporters of several bridges share. */
export interface SflowShared {
  readonly context: ExporterContext;
  readonly counters: SflowCounters;
  /** Of the sample that is being written. */
  readonly egress: Egress;
  /** Room for the actions of a flow. */
  readonly actions: Uint8Array;
  /** Whether this exporter tells the counters of the whole switch: one of them does. */
  tellsGlobals(exporter: SflowExporter): boolean;
  /** The exporter has ended. */
  closed(exporter: SflowExporter): void;
}

/** sFlow of one bridge: a sub-agent with one sampler, and a poller for each port (OVS: ofproto-dpif-sflow). */
export class SflowExporter implements BridgeExporter<SflowSettings> {
  readonly subAgent: number;
  readonly #bridge: Bridge;
  readonly #shared: SflowShared;
  readonly #collectors: Collectors;
  readonly #datagrams: SflowDatagrams;
  readonly #pollers: SflowPollers;
  readonly #packet: SampledPacket;
  #settings: SflowSettings | null = null;
  #nextSecond = 0;

  constructor(bridge: Bridge, subAgent: number, shared: SflowShared) {
    const { context, counters } = shared;
    const source = bridgeSource(subAgent);
    this.subAgent = subAgent;
    this.#bridge = bridge;
    this.#shared = shared;
    this.#collectors = new Collectors(DEFAULT_PORT, counters, (message) =>
      context.warn(`sFlow of bridge ${bridge.name}: ${message}`),
    );
    this.#datagrams = new SflowDatagrams(subAgent, context.now(), (datagram) =>
      this.#collectors.send(datagram),
    );
    this.#pollers = new SflowPollers(bridge, source, context.datapath, this.#datagrams);
    this.#packet = {
      source,
      sequence: 0,
      sampling: 0,
      pool: 0,
      drops: 0,
      input: 0,
      output: 0,
      bytes: new Uint8Array(0),
      offset: 0,
      length: 0,
      wireLength: 0,
      keys: new Int32Array(0),
      base: 0,
      egressTci: 0,
      tunnelProto: 0,
      egressProto: 0,
      egress: null,
      underlay: null,
    };
  }

  configure(settings: SflowSettings): void {
    const before = this.#settings;
    this.#settings = settings;
    this.#collectors.configure(settings.targets);
    this.#packet.sampling = settings.sampling;
    this.#pollers.configure(settings);
    this.#configureUnderlay(settings.tunnelEthernet);
    if (before !== null && before.agent === settings.agent && same(before.targets, settings.targets)) return;
    this.#datagrams.setAgent(null, this.#shared.context.now());
    this.#chooseAgent();
  }

  sample(_kind: number, batch: UpcallBatch, row: number): void {
    const { slab, rows, keys } = batch;
    const packet = this.#packet;
    const { counters, context } = this.#shared;
    const at = row * UPCALL_ROW_WORDS;
    const cookie = rows[at + UPCALL_USERDATA_OFF];
    // As OVS takes it: samples come as often as was asked for.
    packet.pool = (packet.pool + packet.sampling) >>> 0;
    if (this.#datagrams.agent === null) {
      packet.drops++;
      counters.agentless++;
      return;
    }
    const port = this.#bridge.ports.get(cookieInPort(slab, cookie));
    packet.sequence++;
    packet.input = port?.ifindex ?? 0;
    packet.tunnelProto = protoOf(port);
    packet.output = cookieSflowOutput(slab, cookie);
    packet.egressTci = cookieSflowTci(slab, cookie);
    packet.bytes = slab;
    packet.offset = rows[at + UPCALL_PACKET_OFF];
    packet.length = Math.min(rows[at + UPCALL_PACKET_LEN], this.#settings!.header);
    packet.wireLength = rows[at + UPCALL_WIRE_LEN];
    packet.keys = keys;
    packet.base = row * FLOW_WORDS;
    packet.egress = outputs(packet.output) === 1 ? this.#readEgress(batch, row) : null;
    packet.egressProto = packet.egress?.encapsulations === 1 ? this.#egressProto(packet.egress.port) : 0;
    writeFlowSample(this.#datagrams, packet, context.now());
    counters.flow_samples++;
  }

  tick(now: number): void {
    this.#packet.underlay?.tick(now);
    this.#collectors.tick(now);
    if (this.#datagrams.agent === null && !this.#chooseAgent()) return;
    if (now < this.#nextSecond) return;
    this.#nextSecond = now + SECOND_MS;
    this.#shared.counters.counter_samples += this.#pollers.poll(now, this.#shared.tellsGlobals(this));
    this.#datagrams.flush(now);
  }

  close(): void {
    this.#datagrams.flush(this.#shared.context.now());
    this.#collectors.close();
    this.#shared.closed(this);
  }

  #configureUnderlay(told: boolean): void {
    const { context, counters } = this.#shared;
    if (!told) this.#packet.underlay = null;
    else this.#packet.underlay ??= new Underlay(context.datapath.route, counters);
  }

  /** False when there is no address for the agent now. */
  #chooseAgent(): boolean {
    const { datapath, now } = this.#shared.context;
    const agent = agentAddress(this.#settings!.agent, datapath.route, this.#collectors);
    if (agent !== null) this.#datagrams.setAgent(agent, now());
    return agent !== null;
  }

  /** What is done with the packet: the actions that the datapath sent up, else those of its flow; null when neither is known. */
  #readEgress({ rows, slab, keys }: UpcallBatch, row: number): Egress | null {
    const at = row * UPCALL_ROW_WORDS;
    const base = row * FLOW_WORDS;
    const length = rows[at + UPCALL_ACTIONS_LEN];
    const { context, egress, actions } = this.#shared;
    if (length > 0) {
      egress.read(slab, rows[at + UPCALL_ACTIONS_OFF], length, keys, base);
      return egress;
    }
    const { ukeys } = context;
    const ukey = ukeys.find(rows, at + UPCALL_UFID);
    const known = ukey < 0 ? 0 : ukeys.actionsLength[ukey];
    if (known === 0) return null;
    ukeys.arena.copyTo(ukeys.actionsBlock[ukey], known, actions, 0);
    egress.read(actions, 0, known, keys, base);
    return egress;
  }

  #egressProto(odpPort: number): number {
    for (const port of this.#bridge.portList)
      if (port.tunnel !== null && port.odpPort === odpPort) return protoOf(port);
    return 0;
  }
}

function protoOf(port: BridgePort | undefined): number {
  return port === undefined || port.tunnel === null ? 0 : tunnelProtocol(port.type);
}

/** How many ports a packet leaves by, from sFlow's encoding. */
function outputs(output: number): number {
  const format = output >>> OUTPUT_FORMAT;
  if (format === OUTPUT_SEVERAL) return output & OUTPUT_VALUE;
  return format === 0 && output !== 0 ? 1 : 0;
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}
