import {
  OVS_KEY_ATTR_ARP,
  OVS_KEY_ATTR_CT_LABELS,
  OVS_KEY_ATTR_CT_MARK,
  OVS_KEY_ATTR_CT_STATE,
  OVS_KEY_ATTR_CT_ZONE,
  OVS_KEY_ATTR_DP_HASH,
  OVS_KEY_ATTR_ENCAP,
  OVS_KEY_ATTR_ETHERNET,
  OVS_KEY_ATTR_ETHERTYPE,
  OVS_KEY_ATTR_IN_PORT,
  OVS_KEY_ATTR_IPV6,
  OVS_KEY_ATTR_MPLS,
  OVS_KEY_ATTR_NSH,
  OVS_KEY_ATTR_PACKET_TYPE,
  OVS_KEY_ATTR_PRIORITY,
  OVS_KEY_ATTR_RECIRC_ID,
  OVS_KEY_ATTR_SKB_MARK,
  OVS_KEY_ATTR_TCP_FLAGS,
  OVS_KEY_ATTR_TUNNEL,
  OVS_KEY_ATTR_VLAN,
} from '../fields/index.js';
import {
  alternateHex,
  hex32,
  CT_STATE_FLAGS,
  formatFlags,
  formatMaskedFlags,
  TCP_FLAGS,
} from '../util/index.js';
import {
  allBytes,
  type Attribute,
  attributeMap,
  hostU16,
  hostU32,
  netU16,
  netU32,
  readAttributes,
} from './attributes.js';
import { bigHex, FieldText, genericHex } from './format-fields.js';
import { formatNsh } from './format-nsh.js';
import { formatTunnel } from './format-tunnel.js';
import { KEY_ATTRIBUTES, NESTED, VARIABLE } from './key-table.js';

/** encap() nested deeper is shown as bytes. */
const MAX_DEPTH = 32;

/** Names of datapath ports by number; a port without one is printed as its number. */
export type PortNames = ReadonlyMap<number, string>;

export interface KeyFormatOptions {
  /** Every field, also those that the mask leaves out, as `ovs-dpctl -m`. */
  readonly verbose?: boolean;
  readonly ports?: PortNames | undefined;
  /** How many encap(…) this key is in; 0 without. */
  readonly depth?: number;
}

const IPV6_LABEL_MASK = 0xfffff;
const VLAN_CFI = 0x1000;

/**
 * Key attributes (content of OVS_FLOW_ATTR_KEY) as `ovs-dpctl dump-flows` prints them: `recirc_id(0),in_port(2),eth(…),…`.
 * With `mask` (content of OVS_FLOW_ATTR_MASK) fields that it leaves out are not printed, unless verbose, and partly
 * masked ones carry `/mask`; without one (undefined, or empty) the match is exact. Malformed bytes are shown, never thrown
 * about: unknown attributes as `keyN(…)`, the rest as leftover.
 */
export function formatKey(key: Uint8Array, mask?: Uint8Array, options: KeyFormatOptions = {}): string {
  if (key.length === 0) return '<empty>';
  const masks = mask !== undefined && mask.length > 0 ? attributeMap(mask) : undefined;
  const { attributes, leftover } = readAttributes(key);
  const parts: string[] = [];
  for (const attribute of attributes) {
    const text = keyAttributeText(attribute, attributes, masks, options);
    if (text !== null) parts.push(text);
  }
  let text = parts.join(',');
  if (leftover.length > 0) text += leftoverText(leftover, key.length);
  const typeMask = masks?.get(OVS_KEY_ATTR_ETHERTYPE);
  if (typeMask?.length === 2 && !attributes.some(({ type }) => type === OVS_KEY_ATTR_ETHERTYPE)) {
    // A mask without the attribute: the frame must be 802.2.
    text += `,eth_type(0/${hex32(netU16(typeMask), 4)})`;
  }
  return text;
}

