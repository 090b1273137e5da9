import {
  OVS_TUNNEL_KEY_ATTR_CSUM,
  OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT,
  OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS,
  OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS,
  OVS_TUNNEL_KEY_ATTR_ID,
  OVS_TUNNEL_KEY_ATTR_IPV4_DST,
  OVS_TUNNEL_KEY_ATTR_IPV4_SRC,
  OVS_TUNNEL_KEY_ATTR_IPV6_DST,
  OVS_TUNNEL_KEY_ATTR_IPV6_SRC,
  OVS_TUNNEL_KEY_ATTR_OAM,
  OVS_TUNNEL_KEY_ATTR_PAD,
  OVS_TUNNEL_KEY_ATTR_TOS,
  OVS_TUNNEL_KEY_ATTR_TP_DST,
  OVS_TUNNEL_KEY_ATTR_TP_SRC,
  OVS_TUNNEL_KEY_ATTR_TTL,
  OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS,
} from '../fields/index.js';
import { alternateHex, formatFlags, formatMaskedFlags, TUNNEL_FLAGS } from '../util/index.js';
import { allBytes, attributeMap, hostU32, netU32, readAttributes } from './attributes.js';
import { bigHex, FieldText, genericHex } from './format-fields.js';
import {
  TUN_F_CSUM,
  TUN_F_DF,
  TUN_F_KEY,
  TUN_F_OAM,
  TUNNEL_KEY_GTPU_OPTS,
  VXLAN_EXT_GBP,
} from './tunnel-key.js';

/** Mask bits that count as all of the flags. */
const ALL_FLAGS = TUN_F_OAM | TUN_F_DF | TUN_F_CSUM | TUN_F_KEY;

const FLAG_ATTRIBUTES = new Map([
  [OVS_TUNNEL_KEY_ATTR_ID, TUN_F_KEY],
  [OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT, TUN_F_DF],
  [OVS_TUNNEL_KEY_ATTR_CSUM, TUN_F_CSUM],
  [OVS_TUNNEL_KEY_ATTR_OAM, TUN_F_OAM],
]);

const SIZES = new Map([
  [OVS_TUNNEL_KEY_ATTR_ID, 8],
  [OVS_TUNNEL_KEY_ATTR_IPV4_SRC, 4],
  [OVS_TUNNEL_KEY_ATTR_IPV4_DST, 4],
  [OVS_TUNNEL_KEY_ATTR_IPV6_SRC, 16],
  [OVS_TUNNEL_KEY_ATTR_IPV6_DST, 16],
  [OVS_TUNNEL_KEY_ATTR_TOS, 1],
  [OVS_TUNNEL_KEY_ATTR_TTL, 1],
  [OVS_TUNNEL_KEY_ATTR_TP_SRC, 2],
  [OVS_TUNNEL_KEY_ATTR_TP_DST, 2],
  [OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT, 0],
  [OVS_TUNNEL_KEY_ATTR_CSUM, 0],
  [OVS_TUNNEL_KEY_ATTR_OAM, 0],
]);

/** What stands between the parentheses of `tunnel(…)`. `mask`: the mask's attributes, undefined for none. */
export function formatTunnel(key: Uint8Array, mask: Uint8Array | undefined, verbose: boolean): string {
  const masks = mask === undefined ? undefined : attributeMap(mask);
  const parts: string[] = [];
  let flags = 0;
  for (const { type, payload } of readAttributes(key).attributes) {
    flags |= FLAG_ATTRIBUTES.get(type) ?? 0;
    const text = tunnelAttribute(type, payload, masks?.get(type), verbose);
    if (text !== '') parts.push(text);
  }
  const text = flagsText(flags, masks, verbose);
  if (text !== '') parts.push(`flags(${text})`);
  return parts.join(',');
}

/** Empty when there is a mask that matches no flag. */
function flagsText(
  flags: number,
  masks: ReadonlyMap<number, Uint8Array> | undefined,
  verbose: boolean,
): string {
  if (masks === undefined) return formatFlags(flags, TUNNEL_FLAGS);
  let mask = 0;
  for (const [type, flag] of FLAG_ATTRIBUTES) if (masks.has(type)) mask |= flag;
  return mask === 0 && !verbose ? '' : formatMaskedFlags(flags, mask, TUNNEL_FLAGS, ALL_FLAGS);
}

