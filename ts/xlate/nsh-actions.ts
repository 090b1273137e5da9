import {
  F_NSH_CONTEXT,
  F_NSH_FLAGS,
  F_NSH_MDTYPE,
  F_NSH_NP,
  F_NSH_PATH_HDR,
  F_NSH_TTL,
  OVS_ACTION_ATTR_PUSH_NSH,
  OVS_ACTION_ATTR_SET,
  OVS_ACTION_ATTR_SET_MASKED,
  OVS_KEY_ATTR_NSH,
  OVS_NSH_KEY_ATTR_BASE,
  OVS_NSH_KEY_ATTR_MD1,
  OVS_NSH_KEY_ATTR_MD2,
} from '../fields/index.js';
import type { ActionsWriter } from '../flow/index.js';

const BASE_BYTES = 8;
const CONTEXT_BYTES = 16;
const scratch = new Uint8Array(2 * CONTEXT_BYTES);

function putWord(at: number, word: number): void {
  for (let i = 0; i < 4; i++) scratch[at + i] = word >>> (24 - 8 * i);
}

/** struct ovs_nsh_key_base of the row: flags, TTL, metadata type, next protocol, path header; under `mask` if there is one. */
function putBase(at: number, row: Int32Array, mask: Int32Array | null): void {
  const bits = (word: number) => (mask === null ? -1 : mask[word]);
  scratch[at] = row[F_NSH_FLAGS] & bits(F_NSH_FLAGS);
  scratch[at + 1] = row[F_NSH_TTL] & bits(F_NSH_TTL);
  scratch[at + 2] = row[F_NSH_MDTYPE] & bits(F_NSH_MDTYPE);
  scratch[at + 3] = row[F_NSH_NP] & bits(F_NSH_NP);
  putWord(at + 4, row[F_NSH_PATH_HDR] & bits(F_NSH_PATH_HDR));
}

function putContext(at: number, row: Int32Array, mask: Int32Array | null): void {
  for (let i = 0; i < 4; i++) {
    const word = F_NSH_CONTEXT + i;
    putWord(at + 4 * i, mask === null ? row[word] : row[word] & mask[word]);
  }
}

/** The attributes of an NSH header; `md2`: context headers of metadata type 2. */
function writeHeader(writer: ActionsWriter, flow: Int32Array, md2: Uint8Array | null): void {
  putBase(0, flow, null);
  writer.attribute(OVS_NSH_KEY_ATTR_BASE, scratch, 0, BASE_BYTES);
  if (flow[F_NSH_MDTYPE] === 1) {
    putContext(0, flow, null);
    writer.attribute(OVS_NSH_KEY_ATTR_MD1, scratch, 0, CONTEXT_BYTES);
  } else if (md2 !== null) {
    writer.attribute(OVS_NSH_KEY_ATTR_MD2, md2, 0, md2.length);
  }
}

/** push_nsh(…) of the flow's NSH fields: the header is in an NSH key attribute, as in a key. */
export function writePushNsh(writer: ActionsWriter, flow: Int32Array, md2: Uint8Array | null): void {
  const start = writer.begin(OVS_ACTION_ATTR_PUSH_NSH);
  const nsh = writer.begin(OVS_KEY_ATTR_NSH);
  writeHeader(writer, flow, md2);
  writer.end(nsh);
  writer.end(start);
}

/** Whether the mask has every bit of the header. */
function isExact(mask: Int32Array): boolean {
  const bytes = mask[F_NSH_FLAGS] & mask[F_NSH_TTL] & mask[F_NSH_MDTYPE] & mask[F_NSH_NP] & 0xff;
  let words = mask[F_NSH_PATH_HDR];
  for (let i = 0; i < 4; i++) words &= mask[F_NSH_CONTEXT + i];
  return bytes === 0xff && words === -1;
}

/** set(nsh(…)): value and mask side by side in each attribute, only the value when every bit is set. */
export function writeSetNsh(writer: ActionsWriter, flow: Int32Array, mask: Int32Array): void {
  const exact = isExact(mask);
  const set = writer.begin(exact ? OVS_ACTION_ATTR_SET : OVS_ACTION_ATTR_SET_MASKED);
  const nsh = writer.begin(OVS_KEY_ATTR_NSH);
  if (exact) {
    writeHeader(writer, flow, null);
  } else {
    putBase(0, flow, mask);
    putBase(BASE_BYTES, mask, null);
    writer.attribute(OVS_NSH_KEY_ATTR_BASE, scratch, 0, 2 * BASE_BYTES);
    if (flow[F_NSH_MDTYPE] === 1) {
      putContext(0, flow, mask);
      putContext(CONTEXT_BYTES, mask, null);
      writer.attribute(OVS_NSH_KEY_ATTR_MD1, scratch, 0, 2 * CONTEXT_BYTES);
    }
  }
  writer.end(nsh);
  writer.end(set);
}
