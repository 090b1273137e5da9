import {
  OVS_FLOW_ATTR_ACTIONS,
  OVS_FLOW_ATTR_CLEAR,
  OVS_FLOW_ATTR_KEY,
  OVS_FLOW_ATTR_MASK,
  OVS_FLOW_ATTR_PROBE,
  OVS_FLOW_ATTR_STATS,
  OVS_FLOW_ATTR_TCP_FLAGS,
  OVS_FLOW_ATTR_UFID,
  OVS_FLOW_ATTR_UFID_FLAGS,
  OVS_FLOW_ATTR_USED,
  OVS_FLOW_CMD_DEL,
  OVS_FLOW_CMD_GET,
  OVS_FLOW_CMD_NEW,
  OVS_FLOW_CMD_SET,
} from '../fields/index.js';
import type { GenlFamily } from '../genl/index.js';
import {
  AttributeCursor,
  type MessageBuilder,
  type NetlinkClient,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_ECHO,
  NLM_F_EXCL,
} from '../netlink/index.js';
import { beginOvs, OVS_HDRLEN } from './families.js';
import { FamilyRequests } from './family-requests.js';

// OVS_UFID_F_*: what an answer about a flow may leave out.
const OVS_UFID_F_OMIT_KEY = 1;
const OVS_UFID_F_OMIT_MASK = 2;
const OVS_UFID_F_OMIT_ACTIONS = 4;
const TERSE = OVS_UFID_F_OMIT_KEY | OVS_UFID_F_OMIT_MASK | OVS_UFID_F_OMIT_ACTIONS;

/** Names a flow: by its id of 16 bytes, by its key attributes, or both. */
export interface FlowName {
  readonly ufid?: Uint8Array;
  readonly key?: Uint8Array;
}

/** A flow to install. Attribute sequences are without the header of the attribute that holds them. */
export interface FlowPut extends FlowName {
  readonly key: Uint8Array;
  /** Left out: exact match. */
  readonly mask?: Uint8Array;
  /** Empty: drop. */
  readonly actions: Uint8Array;
  /** Try only: the kernel does not log why it refuses. The flow is installed all the same. */
  readonly probe?: boolean;
}

/** A flow as the datapath describes it. Byte arrays are views into the answer. */
export interface FlowInfo {
  readonly ufid: Uint8Array | null;
  readonly key: Uint8Array | null;
  readonly mask: Uint8Array | null;
  readonly actions: Uint8Array | null;
  readonly packets: number;
  readonly bytes: number;
  /** Monotonic milliseconds of the last packet, 0 for never. */
  readonly used: number;
  readonly tcpFlags: number;
}

const NAMES: string[] = [];
NAMES[OVS_FLOW_ATTR_KEY] = 'OVS_FLOW_ATTR_KEY';
NAMES[OVS_FLOW_ATTR_ACTIONS] = 'OVS_FLOW_ATTR_ACTIONS';
NAMES[OVS_FLOW_ATTR_STATS] = 'OVS_FLOW_ATTR_STATS';
NAMES[OVS_FLOW_ATTR_TCP_FLAGS] = 'OVS_FLOW_ATTR_TCP_FLAGS';
NAMES[OVS_FLOW_ATTR_USED] = 'OVS_FLOW_ATTR_USED';
NAMES[OVS_FLOW_ATTR_MASK] = 'OVS_FLOW_ATTR_MASK';
NAMES[OVS_FLOW_ATTR_UFID] = 'OVS_FLOW_ATTR_UFID';

/** Reads OVS_FLOW_CMD_NEW, _GET and _DEL answers. For dumps use Channel.dumpNext. Error: ERR_NETLINK_MALFORMED. */
export function decodeFlow(message: Uint8Array): FlowInfo {
  let ufid: Uint8Array | null = null;
  let key: Uint8Array | null = null;
  let mask: Uint8Array | null = null;
  let actions: Uint8Array | null = null;
  let [packets, bytes, used, tcpFlags] = [0, 0, 0, 0];
  const cursor = new AttributeCursor(message, OVS_HDRLEN, 'ovs_flow', NAMES);
  while (cursor.next()) {
    if (cursor.type === OVS_FLOW_ATTR_UFID) ufid = cursor.bytes();
    else if (cursor.type === OVS_FLOW_ATTR_KEY) key = cursor.bytes();
    else if (cursor.type === OVS_FLOW_ATTR_MASK) mask = cursor.bytes();
    else if (cursor.type === OVS_FLOW_ATTR_ACTIONS) actions = cursor.bytes();
    else if (cursor.type === OVS_FLOW_ATTR_STATS) [packets, bytes] = cursor.u64s(2);
    else if (cursor.type === OVS_FLOW_ATTR_USED) used = cursor.u64();
    else if (cursor.type === OVS_FLOW_ATTR_TCP_FLAGS) tcpFlags = cursor.u8();
  }
  cursor.check();
  return { ufid, key, mask, actions, packets, bytes, used, tcpFlags };
}

