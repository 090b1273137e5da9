import type { Bridge } from '../bridge/index.js';
import { limitTags, type Snapshot, unpackOptions, type XBridge } from '../xlate/index.js';
import { SlowpathError } from '../errors/index.js';
import { F_IN_PORT, F_TUN_OPTS_LEN, F_VLAN1_TCI, F_VLAN1_TPID, FLOW_WORDS } from '../fields/index.js';
import { parseKey } from '../flow/index.js';
import { FITNESS, native } from '../native/index.js';
import { parseFlowKey } from '../openflow/index.js';
import { CT_STATE_FLAGS } from '../util/index.js';

const ETH_TYPE_VLAN = 0x8100;
const VLAN_CFI = 0x1000;

const CT_STATE: Readonly<Record<string, number>> = Object.fromEntries(
  CT_STATE_FLAGS.map((name, bit) => [name, 1 << bit]),
);

/** What is to be traced. */
export interface TraceRequest {
  readonly bridge: XBridge;
  /** The packet: FLOW_WORDS words with the OpenFlow in_port. */
  readonly flow: Int32Array;
  /** ct_state of the packet each time that it comes back from the connection tracker; when they run out, trk and new. */
  readonly ctNext: readonly number[];
  /** The packet's bytes, where there are any: what IGMP and MLD messages say is read from them. */
  readonly packet?: Uint8Array;
  /** Names of the datapath's ports: ports, also OpenFlow's, are to be shown by name (`--names`). By number, if absent. */
  readonly portNames?: ReadonlyMap<number, string>;
}

/** The ct_state that a --ct-next option means: names with commas between; trk goes without saying. Throws ERR_TRACE. */
export function parseCtNext(text: string): number {
  let state = CT_STATE.trk;
  for (const name of text.split(/[,|]/).map((part) => part.trim())) {
    if (name === '') continue;
    if (!Object.hasOwn(CT_STATE, name)) {
      throw new SlowpathError(
        'ERR_TRACE',
        `--ct-next: "${name}" is no state: expected ${Object.keys(CT_STATE).join(', ')} with commas between`,
      );
    }
    state |= CT_STATE[name];
  }
  if ((state & CT_STATE.inv) !== 0 && (state & ~(CT_STATE.inv | CT_STATE.trk)) !== 0) {
    throw new SlowpathError('ERR_TRACE', '--ct-next: a connection that is inv has no other state but trk');
  }
  if ((state & CT_STATE.new) !== 0 && (state & CT_STATE.est) !== 0) {
    throw new SlowpathError('ERR_TRACE', '--ct-next: a connection is not new and est at once');
  }
  return state;
}

/**
 * The packet that a flow in OpenFlow syntax describes, as `ofproto/trace` reads it: what it does not mention is 0, a packet
 * without in_port came from no port, tags are 802.1Q unless they say otherwise. Throws SyntaxProblem.
 */
export function parsePacketFlow(bridge: Bridge, text: string): Int32Array {
  const row = parseFlowKey(text, bridge.portNames(), bridge.tlvMap);
  if ((row[F_VLAN1_TCI] & VLAN_CFI) !== 0 && row[F_VLAN1_TPID] === 0) row[F_VLAN1_TPID] = ETH_TYPE_VLAN;
  return row;
}

/**
 * The packet that a datapath key in text describes (`in_port(1),eth(…),…`), and where it comes in. Throws SyntaxProblem, and ERR_TRACE when the
 * key is incomplete or its port belongs to no bridge.
 */
export function parseDatapathFlow(
  snapshot: Snapshot,
  text: string,
): { readonly bridge: XBridge; readonly flow: Int32Array } {
  const { key } = parseKey(text);
  const flow = new Int32Array(FLOW_WORDS);
  if (FITNESS[native().decodeKey(key, flow, 0)] === 'error') {
    throw new SlowpathError('ERR_TRACE', `"${text}" is no complete key of a packet`);
  }
  limitTags(flow, snapshot.vlanLimit);
  const bridge = enterBridge(snapshot, flow);
  if (flow[F_TUN_OPTS_LEN] !== 0 && !unpackOptions(flow, bridge)) {
    throw new SlowpathError('ERR_TRACE', `"${text}" has Geneve options that ${bridge.name} cannot take`);
  }
  return { flow, bridge };
}

/** Where a packet comes in by the metadata that a datapath key in text has (`in_port(1)`); headers are left out. Throws as parseDatapathFlow. */
export function parseDatapathPort(
  snapshot: Snapshot,
  text: string,
): { readonly bridge: XBridge; readonly flow: Int32Array } {
  const flow = new Int32Array(FLOW_WORDS);
  native().decodeKey(parseKey(text).key, flow, 0);
  return { bridge: enterBridge(snapshot, flow), flow };
}

/** The bridge of the datapath port in in_port, which becomes the OpenFlow port. */
function enterBridge(snapshot: Snapshot, flow: Int32Array): XBridge {
  const port = snapshot.portsByOdp[flow[F_IN_PORT]] ?? snapshot.tunnels?.find(flow, 0) ?? null;
  if (port === null) {
    throw new SlowpathError('ERR_TRACE', `datapath port ${flow[F_IN_PORT]} belongs to no bridge`);
  }
  flow[F_IN_PORT] = port.ofport;
  return port.bridge;
}
