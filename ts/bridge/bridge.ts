import { FlowTables } from '../classifier/index.js';
import type { Row } from '../config/index.js';
import { SlowpathError } from '../errors/index.js';
import {
  emptyMatch,
  type FlowSpec,
  OFPP_LOCAL,
  type Rule,
  type TlvEntry,
  TlvMap,
} from '../openflow/index.js';
import {
  loadPolicy,
  Policy,
  type PolicyFile,
  type PolicyFileOptions,
  type PolicySource,
  type TableDeclarations,
} from '../policy/index.js';
import {
  type Bond,
  type Lacp,
  MacTable,
  macTag,
  type McastTable,
  type TableMiss,
  type VlanMode,
  type XBridge,
  type XBundle,
  type XGroup,
  type XMirror,
  type XPort,
  type XSampling,
  type XTunnel,
} from '../xlate/index.js';
import { type ConfiguredBond, configureBond } from './bond.js';
import { floodOrder } from './flood-order.js';
import { configureLacp, type LacpPortSettings } from './lacp.js';
import { vlanBitmap } from './vlan-bitmap.js';

const TPID_8021Q = 0x8100;
const TPID_8021AD = 0x88a8;

/** Where a port is: its numbers, and the device behind it. */
export interface PortNumbers {
  /** OpenFlow port number. */
  readonly ofport: number;
  /** Datapath port number; -1 for a patch port, which the datapath does not know. */
  readonly odpPort: number;
  /** Index of the network device, 0 without one. */
  readonly ifindex: number;
  /** The link is up and enabled. */
  readonly running: boolean;
}

/** A port of a bridge: an Interface record that exists. One object for the port's life. */
export class BridgePort implements XPort {
  readonly name: string;
  /** Interface type: '' or system, internal, patch, vxlan, … */
  readonly type: string;
  readonly bridge: Bridge;
  readonly ofport: number;
  readonly odpPort: number;
  readonly ifindex: number;
  bundle: BridgeBundle;
  /** What its Interface record says of LACP. */
  lacp: LacpPortSettings = { id: 0, priority: 0, key: 0 };
  /** The link is up and enabled. */
  running: boolean;
  /** The port was turned off (OFPPC_PORT_DOWN). */
  down = false;
  noFlood = false;
  noRecv = false;
  noRecvStp = false;
  noFwd = false;
  noPacketIn = false;
  peer: BridgePort | null = null;
  tunnel: XTunnel | null = null;
  queues: ReadonlyMap<number, number> | null = null;
  /** What went through a port that the datapath does not count for: a patch port, or a tunnel; 0 for others. */
  readonly counted = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };

  constructor(bundle: BridgeBundle, name: string, type: string, numbers: PortNumbers) {
    this.bundle = bundle;
    this.bridge = bundle.bridge;
    this.name = name;
    this.type = type;
    this.ofport = numbers.ofport;
    this.odpPort = numbers.odpPort;
    this.ifindex = numbers.ifindex;
    this.running = numbers.running;
  }

  get mayForward(): boolean {
    return this.running && !this.down;
  }

  /** Packets came in by the port, or left by it. */
  count(received: boolean, packets: number, bytes: number): void {
    const { counted } = this;
    if (received) {
      counted.rxPackets += packets;
      counted.rxBytes += bytes;
    } else {
      counted.txPackets += packets;
      counted.txBytes += bytes;
    }
  }
}

/**
 * A Port record with its interfaces: what VLANs, NORMAL, the MAC table, mirrors and bonds know. One object for the record's life:
 * MAC table entries point to it.
 */
export class BridgeBundle implements XBundle {
  readonly name: string;
  readonly bridge: Bridge;
  ports: readonly BridgePort[] = [];
  vlanMode: VlanMode = 'trunk';
  tag = 0;
  trunks: Int32Array | null = null;
  cvlans: Int32Array | null = null;
  qinqTpid = TPID_8021AD;
  priorityTags: 'never' | 'if-nonzero' | 'always' = 'never';
  protected = false;
  lacp: Lacp | null = null;
  #bond: ConfiguredBond | null = null;

