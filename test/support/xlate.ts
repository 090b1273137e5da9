import { Classifier } from '../../ts/classifier/index.js';
import { F_IN_PORT, F_VLAN_TCI, F_VLAN_TPID, F_VLAN1_TCI, F_VLAN1_TPID } from '../../ts/fields/index.js';
import { DUMMY_SUPPORT } from '../../ts/trace/index.js';
import { parseFlow, parseGroup, type Rule, toRule } from '../../ts/openflow/index.js';
import {
  type DatapathSupport,
  type FrozenState,
  MacTable,
  makeGroup,
  RecircRegistry,
  type Snapshot,
  type VlanMode,
  type XBond,
  type XBridge,
  type XBundle,
  type XMirror,
  type XPort,
} from '../../ts/xlate/index.js';

/** What a test says of a port; the rest has defaults. */
export interface PortSetup {
  readonly name?: string;
  readonly ofport: number;
  /** Default: the same as ofport. */
  readonly odpPort?: number;
  readonly vlanMode?: VlanMode;
  readonly tag?: number;
  readonly trunks?: readonly number[];
  readonly mayForward?: boolean;
  readonly noFwd?: boolean;
  readonly noFlood?: boolean;
  readonly cvlans?: readonly number[];
  readonly qinqTpid?: number;
  readonly priorityTags?: XBundle['priorityTags'];
  readonly protected?: boolean;
  /** Name of the bond that the port is a member of; the first member's VLAN settings are the bond's. */
  readonly bond?: string;
}

/** A mirror; ports and bonds by name. Left out: everything, for sources and destinations nothing. */
export interface MirrorSetup {
  readonly selectAll?: boolean;
  readonly src?: readonly string[];
  readonly dst?: readonly string[];
  readonly vlans?: readonly number[];
  readonly outPort?: string;
  readonly outVlan?: number;
  readonly snaplen?: number;
}

export interface Setup {
  readonly ports: readonly PortSetup[];
  readonly flows?: readonly string[];
  readonly rules?: readonly Rule[];
  readonly failMode?: 'standalone' | 'secure';
  /** Addresses known from the start: OpenFlow port, VLAN, high and low word of the MAC. */
  readonly fdb?: readonly (readonly [number, number, number, number])[];
  readonly support?: Partial<DatapathSupport>;
  readonly mirrors?: readonly MirrorSetup[];
  readonly bonds?: Readonly<Record<string, (members: readonly XPort[]) => XBond>>;
  readonly mcast?: XBridge['mcast'];
  readonly forwardBpdu?: boolean;
  /** In ovs-ofctl syntax. */
  readonly groups?: readonly string[];
  /** Datapath meters by OpenFlow meter. */
  readonly meters?: readonly (readonly [number, number])[];
}

/** Snapshot of one bridge, with what tests want to look into. */
export interface TestSwitch {
  readonly snapshot: Snapshot;
  readonly bridge: XBridge;
  readonly fdb: MacTable;
  readonly recirc: RecircRegistry;
}

/** As traces suppose it, but for conntrack events, which the expected actions of the tests leave out. */
const SUPPORT: DatapathSupport = { ...DUMMY_SUPPORT, ctEventmask: false };

function bitmap(vlans: readonly number[]): Int32Array {
  const map = new Int32Array(128);
  for (const vlan of vlans) map[vlan >> 5] |= 1 << (vlan & 31);
  return map;
}

function makePort(bridge: XBridge, setup: PortSetup): XPort {
  const { ofport } = setup;
  return {
    name: setup.name ?? `p${ofport}`,
    ofport,
    odpPort: setup.odpPort ?? ofport,
    bridge,
    bundle: null,
    mayForward: setup.mayForward ?? true,
    noFlood: setup.noFlood ?? false,
    noRecv: false,
    noFwd: setup.noFwd ?? false,
    noPacketIn: false,
    peer: null,
    tunnel: null,
    queues: null,
  };
}

/** What a port on its own is to the bridge. */
function makeBundle(port: XPort, setup: PortSetup): XBundle {
  const { vlanMode = 'trunk', tag = 0, trunks, cvlans } = setup;
  return {
    name: setup.bond ?? port.name,
    ports: [port],
    vlanMode,
    tag,
    trunks: trunks === undefined ? null : bitmap(trunks),
    cvlans: cvlans === undefined ? null : bitmap(cvlans),
    qinqTpid: setup.qinqTpid ?? 0x88a8,
    priorityTags: setup.priorityTags ?? 'never',
    protected: setup.protected ?? false,
    floodable: !port.noFlood,
    bond: null,
  };
}

/** The bundle of a port: its own, or that of the bond that it joins. */
function bundleOf(port: XPort, setup: PortSetup, bundles: XBundle[]): XBundle {
  const found = bundles.find((bundle) => bundle.name === setup.bond);
  if (found === undefined) {
    const bundle = makeBundle(port, setup);
    bundles.push(bundle);
    return bundle;
  }
  (found.ports as XPort[]).push(port);
  return found;
}