function tunnelAttribute(
  type: number,
  key: Uint8Array,
  mask: Uint8Array | undefined,
  verbose: boolean,
): string {
  const size = SIZES.get(type);
  if (size !== undefined && (key.length !== size || (mask !== undefined && mask.length !== size))) {
    return unknownText(type, key, mask);
  }
  const text = new FieldText(key, mask, verbose);
  switch (type) {
    case OVS_TUNNEL_KEY_ATTR_ID:
      return text.be64('tun_id', 0).toString();
    case OVS_TUNNEL_KEY_ATTR_IPV4_SRC:
      return text.ipv4('src', 0).toString();
    case OVS_TUNNEL_KEY_ATTR_IPV4_DST:
      return text.ipv4('dst', 0).toString();
    case OVS_TUNNEL_KEY_ATTR_IPV6_SRC:
      return text.ipv6('ipv6_src', 0).toString();
    case OVS_TUNNEL_KEY_ATTR_IPV6_DST:
      return text.ipv6('ipv6_dst', 0).toString();
    case OVS_TUNNEL_KEY_ATTR_TOS:
      return text.u8Hex('tos', 0).toString();
    case OVS_TUNNEL_KEY_ATTR_TTL:
      return text.u8('ttl', 0).toString();
    case OVS_TUNNEL_KEY_ATTR_TP_SRC:
      return text.be16('tp_src', 0).toString();
    case OVS_TUNNEL_KEY_ATTR_TP_DST:
      return text.be16('tp_dst', 0).toString();
    case OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS:
      return `vxlan(${vxlanText(key, mask, verbose)})`;
    case OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS:
      return `geneve(${geneveText(key, mask, verbose)})`;
    case OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS:
      return `erspan(${erspanText(key, mask)})`;
    case TUNNEL_KEY_GTPU_OPTS:
      return key.length === 2 && (mask === undefined || mask.length === 2)
        ? `gtpu(${text.u8Hex('flags', 0).u8('msgtype', 1)})`
        : unknownText(type, key, mask);
    case OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT:
    case OVS_TUNNEL_KEY_ATTR_CSUM:
    case OVS_TUNNEL_KEY_ATTR_OAM:
    case OVS_TUNNEL_KEY_ATTR_PAD:
      return '';
    default:
      return unknownText(type, key, mask);
  }
}

function unknownText(type: number, key: Uint8Array, mask: Uint8Array | undefined): string {
  return `key${type}(${genericHex(key)}${mask === undefined ? '' : `/${genericHex(mask)}`})`;
}

function vxlanText(key: Uint8Array, mask: Uint8Array | undefined, verbose: boolean): string {
  const masks = mask === undefined ? undefined : attributeMap(mask);
  return readAttributes(key)
    .attributes.map(({ type, payload }) => {
      const ma = masks?.get(type);
      if (type !== VXLAN_EXT_GBP || payload.length !== 4) return unknownText(type, payload, ma);
      const text = new FieldText(gbpBytes(payload), ma === undefined ? undefined : gbpBytes(ma), verbose);
      return `gbp(${text.be16('id', 0).u8Hex('flags', 2)})`;
    })
    .join(',');
}

/** Host-order u32 with the id in its low half and flags above, as be16 id and u8 flags. */
function gbpBytes(payload: Uint8Array): Uint8Array {
  const value = hostU32(payload);
  return Uint8Array.of(value >>> 8, value, value >>> 16);
}

/** Geneve options: class (be16), type, length in words (5 bits), data. */
export function geneveText(key: Uint8Array, mask: Uint8Array | undefined, verbose: boolean): string {
  let text = '';
  let at = 0;
  while (at < key.length) {
    const left = key.length - at;
    if (left < 4) return `${text}opt len ${left} less than minimum 4`;
    const length = 4 + (key[at + 3] & 0x1f) * 4;
    if (left < length) return `${text}opt len ${length} greater than remaining ${left}`;
    text += optionText(key.subarray(at, at + length), mask?.subarray(at, at + length), verbose);
    at += length;
  }
  return text;
}

function optionText(key: Uint8Array, mask: Uint8Array | undefined, verbose: boolean): string {
  const head = Uint8Array.from(key.subarray(0, 4));
  head[3] = (head[3] & 0x1f) * 4;
  const headMask = mask && Uint8Array.from(mask.subarray(0, 4));
  if (headMask !== undefined) headMask[3] = (headMask[3] & 0x1f) === 0x1f ? 0xff : headMask[3] & 0x1f;
  const fields = new FieldText(head, headMask, verbose).be16Hex('class', 0).u8Hex('type', 2).u8('len', 3);
  const data = key.subarray(4);
  const dataMask = mask?.subarray(4);
  if (data.length > 0 && (verbose || dataMask === undefined || !allBytes(dataMask, 0))) {
    const full = dataMask === undefined || allBytes(dataMask, 0xff);
    fields.raw(full ? bigHex(data) : `${bigHex(data)}/${bigHex(dataMask)}`);
  }
  return `{${fields}}`;
}

/** Direction and hardware id of struct erspan_md2. */
export function erspanHwid(metadata: Uint8Array): [direction: number, hwid: number] {
  return [(metadata[7] >>> 3) & 1, ((metadata[6] & 0x03) << 4) | (metadata[7] >>> 4)];
}

/** struct erspan_metadata; see writeTunnelKey. */
function erspanText(key: Uint8Array, mask: Uint8Array | undefined): string {
  const version = key[0];
  if (version === 1 && key.length >= 8) {
    const index = alternateHex(netU32(key, 4));
    return `ver=1,idx=${index}${mask === undefined ? '' : `/${alternateHex(netU32(mask, 4))}`}`;
  }
  if (version === 2 && key.length >= 12) {
    // The hardware id has six bits; of its mask OVS shows the lower four.
    const [direction, hwid] = erspanHwid(key.subarray(4));
    if (mask === undefined) return `ver=2,dir=${direction},hwid=${alternateHex(hwid)}`;
    const [directionMask] = erspanHwid(mask.subarray(4));
    return (
      `ver=2,dir=${direction}/${alternateHex(directionMask)}` +
      `,hwid=${alternateHex(hwid)}/${alternateHex(mask[11] >>> 4)}`
    );
  }
  return `ver=${version}`;
}
