/**
 * `slowpath/flow`: flows in bytes, text and data, without a switch. Datapath keys and actions are in the syntax of ovs-dpctl(8), rules of
 * OpenFlow tables (`openflow`) in that of ovs-ofctl(8). Flow keys are rows of FLOW_WORDS 32-bit words in host byte order (docs/fields.md).
 */
import { FLOW_WORDS } from '../fields/index.js';
import { type Fitness, FITNESS, native } from '../native/index.js';
import { ActionsWriter, ACTIONS_MAX, encodeActions, type DatapathAction } from '../flow/index.js';

export { SlowpathError, SyntaxProblem } from '../errors/index.js';
export { FLOW_FIELDS, FLOW_WORDS } from '../fields/index.js';
export {
  type Cookie,
  type DatapathAction,
  decodeActions,
  decodeCookie,
  type FlowDescription,
  formatActions,
  formatFlow,
  formatKey,
  formatUfid,
  type KeyText,
  parseActions,
  parseKey,
} from '../flow/index.js';
export type { Fitness } from '../native/index.js';
export * as openflow from '../openflow/index.js';

/** Longest encoded key or mask, in bytes. */
const KEY_BYTES = 8192;

/** The flow key of an Ethernet frame; metadata (in_port, tunnel, …) is 0. */
export function keyOfPacket(frame: Uint8Array): Int32Array {
  const key = new Int32Array(FLOW_WORDS);
  native().extractPacket(frame, key, 0);
  return key;
}

/** The flow key that OVS_KEY_ATTR_* attributes say, and how well they describe it. */
export function decodeKey(attributes: Uint8Array): { readonly key: Int32Array; readonly fitness: Fitness } {
  const key = new Int32Array(FLOW_WORDS);
  return { fitness: FITNESS[native().decodeKey(attributes, key, 0)], key };
}

/** The OVS_KEY_ATTR_* attributes of a flow key as the kernel takes them. */
export function encodeKey(key: Int32Array): Uint8Array {
  const out = new Uint8Array(KEY_BYTES);
  return out.slice(0, native().encodeKey(key, 0, out, 0));
}

/** The OVS_KEY_ATTR_* attributes of a mask for a flow key. */
export function encodeMask(key: Int32Array, mask: Int32Array): Uint8Array {
  const out = new Uint8Array(KEY_BYTES);
  return out.slice(0, native().encodeMask(key, 0, mask, 0, out, 0));
}

/** The 128-bit flow id of key attributes, as `formatUfid` prints it. */
export function flowId(attributes: Uint8Array): Int32Array {
  const id = new Int32Array(4);
  native().flowId(attributes, id, 0);
  return id;
}

/** Actions as OVS_ACTION_ATTR_* attributes. Throws RangeError when they do not fit into a message. */
export function encodeDatapathActions(actions: readonly DatapathAction[]): Uint8Array {
  const writer = new ActionsWriter(ACTIONS_MAX);
  encodeActions(actions, writer);
  if (writer.overflowed) throw new RangeError('the actions do not fit into a message');
  return writer.bytes.slice(0, writer.length);
}
