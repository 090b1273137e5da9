import { randomBytes } from 'node:crypto';
import { SlowpathError } from '../errors/index.js';
import { type FlowSpec, OFPP_LOCAL, OFPP_MAX } from '../openflow/index.js';
import { FlowTables } from '../classifier/index.js';
import {
  MacTable,
  type VlanMode,
  type XBridge,
  type XBundle,
  type XGroup,
  type XMirror,
  type XPort,
} from '../xlate/index.js';
import { RuleTimeouts } from './rule-timeouts.js';

const VLANS = 4096;

/** How a port takes part in its bridge's VLANs; ovs-vswitchd.conf.db(5), table Port. */
export interface VlanOptions {
  /** Default: access when there is a tag, else trunk. */
  readonly vlanMode?: VlanMode;
  /** VLAN of an access port, native VLAN of the native modes. */
  readonly tag?: number;
  /** VLANs that a trunk carries; left out or empty: all. */
  readonly trunks?: readonly number[];
}

/** The VLAN side of a port. One object for the port's life: MAC table entries and effects point to it. */
export class PortBundle implements XBundle {
  readonly name: string;
  readonly bridge: Bridge;
  ports: readonly BridgePort[];
  vlanMode: VlanMode;
  tag: number;
  trunks: Int32Array | null;
  readonly cvlans = null;
  readonly qinqTpid = 0x88a8;
  readonly priorityTags = 'never';
  readonly protected = false;
  readonly bond = null;

  constructor(port: BridgePort, vlan: VlanOptions) {
    this.name = port.name;
    this.bridge = port.bridge;
    this.ports = [port];
    this.vlanMode = vlan.vlanMode ?? (vlan.tag === undefined ? 'trunk' : 'access');
    this.tag = vlan.tag ?? 0;
    this.trunks = trunkBitmap(port.name, vlan.trunks);
    checkVlan(port.name, this.tag);
  }

  get floodable(): boolean {
    return this.ports.every((port) => !port.noFlood);
  }
}

/** A port of a bridge. One object for the port's life. */
export class BridgePort implements XPort {
  readonly name: string;
  readonly ofport: number;
  readonly odpPort: number;
  readonly bridge: Bridge;
  readonly bundle: PortBundle;
  mayForward: boolean;
  noFlood = false;
  noRecv = false;
  noFwd = false;
  noPacketIn = false;
  readonly peer = null;
  readonly tunnel = null;
  readonly queues = null;
  /** Index of the network device, 0 without one. */
  readonly ifindex: number;

  constructor(
    bridge: Bridge,
    name: string,
    ofport: number,
    odpPort: number,
    ifindex: number,
    running: boolean,
    vlan: VlanOptions = {},
  ) {
    this.bridge = bridge;
    this.name = name;
    this.ofport = ofport;
    this.odpPort = odpPort;
    this.ifindex = ifindex;
    this.mayForward = running;
    this.bundle = new PortBundle(this, vlan);
  }
}

export interface BridgeOptions {
  /** What happens to packets that no rule matches. Default standalone. */
  readonly failMode?: 'standalone' | 'secure';
  /** Seconds after which an unused learned address goes. Default 300. */
  readonly macAgingTime?: number;
  /** Learned addresses at most. Default 8192. */
  readonly macTableSize?: number;
}

/** A bridge: its ports, its flow tables and the addresses it learned. Translation reads it as XBridge. */
export class Bridge implements XBridge {
  readonly name: string;
  readonly uuid: Int32Array;
  readonly failMode: 'standalone' | 'secure';
  readonly flowTables: FlowTables;
  readonly fdb: MacTable;
  readonly timeouts = new RuleTimeouts();
  readonly ports = new Map<number, BridgePort>();
  portList: readonly BridgePort[] = [];
  bundles: readonly PortBundle[] = [];
  readonly groups = new Map<number, XGroup>();
  readonly meters = new Map<number, number>();
  readonly mirrors: readonly XMirror[] = [];
  readonly mcast = null;
  readonly sampling = null;
  readonly forwardBpdu = false;

  constructor(name: string, options: BridgeOptions = {}) {
    this.name = name;
    this.failMode = options.failMode ?? 'standalone';
    this.flowTables = new FlowTables();
    this.fdb = new MacTable({
      ...(options.macAgingTime === undefined ? {} : { agingMs: options.macAgingTime * 1000 }),
      ...(options.macTableSize === undefined ? {} : { capacity: options.macTableSize }),
    });
    const bytes = randomBytes(16);
    this.uuid = Int32Array.from([0, 4, 8, 12], (at) => bytes.readInt32LE(at));
  }

  get tables(): XBridge['tables'] {
    return this.flowTables.tables;
  }

  roomToLearn(flow: FlowSpec, limit: number): boolean {
    return this.flowTables.roomToLearn(flow, limit);
  }

  /** The port with this name, or undefined. */
  portByName(name: string): BridgePort | undefined {
    return this.portList.find((port) => port.name === name);
  }

  /** The lowest OpenFlow port number from 1 on that is free. */
  freeOfport(): number {
    for (let ofport = 1; ofport < OFPP_MAX; ofport++) if (!this.ports.has(ofport)) return ofport;
    throw new SlowpathError('ERR_TOO_MANY_PORTS', `bridge ${this.name}: no OpenFlow port number is free`);
  }

  addPort(port: BridgePort): void {
    if (port.ofport !== OFPP_LOCAL && (port.ofport < 1 || port.ofport >= OFPP_MAX)) {
      throw new SlowpathError(
        'ERR_BAD_OFPORT',
        `port ${port.name}: OpenFlow port number ${port.ofport} is not in 1…65279`,
      );
    }
    if (this.ports.has(port.ofport)) {
      throw new SlowpathError(
        'ERR_BAD_OFPORT',
        `port ${port.name}: OpenFlow port number ${port.ofport} is taken`,
      );
    }
    this.ports.set(port.ofport, port);
    this.#listPorts();
  }

  removePort(port: BridgePort): void {
    this.ports.delete(port.ofport);
    this.#listPorts();
    this.fdb.flush(port.bundle);
  }

  #listPorts(): void {
    this.portList = [...this.ports.values()].sort((a, b) => a.ofport - b.ofport);
    this.bundles = this.portList.map((port) => port.bundle);
  }

  /** OpenFlow port numbers by name, as flow syntax resolves them. */
  portNames(): Map<string, number> {
    return new Map(this.portList.map((port) => [port.name, port.ofport]));
  }
}

function checkVlan(port: string, vlan: number): void {
  if (!Number.isInteger(vlan) || vlan < 0 || vlan >= VLANS) {
    throw new SlowpathError('ERR_BAD_VLAN', `port ${port}: VLAN ${vlan} is not in 0…4095`);
  }
}

function trunkBitmap(port: string, trunks: readonly number[] | undefined): Int32Array | null {
  if (trunks === undefined || trunks.length === 0) return null;
  const bitmap = new Int32Array(VLANS / 32);
  for (const vlan of trunks) {
    checkVlan(port, vlan);
    bitmap[vlan >> 5] |= 1 << (vlan & 31);
  }
  return bitmap;
}
