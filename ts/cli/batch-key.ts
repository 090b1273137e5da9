import { FLOW_WORDS } from '../fields/index.js';
import { formatFlowRow, formatKey, parseKey } from '../flow/index.js';
import { FITNESS, KEY_FORM, native } from '../native/index.js';
import { formatMatch, parseFlowKey } from '../openflow/index.js';
import { toHex } from '../util/index.js';
import { type BatchRequest, bytesOf, textOf } from './batch-request.js';

/**
 * Key attributes, and with them their mask if there is one → the text of both, how well they describe a flow, and the flow.
 * With `"more": true` also what else OVS's tools tell of them: verbose text, the match, the userspace forms.
 */
export function keyDecode(request: BatchRequest): object {
  const key = bytesOf(request, 'key');
  const mask = request.mask === undefined || request.mask === null ? undefined : bytesOf(request, 'mask');
  const row = new Int32Array(FLOW_WORDS);
  const fitness = FITNESS[native().decodeKey(key, row, 0)];
  const text = formatKey(key, mask);
  if (fitness === 'error') return { text, fitness, error: native().decodeProblem() };
  const answer = { text, fitness, flow: formatFlowRow(row) };
  return request.more === true ? { ...answer, ...moreOfKey(key, mask, row) } : answer;
}

function moreOfKey(key: Uint8Array, mask: Uint8Array | undefined, row: Int32Array): object {
  const keyFromFlow = encodeKey(row);
  const more = {
    textVerbose: formatKey(key, mask, { verbose: true }),
    keyFromFlow: toHex(keyFromFlow),
    keyFromFlowText: formatKey(keyFromFlow, undefined, { verbose: true }),
  };
  if (mask === undefined) return more;
  const maskRow = new Int32Array(FLOW_WORDS);
  const maskFitness = FITNESS[native().decodeMask(mask, row, 0, maskRow, 0)];
  if (maskFitness === 'error') return { ...more, maskFitness, maskError: native().decodeProblem() };
  const match = { key: row.map((word, i) => word & maskRow[i]), mask: maskRow };
  return {
    ...more,
    maskFitness,
    match: formatMatch(match),
    maskFromFlow: toHex(encodeMask(row, maskRow)),
  };
}

export function keyEncode(request: BatchRequest): object {
  const { key, mask } = parseKey(textOf(request, 'text'));
  return { key: toHex(key), mask: toHex(mask) };
}

/** A flow in OpenFlow's words → the same as OVS prints it, and its key in OVS's userspace form. */
export function flowKey(request: BatchRequest): object {
  return flowAnswer(parseFlowKey(textOf(request, 'flow')));
}

/** As flowKey of what the packet's headers say; only metadata is taken from `flow`. */
export function packetExtract(request: BatchRequest): object {
  const row = parseFlowKey(textOf(request, 'flow'));
  native().extractPacket(bytesOf(request, 'packet'), row, 0, KEY_FORM.full);
  return flowAnswer(row);
}

function flowAnswer(row: Int32Array): object {
  const key = encodeKey(row);
  return {
    flow: formatFlowRow(row),
    key: toHex(key),
    text: formatKey(key, undefined, { verbose: true }),
  };
}

/** More than the attributes of any key. */
const room = new Uint8Array(4096);

/** The key, and the mask, of a flow in the form of OVS's userspace. */
function encodeKey(row: Int32Array): Uint8Array {
  return room.slice(0, native().encodeKey(row, 0, room, 0, KEY_FORM.full));
}
function encodeMask(row: Int32Array, mask: Int32Array): Uint8Array {
  return room.slice(0, native().encodeMask(row, 0, mask, 0, room, 0, KEY_FORM.full));
}
