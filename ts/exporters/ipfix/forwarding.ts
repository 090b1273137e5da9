import {
  OVS_ACTION_ATTR_CHECK_PKT_LEN,
  OVS_ACTION_ATTR_CLONE,
  OVS_ACTION_ATTR_OUTPUT,
  OVS_ACTION_ATTR_RECIRC,
  OVS_ACTION_ATTR_SAMPLE,
} from '../../fields/index.js';

/** Attribute with actions, of sample; of check_pkt_len, whichever length (uapi/linux/openvswitch.h). */
const SAMPLE_ACTIONS = 2;
const GREATER_ACTIONS = 2;
const LESS_EQUAL_ACTIONS = 3;
const HEADER_BYTES = 4;
const TYPE_MASK = 0x3fff;

const typeOf = (bytes: Uint8Array, at: number) => (bytes[at + 2] | (bytes[at + 3] << 8)) & TYPE_MASK;
const sizeOf = (bytes: Uint8Array, at: number) => bytes[at] | (bytes[at + 1] << 8);

/**
 * Whether packets go on from the datapath actions bytes[offset … offset + length), which are well-formed: to a port or to other actions, also where
 * that depends on their length or on chance. What dec_ttl holds is for packets whose time is over. OVS 3.1 looks at outputs alone.
 */
export function forwards(bytes: Uint8Array, offset: number, length: number): boolean {
  const end = offset + length;
  for (
    let at = offset;
    at + HEADER_BYTES <= end;
    at += Math.max(HEADER_BYTES, (sizeOf(bytes, at) + 3) & ~3)
  ) {
    const content = at + HEADER_BYTES;
    const size = Math.min(sizeOf(bytes, at) - HEADER_BYTES, end - content);
    switch (typeOf(bytes, at)) {
      case OVS_ACTION_ATTR_OUTPUT:
      case OVS_ACTION_ATTR_RECIRC:
        return true;
      case OVS_ACTION_ATTR_CLONE:
        if (forwards(bytes, content, size)) return true;
        break;
      case OVS_ACTION_ATTR_SAMPLE:
        if (inside(bytes, content, size, SAMPLE_ACTIONS, SAMPLE_ACTIONS)) return true;
        break;
      case OVS_ACTION_ATTR_CHECK_PKT_LEN:
        if (inside(bytes, content, size, GREATER_ACTIONS, LESS_EQUAL_ACTIONS)) return true;
        break;
    }
  }
  return false;
}

/** Likewise of actions in attributes of the types from `least` to `most` in bytes[offset …]. */
function inside(bytes: Uint8Array, offset: number, length: number, least: number, most: number): boolean {
  const end = offset + length;
  for (
    let at = offset;
    at + HEADER_BYTES <= end;
    at += Math.max(HEADER_BYTES, (sizeOf(bytes, at) + 3) & ~3)
  ) {
    const type = typeOf(bytes, at);
    const size = Math.min(sizeOf(bytes, at), end - at) - HEADER_BYTES;
    if (type >= least && type <= most && forwards(bytes, at + HEADER_BYTES, size)) return true;
  }
  return false;
}