/** The request that begins a dump of all flows of a datapath; for Channel.dumpStart. */
export function encodeFlowDump(
  builder: MessageBuilder,
  family: GenlFamily,
  dpIfindex: number,
  terse: boolean,
): Uint8Array {
  beginOvs(builder, family, OVS_FLOW_CMD_GET, NLM_F_DUMP, dpIfindex);
  if (terse) builder.u32(OVS_FLOW_ATTR_UFID_FLAGS, TERSE);
  return builder.finish();
}

/**
 * Single flow operations, each waiting for its answer: probing, tools and tests. The slow path submits batches through
 * Channel.submit instead. All methods throw NetlinkError.
 */
export class FlowClient {
  readonly #requests: FamilyRequests;

  constructor(client: NetlinkClient, family: GenlFamily, dpIfindex: number) {
    this.#requests = new FamilyRequests(client, family, dpIfindex);
  }

  /** Installs a flow. EEXIST when there is one that it would overlap with. */
  put(flow: FlowPut): void {
    const builder = this.#requests.begin(OVS_FLOW_CMD_NEW, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
    addName(builder, flow);
    if (flow.mask !== undefined) builder.bytes(OVS_FLOW_ATTR_MASK, flow.mask);
    builder.bytes(OVS_FLOW_ATTR_ACTIONS, flow.actions);
    if (flow.probe) builder.flag(OVS_FLOW_ATTR_PROBE);
    this.#requests.all(builder.finish(), 'install flow', OVS_FLOW_CMD_NEW);
  }

  /**
   * Replaces the actions of an installed flow, and zeroes its statistics when `clear`. The datapath wants the key even when
   * there is a ufid, because it checks the actions against it. ENOENT when there is none.
   */
  modify(name: FlowName & { readonly key: Uint8Array }, actions: Uint8Array, clear = false): void {
    const builder = this.#requests.begin(OVS_FLOW_CMD_SET, NLM_F_ACK);
    addName(builder, name);
    builder.bytes(OVS_FLOW_ATTR_ACTIONS, actions);
    if (clear) builder.flag(OVS_FLOW_ATTR_CLEAR);
    this.#requests.all(builder.finish(), 'modify flow', OVS_FLOW_CMD_SET);
  }

  /** ENOENT when there is none. */
  get(name: FlowName): FlowInfo {
    const builder = this.#requests.begin(OVS_FLOW_CMD_GET, NLM_F_ACK);
    addName(builder, name);
    return decodeFlow(this.#requests.one(builder.finish(), 'get flow', OVS_FLOW_CMD_GET));
  }

  /** Deletes a flow and returns it with its last statistics. ENOENT when there is none. */
  remove(name: FlowName): FlowInfo {
    const builder = this.#requests.begin(OVS_FLOW_CMD_DEL, NLM_F_ECHO | NLM_F_ACK);
    addName(builder, name);
    return decodeFlow(this.#requests.one(builder.finish(), 'delete flow', OVS_FLOW_CMD_DEL));
  }

  /** Deletes all flows. */
  flush(): void {
    const request = this.#requests.begin(OVS_FLOW_CMD_DEL, NLM_F_ACK).finish();
    this.#requests.all(request, 'flush flows', OVS_FLOW_CMD_DEL);
  }
}

function addName(builder: MessageBuilder, { ufid, key }: FlowName): void {
  if (ufid !== undefined) builder.bytes(OVS_FLOW_ATTR_UFID, ufid);
  if (key !== undefined) builder.bytes(OVS_FLOW_ATTR_KEY, key);
}