/** How OVS shows bytes that are no attributes; `total` is the size of the whole sequence. */
export function leftoverText(leftover: Uint8Array, total: number): string {
  const hex = Array.from(leftover, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${leftover.length === total ? '<empty>' : ''},***${leftover.length} leftover bytes*** (${hex})`;
}

/** One attribute in its place in a key, or null when the mask leaves it out. */
function keyAttributeText(
  attribute: Attribute,
  all: readonly Attribute[],
  masks: ReadonlyMap<number, Uint8Array> | undefined,
  options: KeyFormatOptions,
): string | null {
  const { type, payload } = attribute;
  if (masks === undefined) return formatKeyAttribute(type, payload, undefined, options);
  const mask = masks.get(type);
  const info = KEY_ATTRIBUTES.get(type);
  // What it does not know OVS does not take for a wildcard, whatever the bits of its mask: Linux's IPV6_EXTHDRS is shown.
  const wildcard = mask === undefined || (info !== undefined && allBytes(mask, 0));
  const nested = info?.size === NESTED;
  if (options.verbose || !wildcard || nested) {
    return formatKeyAttribute(type, payload, mask ?? emptyMask(type, payload), options);
  }
  // Without packet_type, the presence of eth() says that the packet has an Ethernet header at all.
  if (type === OVS_KEY_ATTR_ETHERNET && !all.some((other) => other.type === OVS_KEY_ATTR_PACKET_TYPE)) {
    return 'eth()';
  }
  return null;
}

/** A mask of zeroes for an attribute. Inside nested attributes the headers stay and only the payloads are zero. */
function emptyMask(type: number, payload: Uint8Array, depth = 0): Uint8Array {
  const mask = new Uint8Array(payload.length);
  if (type !== OVS_KEY_ATTR_ENCAP && type !== OVS_KEY_ATTR_TUNNEL && type !== OVS_KEY_ATTR_NSH) return mask;
  for (const inner of readAttributes(payload).attributes) {
    const at = inner.payload.byteOffset - payload.byteOffset;
    mask.set(payload.subarray(at - 4, at), at - 4);
    if (type === OVS_KEY_ATTR_ENCAP && depth < MAX_DEPTH) {
      mask.set(emptyMask(inner.type, inner.payload, depth + 1), at);
    }
  }
  return mask;
}

/** One key attribute, `name(…)`, whatever its mask says. Also the argument of set(…). */
export function formatKeyAttribute(
  type: number,
  key: Uint8Array,
  mask: Uint8Array | undefined,
  options: KeyFormatOptions,
): string {
  const info = KEY_ATTRIBUTES.get(type);
  const name = info?.name ?? `key${type}`;
  const size = info?.size ?? VARIABLE;
  const bad = size !== NESTED && size !== VARIABLE ? badSizeText(key, mask, size) : null;
  if (bad !== null) return name + bad;
  return `${name}(${keyContent(type, key, mask, options)})`;
}

function badSizeText(key: Uint8Array, mask: Uint8Array | undefined, size: number): string | null {
  const badKey = key.length !== size;
  const badMask = mask !== undefined && mask.length !== size;
  if (!badKey && !badMask) return null;
  let text = badKey ? `(bad key length ${key.length}, expected ${size})(` : '';
  text += genericHex(key);
  if (mask !== undefined) {
    text += badMask ? `/(bad mask length ${mask.length}, expected ${size})(` : '/';
    text += genericHex(mask);
  }
  return `${text})`;
}

/** Whether a mask covers all of its attribute, as far as the attribute has meaning; never for one that OVS does not know. */
export function isExactMask(type: number, mask: Uint8Array): boolean {
  switch (type) {
    case OVS_KEY_ATTR_TCP_FLAGS:
      return (netU16(mask) & 0xfff) === 0xfff;
    case OVS_KEY_ATTR_TUNNEL:
      return false;
    case OVS_KEY_ATTR_IPV6:
      return (
        (netU32(mask, 32) & IPV6_LABEL_MASK) === IPV6_LABEL_MASK &&
        allBytes(mask.subarray(0, 32), 0xff) &&
        allBytes(mask.subarray(36, 40), 0xff)
      );
    case OVS_KEY_ATTR_ARP:
      return allBytes(mask.subarray(0, 22), 0xff);
    default:
      return KEY_ATTRIBUTES.has(type) && allBytes(mask, 0xff);
  }
}

function keyContent(
  type: number,
  key: Uint8Array,
  mask: Uint8Array | undefined,
  options: KeyFormatOptions,
): string {
  const { verbose = false, depth = 0 } = options;
  const partial = mask !== undefined && !isExactMask(type, mask) ? mask : undefined;
  const fields = new FieldText(key, mask, verbose);
  switch (type) {
    case OVS_KEY_ATTR_ENCAP:
      // Ports are never named inside, and never occur there.
      if (key.length === 0) return '';
      return depth >= MAX_DEPTH ? genericHex(key) : formatKey(key, mask, { verbose, depth: depth + 1 });
    case OVS_KEY_ATTR_PRIORITY:
    case OVS_KEY_ATTR_SKB_MARK:
    case OVS_KEY_ATTR_DP_HASH:
    case OVS_KEY_ATTR_RECIRC_ID:
      return maskedHex(hostU32(key), partial && hostU32(partial));
    case OVS_KEY_ATTR_CT_MARK:
      return verbose || !isEmpty(mask) ? maskedHex(hostU32(key), partial && hostU32(partial)) : '';
    case OVS_KEY_ATTR_CT_ZONE:
      return verbose || !isEmpty(mask) ? maskedHex(hostU16(key), partial && hostU16(partial)) : '';
    case OVS_KEY_ATTR_CT_STATE:
      if (verbose) return maskedHex(hostU32(key), partial && hostU32(partial));
      if (partial === undefined) return formatFlags(hostU32(key), CT_STATE_FLAGS);
      return formatMaskedFlags(hostU32(key), hostU32(partial), CT_STATE_FLAGS, 0xffffffff);
    case OVS_KEY_ATTR_CT_LABELS:
      return formatLabel(key, mask, verbose);
    case OVS_KEY_ATTR_TUNNEL:
      return formatTunnel(key, mask, verbose);
    case OVS_KEY_ATTR_IN_PORT: {
      const port = hostU32(key);
      return partial ? `${port}/${alternateHex(hostU32(partial))}` : (options.ports?.get(port) ?? `${port}`);
    }
    case OVS_KEY_ATTR_VLAN:
      return formatVlan(netU16(key), mask === undefined ? 0xffff : netU16(mask), verbose);
    case OVS_KEY_ATTR_MPLS:
      return formatMplsStack(key, partial);
    case OVS_KEY_ATTR_ETHERTYPE:
      return hex32(netU16(key), 4) + (partial ? `/${hex32(netU16(partial), 4)}` : '');
    case OVS_KEY_ATTR_TCP_FLAGS:
      if (partial === undefined) return formatFlags(netU16(key), TCP_FLAGS);
      return formatMaskedFlags(netU16(key), netU16(partial) & 0xfff, TCP_FLAGS, 0xfff);
    case OVS_KEY_ATTR_NSH:
      return formatNsh(key, mask);
    default:
      return structureText(type, fields) ?? genericHex(key) + (partial ? `/${genericHex(partial)}` : '');
  }
}

/** Attributes that are one structure, printed member by member; null for others. */
function structureText(type: number, fields: FieldText): string | null {
  const members = KEY_ATTRIBUTES.get(type)?.members ?? [];
  if (members.length === 0) return null;
  for (const [name, at, kind] of members) fields.member(name, at, kind);
  return fields.toString();
}

function isEmpty(mask: Uint8Array | undefined): boolean {
  return mask === undefined || allBytes(mask, 0);
}

function maskedHex(value: number, mask: number | undefined): string {
  return alternateHex(value) + (mask === undefined ? '' : `/${alternateHex(mask)}`);
}

/** A 128-bit host-order number. OVS prints it only when a mask asks for it, or when verbose. */
export function formatLabel(key: Uint8Array, mask: Uint8Array | undefined, verbose: boolean): string {
  if (!verbose && isEmpty(mask)) return '';
  const value = bigHex(Uint8Array.from(key).reverse());
  return mask === undefined || allBytes(mask, 0xff)
    ? value
    : `${value}/${bigHex(Uint8Array.from(mask).reverse())}`;
}

/** `vid=…,pcp=…[,cfi=0]` of a TCI; what is zero in value and mask is left out unless verbose. */
export function formatVlan(tci: number, mask: number, verbose: boolean): string {
  const parts: string[] = [];
  const vidMask = mask & 0xfff;
  const pcpMask = (mask >>> 13) & 7;
  if (verbose || (tci & 0xfff) !== 0 || vidMask !== 0) {
    parts.push(`vid=${tci & 0xfff}${vidMask === 0xfff ? '' : `/${hex32(vidMask)}`}`);
  }
  if (verbose || tci >>> 13 !== 0 || pcpMask !== 0) {
    parts.push(`pcp=${tci >>> 13}${pcpMask === 7 ? '' : `/${hex32(pcpMask)}`}`);
  }
  if ((tci & VLAN_CFI) === 0) parts.push('cfi=0');
  return parts.join(',');
}

/** `label=…,tc=…,ttl=…,bos=…` of a label stack entry. */
export function formatMplsEntry(lse: number): string {
  return `label=${lse >>> 12},tc=${(lse >>> 9) & 7},ttl=${lse & 0xff},bos=${(lse >>> 8) & 1}`;
}

function formatMplsStack(key: Uint8Array, mask: Uint8Array | undefined): string {
  if (key.length === 0 || key.length % 4 !== 0) return `(bad key length ${key.length})`;
  if (mask !== undefined && mask.length !== key.length) {
    return `(key length ${key.length} != mask length ${mask.length})`;
  }
  const entries: string[] = [];
  for (let at = 0; at < key.length; at += 4) {
    const lse = netU32(key, at);
    const m = mask === undefined ? null : netU32(mask, at);
    if (m === null) entries.push(formatMplsEntry(lse));
    else {
      const hex = (value: number) => value.toString(16);
      entries.push(
        `label=${lse >>> 12}/0x${hex(m >>> 12)},tc=${(lse >>> 9) & 7}/${hex((m >>> 9) & 7)},` +
          `ttl=${lse & 0xff}/0x${hex(m & 0xff)},bos=${(lse >>> 8) & 1}/${hex((m >>> 8) & 1)}`,
      );
    }
  }
  return entries.join(',');
}
