import {
  OVS_ACTION_ATTR_CHECK_PKT_LEN,
  OVS_ACTION_ATTR_CLONE,
  OVS_ACTION_ATTR_OUTPUT,
  OVS_ACTION_ATTR_RECIRC,
  OVS_ACTION_ATTR_SAMPLE,
} from '../../fields/index.js';
import { NLA_HDRLEN } from '../../netlink/index.js';
import { nlaLength, nlaNext, nlaOk, nlaType } from '../attributes.js';

/** Attribute with actions, of sample; of check_pkt_len, whichever length (uapi/linux/openvswitch.h). */
const SAMPLE_ACTIONS = 2;
const GREATER_ACTIONS = 2;
const LESS_EQUAL_ACTIONS = 3;

/**
 * Whether packets go on from the datapath actions bytes[offset … end), which are well-formed: to a port or to other actions, also where
 * that depends on their length or on chance. What dec_ttl holds is for packets whose time is over. OVS 3.1 looks at outputs alone.
 */
export function forwards(bytes: Uint8Array, offset: number, end: number): boolean {
  for (let at = offset; nlaOk(bytes, at, end); at = nlaNext(bytes, at)) {
    const content = at + NLA_HDRLEN;
    const last = at + nlaLength(bytes, at);
    switch (nlaType(bytes, at)) {
      case OVS_ACTION_ATTR_OUTPUT:
      case OVS_ACTION_ATTR_RECIRC:
        return true;
      case OVS_ACTION_ATTR_CLONE:
        if (forwards(bytes, content, last)) return true;
        break;
      case OVS_ACTION_ATTR_SAMPLE:
        if (inside(bytes, content, last, SAMPLE_ACTIONS, SAMPLE_ACTIONS)) return true;
        break;
      case OVS_ACTION_ATTR_CHECK_PKT_LEN:
        if (inside(bytes, content, last, GREATER_ACTIONS, LESS_EQUAL_ACTIONS)) return true;
        break;
    }
  }
  return false;
}

/** Likewise of actions in attributes of the types from `least` to `most` in bytes[offset … end). */
function inside(bytes: Uint8Array, offset: number, end: number, least: number, most: number): boolean {
  for (let at = offset; nlaOk(bytes, at, end); at = nlaNext(bytes, at)) {
    const type = nlaType(bytes, at);
    if (type < least || type > most) continue;
    if (forwards(bytes, at + NLA_HDRLEN, at + nlaLength(bytes, at))) return true;
  }
  return false;
}
