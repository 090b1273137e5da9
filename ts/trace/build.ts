import { type Bridge, BridgeModel, type PortNumbers } from '../bridge/index.js';
import type { Configuration, Row } from '../config/index.js';
import { SlowpathError } from '../errors/index.js';
import { parseFlow, parseGroup, parseMeter, parseTlvMap } from '../openflow/index.js';
import { parseIpv4, parseIpv6, parseMac } from '../util/index.js';
import {
  checkDatapathCanDo,
  type DatapathSupport,
  makeGroup,
  RecircRegistry,
  type Snapshot,
} from '../xlate/index.js';
import { about } from './problem.js';
import { DUMMY_SUPPORT } from './support.js';

/** Queues of OVS's dummy datapath are their own priorities. */
const queuePriority = (queue: number): number => queue;

/** A switch without a datapath, to trace in. */
export interface TraceSwitch {
  readonly model: BridgeModel;
  readonly snapshot: Snapshot;
}

/** A flow in ovs-ofctl syntax, and the OpenFlow version that it is sent in. */
export interface FlowText {
  readonly text: string;
  readonly version: 'OpenFlow10' | 'OpenFlow15';
}

/** FILE:LINE of each element of a list, for errors. */
export type Places = readonly string[];

/** What a bridge has besides its configuration. */
export interface BridgeContents {
  /** Geneve options that flows know as tun_metadataN, as `ovs-ofctl add-tlv-map` takes them. */
  readonly tlvMap?: string;
  /** ovs-ofctl syntax, one an element. */
  readonly meters?: readonly string[];
  readonly groups?: readonly string[];
  /** All of them; left out, the bridge has those that its fail mode gives it. */
  readonly flows?: readonly FlowText[];
  /** Where those that came from files stand. */
  readonly places?: { readonly meters?: Places; readonly groups?: Places; readonly flows?: Places };
  /** Addresses known from the start: port, VLAN, MAC. */
  readonly fdb?: readonly (readonly [port: string, vlan: number, mac: string])[];
  /** Members of multicast groups: port, VLAN, address of the group; `querier` for a router. */
  readonly mdb?: readonly (readonly [port: string, vlan: number, group: string])[];
}

/**
 * The switch that a configuration describes, with flows, groups, meters and learned addresses by bridge; `numbers` are those of the ports
 * by name. `support`: what its datapath can do. Throws SlowpathError: ERR_TRACE that names the flow or group, or its place, ERR_CONFIG_*.
 */
export function buildSwitch(
  configuration: Configuration,
  numbers: ReadonlyMap<string, PortNumbers>,
  contents: ReadonlyMap<string, BridgeContents>,
  support: DatapathSupport = DUMMY_SUPPORT,
): TraceSwitch {
  const model = new BridgeModel(queuePriority);
  model.configure(configuration, (iface: Row) => numbers.get(iface.text('name')) ?? null);
  for (const [name, content] of contents) fillBridge(requireBridge(model, name), content, support);
  return {
    model,
    snapshot: {
      generation: 1,
      portsByOdp: model.portsByOdp,
      tunnels: model.tunnelPorts,
      support,
      recirc: new RecircRegistry(),
      vlanLimit: model.vlanLimit,
      queuePriority,
      upcallPid: () => 0,
    },
  };
}

function fillBridge(
  bridge: Bridge,
  { tlvMap, meters = [], groups = [], flows, places = {}, fdb = [], mdb = [] }: BridgeContents,
  support: DatapathSupport,
): void {
  if (tlvMap !== undefined) about(`TLV map "${tlvMap}"`, () => bridge.setTlvMap(parseTlvMap(tlvMap)));
  // Standalone is a flow that ovs-vswitchd adds to a bridge without controllers; where flows are told, it would be among them.
  if (flows !== undefined) bridge.failMode = 'secure';
  const portNames = bridge.portNames();
  const names = { portNames, ...(bridge.tlvMap === undefined ? {} : { tlvMap: bridge.tlvMap }) };
  for (const [i, text] of meters.entries()) {
    bridge.meters.set(about(`meter "${text}"`, () => parseMeter(text), places.meters?.[i]).meterId, i);
  }
  for (const [i, text] of groups.entries()) {
    const spec = about(`group "${text}"`, () => parseGroup(text, names), places.groups?.[i]);
    bridge.groups.set(spec.groupId, makeGroup(spec, support));
  }
  for (const [i, { text, version }] of (flows ?? []).entries()) {
    const options = {
      ...names,
      version,
      tableNames: bridge.flowTables.tableNames(),
    };
    const read = () => {
      const spec = parseFlow(text, options);
      checkDatapathCanDo(spec, support);
      return spec;
    };
    const flow = about(`flow "${text}"`, read, places.flows?.[i]);
    bridge.flowTables.add(flow);
  }
  for (const [port, vlan, mac] of fdb) addAddress(bridge, port, vlan, mac);
  for (const [port, vlan, group] of mdb) addMember(bridge, port, vlan, group);
}

/** The bridge of this name. Throws ERR_TRACE. */
export function requireBridge(model: BridgeModel, name: string): Bridge {
  const bridge = model.bridges.get(name);
  if (bridge !== undefined) return bridge;
  const known = [...model.bridges.keys()].join(', ');
  throw new SlowpathError(
    'ERR_TRACE',
    `there is no bridge "${name}": expected ${known === '' ? 'one in the configuration' : known}`,
  );
}

function addAddress(bridge: Bridge, port: string, vlan: number, mac: string): void {
  const bundle = bridge.portByName(port)?.bundle;
  const words = new Int32Array(2);
  if (bundle === undefined || !parseMac(mac, words, 0)) {
    throw new SlowpathError(
      'ERR_TRACE',
      `fdb: no port "${port}" on ${bridge.name}, or "${mac}" is no address`,
    );
  }
  const [macHigh, macLow] = words;
  bridge.fdb.apply({ type: 'learn', bridge, bundle, vlan, macHigh, macLow, gratuitousArp: false });
}

function addMember(bridge: Bridge, port: string, vlan: number, text: string): void {
  const bundle = bridge.portByName(port)?.bundle;
  const group = new Int32Array(4);
  const isRouter = text === 'querier';
  if (bundle === undefined || (!isRouter && !parseGroupAddress(text, group))) {
    throw new SlowpathError(
      'ERR_TRACE',
      `mdb: no port "${port}" on ${bridge.name}, or "${text}" is no group`,
    );
  }
  bridge.mcast?.apply({ type: 'mcast', bridge, bundle, vlan, change: isRouter ? 'router' : 'join', group });
}

/** An address of a group as four words, IPv4 as ::ffff:a.b.c.d. */
function parseGroupAddress(text: string, out: Int32Array): boolean {
  const ipv4 = parseIpv4(text);
  if (ipv4 === null) return parseIpv6(text, out, 0);
  out.set([0, 0, 0xffff, ipv4]);
  return true;
}