  constructor(bridge: Bridge, name: string) {
    this.bridge = bridge;
    this.name = name;
  }

  /** The bond of several ports; null for a single one. */
  get bond(): Bond | null {
    return this.#bond?.bond ?? null;
  }

  /** Nor do floods go to ports that take no Ethernet header, such as a GRE tunnel with packet_type=legacy_l3 (OVS: bundle_update). */
  get floodable(): boolean {
    return this.ports.every((port) => !port.noFlood && port.tunnel?.packetType !== 'legacy_l3');
  }

  /** Takes over the VLAN settings of a Port record (OVS: port_configure, bundle_set). */
  configure(row: Row): void {
    const tag = row.number('tag');
    const mode = row.get('vlan_mode') as VlanMode | null;
    this.vlanMode = mode ?? (tag === null ? 'trunk' : 'access');
    this.tag = this.vlanMode === 'trunk' ? 0 : (tag ?? 0);
    // An access port carries its own VLAN only, whatever trunks say.
    this.trunks = this.vlanMode === 'access' ? null : vlanBitmap(row.numbers('trunks'));
    this.cvlans = vlanBitmap(row.numbers('cvlans'));
    this.qinqTpid = row.option('other_config', 'qinq-ethtype') === '802.1q' ? TPID_8021Q : TPID_8021AD;
    this.priorityTags = priorityTags(row.option('other_config', 'priority-tags'));
    this.protected = row.flag('protected');
  }

  /** Takes over the ports that the record's interfaces have now, and its bond. */
  configurePorts(row: Row, ports: readonly BridgePort[]): void {
    this.ports = ports;
    this.lacp = configureLacp(row, ports, this.lacp);
    this.#bond = configureBond(row, ports, this.#bond, this.lacp);
    this.#applyLacp();
  }

  /** The bond goes by what was negotiated. */
  #applyLacp(): void {
    const { bond, lacp } = this;
    if (bond === null || lacp === null) return;
    bond.lacpStatus = lacp.negotiated ? 'negotiated' : 'configured';
    for (const port of this.ports) bond.linkChanged(port, port.mayForward && lacp.mayEnable(port));
  }

  /** The link of a port of the bond, or of one that speaks LACP, may have changed. */
  linkChanged(port: BridgePort): void {
    this.lacp?.linkChanged(port, port.mayForward);
    if (this.lacp === null) this.bond?.linkChanged(port, port.mayForward);
    else this.#applyLacp();
  }

  /** Lets time pass for LACP and the bond. `now`: monotonic milliseconds. */
  advance(now: number): void {
    this.lacp?.advance(now);
    this.#applyLacp();
    this.bond?.advance(now);
  }
}

function priorityTags(text: string | undefined): BridgeBundle['priorityTags'] {
  if (text === 'always') return 'always';
  return text === 'if-nonzero' || text === 'true' ? 'if-nonzero' : 'never';
}

/** Defaults of ovs-vswitchd.conf.db(5), and the range that OVS takes (mac_learning_set_idle_time, _set_max_entries). */
const MAC_AGING_SECONDS = { fallback: 300, min: 15, max: 3600 };
const MAC_TABLE_SIZE = { fallback: 8192, min: 10, max: 1_000_000 };

/** Is told what of a bridge changes while it runs. */
export interface BridgeWatcher {
  /** A rule came to its table or left it; `timedOut`: because its hard timeout had passed. */
  rule(bridge: Bridge, rule: Pick<Rule, 'table' | 'match' | 'timedOut'>): void;
  /** What translations note by this tag is another now. */
  tag(tag: number): void;
  /** Something changed that may concern any packet. */
  everything(): void;
  /** Something that decides about packets is being loaded: a switch that has not begun waits until the returned function is called. */
  hold(): () => void;
  /** Something went wrong and was survived. */
  warn(text: string): void;
}