function makeMirror(setup: MirrorSetup, index: number, bundles: readonly XBundle[]): XMirror {
  const named = (names: readonly string[] = []) =>
    setup.selectAll === true ? null : new Set(bundles.filter((bundle) => names.includes(bundle.name)));
  return {
    name: `m${index}`,
    selectSrc: named(setup.src),
    selectDst: named(setup.dst),
    vlans: setup.vlans === undefined ? null : bitmap(setup.vlans),
    outBundle: bundles.find((bundle) => bundle.name === setup.outPort) ?? null,
    outVlan: setup.outVlan ?? -1,
    snaplen: setup.snaplen ?? 0,
  };
}

/** The rule that a switch has of a flow. OpenFlow 1.0 cannot say set_field with a mask, push_vlan, nor instructions. */
export function ruleOf(text: string): Rule {
  const version = /set_field|push_|write_actions|clear_actions|goto_table/.test(text)
    ? 'OpenFlow15'
    : 'OpenFlow10';
  return toRule(parseFlow(text, { version, loose: true }));
}

/** A bridge with flows in ovs-ofctl syntax, and the snapshot around it. Userspace actions name port id 0. */
export function makeSwitch(setup: Setup): TestSwitch {
  const fdb = new MacTable();
  const recirc = new RecircRegistry();
  const tables: Classifier<Rule>[] = [];
  const portMap = new Map<number, XPort>();
  const portList: XPort[] = [];
  const bundles: XBundle[] = [];
  const mirrors: XMirror[] = [];
  const bridge: XBridge = {
    name: 'br0',
    uuid: Int32Array.of(1, 2, 3, 4),
    tables,
    ports: portMap,
    portList,
    bundles,
    fdb,
    failMode: setup.failMode ?? 'secure',
    groups: new Map(
      (setup.groups ?? []).map((text) => {
        const group = makeGroup(parseGroup(text), { ...SUPPORT, ...setup.support });
        return [group.id, group] as const;
      }),
    ),
    meters: new Map(setup.meters ?? []),
    mirrors,
    mcast: setup.mcast ?? null,
    sampling: null,
    forwardBpdu: setup.forwardBpdu ?? false,
  };
  const portsByOdp: XPort[] = [];
  for (const port of setup.ports.toSorted((a, b) => a.ofport - b.ofport)) {
    const made = makePort(bridge, port);
    (made as { bundle: XBundle }).bundle = bundleOf(made, port, bundles);
    portMap.set(made.ofport, made);
    portList.push(made);
    portsByOdp[made.odpPort] = made;
  }
  for (const bundle of bundles) {
    const make = setup.bonds?.[bundle.name];
    if (make !== undefined) (bundle as { bond: XBond }).bond = make(bundle.ports);
  }
  mirrors.push(...(setup.mirrors ?? []).map((mirror, i) => makeMirror(mirror, i, bundles)));
  const rules = [...(setup.flows ?? []).map(ruleOf), ...(setup.rules ?? [])];
  for (const rule of rules) {
    tables[rule.table] ??= new Classifier<Rule>();
    tables[rule.table].insert(rule);
  }
  for (const [port, vlan, macHigh, macLow] of setup.fdb ?? []) {
    fdb.apply({
      type: 'learn',
      bridge,
      bundle: portMap.get(port)!.bundle!,
      vlan,
      macHigh,
      macLow,
      gratuitousArp: false,
    });
  }
  const support = { ...SUPPORT, ...setup.support };
  return {
    snapshot: {
      generation: 1,
      portsByOdp,
      support,
      recirc,
      vlanLimit: support.maxVlanHeaders,
      queuePriority: (queue) => queue,
      upcallPid: () => 0,
    },
    bridge,
    fdb,
    recirc,
  };
}

/** Key of a packet written as an OpenFlow match; `in_port` is the datapath's. Tags get their TPID. */
export function makeKey(match: string): Int32Array {
  const { key } = parseFlow(`${match} actions=drop`).match;
  if (key[F_VLAN_TCI] !== 0) key[F_VLAN_TPID] = 0x8100;
  if (key[F_VLAN1_TCI] !== 0) key[F_VLAN1_TPID] = 0x8100;
  return key;
}

/** As makeKey, for a packet whose `in_port` is an OpenFlow port of `bridge`. */
export function makeKeyFor(bridge: XBridge, match: string): Int32Array {
  const key = makeKey(match);
  key[F_IN_PORT] = bridge.ports.get(key[F_IN_PORT])?.odpPort ?? 0x7fffffff;
  return key;
}

/** A frozen state with nothing in it but what is given. */
export function makeState(bridge: XBridge, some: Partial<FrozenState> = {}): FrozenState {
  return {
    bridge,
    table: 0,
    inPort: 1,
    metadataHigh: 0,
    metadataLow: 0,
    registers: new Int32Array(16),
    tunnel: null,
    tunnelOptions: null,
    stack: new Int32Array(0),
    mirrors: 0,
    isCopy: false,
    conntracked: false,
    actions: [],
    actionSet: [],
    userdata: null,
    bond: null,
    ...some,
  };
}
