import { OVS_NSH_KEY_ATTR_BASE, OVS_NSH_KEY_ATTR_MD1 } from '../fields/index.js';
import { findAttribute } from '../flow/index.js';

/** Content of OVS_KEY_ATTR_NSH to set, and which bits of it (null: all). */
interface NshSet {
  readonly value: Uint8Array;
  readonly mask: Uint8Array | null;
}

/** The fields of an NSH header that can be set. */
export interface NshFields {
  readonly flags: number;
  readonly ttl: number;
  /** Service path id (24 bits) and index (8 bits). */
  readonly path: number;
  /** Context of metadata type 1, 16 bytes; null without. */
  readonly context: Uint8Array | null;
}

const BASE_BYTES = 8;
const CONTEXT_BYTES = 16;
/** Where path and context begin in struct ovs_nsh_key_base and in the header. */
const PATH = 4;
const CONTEXT = 8;
const MD_TYPE = 2;
const FLAGS_SHIFT = 12;
const FLAGS_BITS = 0x3000;
const TTL_SHIFT = 6;
const TTL_BITS = 0x0fc0;

/** `old` with the bits of the attribute's bytes from `at` on. */
function merge(old: Uint8Array, { value, mask }: NshSet, attribute: number, at: number): Uint8Array {
  const bits = findAttribute(value, attribute);
  if (bits === undefined) return old;
  const which = mask === null ? null : findAttribute(mask, attribute);
  return old.map((byte, i) => {
    const keep = ~(which === null ? 0xff : (which?.[at + i] ?? 0));
    return (byte & keep) | (bits[at + i] & ~keep);
  });
}

/** The fields as a set action leaves them. */
export function setNshFields({ flags, ttl, path, context }: NshFields, set: NshSet): NshFields {
  const base = Uint8Array.of(flags, ttl, 0, 0, path >>> 24, path >>> 16, path >>> 8, path);
  const next = merge(base, set, OVS_NSH_KEY_ATTR_BASE, 0);
  return {
    flags: next[0],
    ttl: next[1],
    path: ((next[4] << 24) | (next[5] << 16) | (next[6] << 8) | next[7]) >>> 0,
    context: context && merge(context, set, OVS_NSH_KEY_ATTR_MD1, 0),
  };
}

/** Sets fields of the NSH header at packet[at …] (OVS: odp_set_nsh). A header that is cut short stays as it is. */
export function rewriteNshHeader(packet: Uint8Array, at: number, set: NshSet): void {
  if (packet.length < at + BASE_BYTES) return;
  const first = (packet[at] << 8) | packet[at + 1];
  const hasContext = packet[at + MD_TYPE] === 1 && packet.length >= at + CONTEXT + CONTEXT_BYTES;
  const path = new DataView(packet.buffer, packet.byteOffset + at + PATH);
  const next = setNshFields(
    {
      flags: (first & FLAGS_BITS) >>> FLAGS_SHIFT,
      ttl: (first & TTL_BITS) >>> TTL_SHIFT,
      path: path.getUint32(0),
      context: hasContext ? packet.slice(at + CONTEXT, at + CONTEXT + CONTEXT_BYTES) : null,
    },
    set,
  );
  const word = (first & ~FLAGS_BITS & ~TTL_BITS) | (next.flags << FLAGS_SHIFT) | (next.ttl << TTL_SHIFT);
  packet[at] = word >>> 8;
  packet[at + 1] = word & 0xff;
  path.setUint32(0, next.path);
  if (next.context !== null) packet.set(next.context, at + CONTEXT);
}