/** Where a policy decides. */
export interface PolicyOptions {
  /** Table in whose place it decides: 0, where packets begin, by default; others are come to from rules and policies. */
  readonly table?: number;
}

/** The last table that rules and policies can be in. */
const LAST_TABLE = 253;

/** A bridge: its ports, its flow tables and the addresses it learned. Translation reads it as XBridge. */
export class Bridge implements XBridge {
  readonly name: string;
  readonly uuid: Int32Array;
  failMode: 'standalone' | 'secure' = 'standalone';
  readonly flowTables = new FlowTables((rule) => this.watcher?.rule(this, rule));
  readonly fdb = new MacTable({
    onChange: (vlan, high, low) => {
      if (vlan === -1) this.watcher?.everything();
      else this.watcher?.tag(macTag(this, vlan, high, low));
    },
  });
  /** Is told what changes otherwise than by configuration. */
  watcher: BridgeWatcher | null = null;
  readonly ports = new Map<number, BridgePort>();
  portList: readonly BridgePort[] = [];
  bundles: readonly BridgeBundle[] = [];
  readonly groups = new Map<number, XGroup>();
  readonly meters = new Map<number, number>();
  mirrors: readonly XMirror[] = [];
  mcast: McastTable | null = null;
  sampling: XSampling | null = null;
  forwardBpdu = false;
  readonly tableMiss = new Map<number, TableMiss>();
  fragments: 'normal' | 'nx-match' | 'drop' = 'normal';
  tlvMap: TlvMap | undefined;
  /** By table; undefined as long as there are none. */
  policies: Map<number, Policy> | undefined;

  /** `uuid`: of the Bridge record; cookies of userspace actions carry it. */
  constructor(name: string, uuid: string) {
    this.name = name;
    const hex = uuid.replaceAll('-', '');
    this.uuid = Int32Array.from([0, 8, 16, 24], (at) => Number.parseInt(hex.slice(at, at + 8), 16));
  }

  get tables(): XBridge['tables'] {
    return this.flowTables.tables;
  }

  roomToLearn(flow: FlowSpec, limit: number): boolean {
    return this.flowTables.roomToLearn(flow, limit);
  }

  /** Takes over the settings of a Bridge record that concern the bridge as a whole. */
  configure(row: Row): void {
    this.failMode = row.text('fail_mode') === 'secure' ? 'secure' : 'standalone';
    this.forwardBpdu = row.option('other_config', 'forward-bpdu') === 'true';
    const seconds = numberOption(row, 'mac-aging-time', MAC_AGING_SECONDS);
    this.fdb.setLimits(seconds * 1000, numberOption(row, 'mac-table-size', MAC_TABLE_SIZE));
    this.fdb.floodVlans = vlanBitmap(row.numbers('flood_vlans'));
  }

  /**
   * The Geneve options that flows know as tun_metadataN. Entries that stay keep their place, so that flows which match them stay
   * valid. Throws TableError and changes nothing when the entries contradict each other.
   */
  setTlvMap(entries: readonly TlvEntry[]): void {
    new TlvMap().add(entries);
    this.tlvMap ??= new TlvMap();
    const same = (a: TlvEntry, b: TlvEntry) =>
      a.index === b.index &&
      a.optionClass === b.optionClass &&
      a.optionType === b.optionType &&
      a.length === b.length;
    const before = [...this.tlvMap];
    this.tlvMap.delete(before.filter((old) => !entries.some((entry) => same(entry, old))));
    this.tlvMap.add(entries.filter((entry) => !before.some((old) => same(entry, old))));
    if (this.tlvMap.size === 0) this.tlvMap = undefined;
  }

  /**
   * Puts bundles and their ports in the place of the old ones; addresses behind those that are gone are forgotten. As in OVS those that stay
   * keep their order and new ones come behind them; of several new ones the bridge's own comes first, then the lowest number.
   */
  replaceBundles(bundles: readonly BridgeBundle[]): void {
    const kept = new Set(bundles);
    for (const bundle of this.bundles) {
      if (kept.has(bundle)) continue;
      this.fdb.flush(bundle);
      this.mcast?.flush(bundle);
    }
    const before = new Set(this.bundles);
    const added = bundles.filter((bundle) => !before.has(bundle)).sort((a, b) => rank(a) - rank(b));
    this.bundles = [...this.bundles.filter((bundle) => kept.has(bundle)), ...added];
    this.ports.clear();
    for (const bundle of this.bundles) for (const port of bundle.ports) this.ports.set(port.ofport, port);
    this.portList = floodOrder([...this.ports.values()]);
  }

  /**
   * Attaches a policy: it decides about packets in place of the rules of a table, or of the policy that was there (as `Policy.replace`). Rules of the
   * table stay, and decide again when it is removed. Throws ERR_POLICY, ERR_BAD_TABLE.
   */
  policy<T extends TableDeclarations = Readonly<Record<never, never>>>(
    source: PolicySource<T>,
    { table = 0 }: PolicyOptions = {},
  ): Policy<T> {
    if (!Number.isInteger(table) || table < 0 || table > LAST_TABLE)
      throw new SlowpathError(
        'ERR_BAD_TABLE',
        `table ${table}: expected a whole number from 0 to ${LAST_TABLE}`,
      );
    const old = this.policies?.get(table);
    if (old !== undefined) return old.replace(source);
    const made: Policy<T> = new Policy<T>(source, table, {
      bridge: this,
      changed: (tag) => this.watcher?.tag(tag),
      replaced: (at) => this.#tableChanged(at),
      detach: () => this.#detachPolicy(made as unknown as Policy),
      warn: (text) => this.watcher?.warn(`bridge ${this.name}: ${text}`),
    });
    this.policies ??= new Map();
    this.policies.set(table, made as unknown as Policy);
    this.#tableChanged(table);
    return made;
  }

  /**
   * Attaches the policy that a module exports as its default. It can be loaded again, and watched. A switch that was just opened waits for it before it looks at
   * packets and at flows that were kept. Throws ERR_POLICY_FILE and as `policy`.
   */
  async policyFile(path: string, options: PolicyOptions & PolicyFileOptions = {}): Promise<PolicyFile> {
    const release = this.watcher?.hold();
    try {
      return await loadPolicy(
        path,
        options,
        (source) => this.policy(source, options),
        (text) => this.watcher?.warn(`bridge ${this.name}: ${text}`),
      );
    } finally {
      release?.();
    }
  }

  /** Not the one that may have taken its place. */
  #detachPolicy(policy: Policy): void {
    const { table } = policy;
    if (this.policies?.get(table) !== policy) return;
    this.policies.delete(table);
    if (this.policies.size === 0) this.policies = undefined;
    this.#tableChanged(table);
  }

  /** Any packet may meet something else in the table. */
  #tableChanged(table: number): void {
    this.watcher?.rule(this, { table, match: emptyMatch() });
  }

  /** The port with this name, or undefined. */
  portByName(name: string): BridgePort | undefined {
    return this.portList.find((port) => port.name === name);
  }

  /** OpenFlow port numbers by name, as flow syntax resolves them. */
  portNames(): Map<string, number> {
    return new Map(this.portList.map((port) => [port.name, port.ofport]));
  }
}

/** Where a bundle stands among those that are added together. */
function rank(bundle: BridgeBundle): number {
  const ofport = Math.min(...bundle.ports.map((port) => port.ofport));
  return ofport === OFPP_LOCAL ? -1 : ofport;
}

/** What a number of other_config is when it is not given, and the range that others are brought into. */
interface NumberRange {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

/** A number of other_config, brought into its range; the default where it is missing or no number. A negative one counts as very large, as in OVS. */
export function numberOption(row: Row, key: string, { fallback, min, max }: NumberRange): number {
  const text = row.option('other_config', key);
  const value = text !== undefined && /^[+-]?\d+$/.test(text) ? Number(text) : fallback;
  return value < 0 ? max : Math.min(Math.max(value, min), max);
}
