import {
  OVS_KEY_ATTR_ARP,
  OVS_KEY_ATTR_ICMP,
  OVS_KEY_ATTR_ICMPV6,
  OVS_KEY_ATTR_ND,
  OVS_KEY_ATTR_ND_EXTENSIONS,
  OVS_KEY_ATTR_NSH,
} from '../fields/index.js';
import {
  checksumAdd,
  checksumFold,
  ETH_TYPE_ARP,
  ETH_TYPE_IPV4,
  ETH_TYPE_IPV6,
  ETH_TYPE_QINQ,
  ETH_TYPE_VLAN,
  IP_PROTO_ICMP,
  IP_PROTO_ICMPV6,
} from '../packet/index.js';
import { rewriteNshHeader } from './rewrite-nsh.js';

/** What a set action writes: OVS_KEY_ATTR_*, the content of the attribute, and which bits of it (null: all). */
export interface FieldSet {
  readonly attribute: number;
  readonly value: Uint8Array;
  readonly mask: Uint8Array | null;
}

const ETH_TYPE_NSH = 0x894f;

const REWRITERS: Readonly<Record<number, (packet: Uint8Array, l3: Layer, set: FieldSet) => void>> = {
  [OVS_KEY_ATTR_ARP]: rewriteArp,
  [OVS_KEY_ATTR_ICMP]: rewriteIcmp,
  [OVS_KEY_ATTR_ICMPV6]: rewriteIcmp,
  [OVS_KEY_ATTR_ND]: rewriteNeighbour,
  [OVS_KEY_ATTR_ND_EXTENSIONS]: rewriteNeighbourExtensions,
  [OVS_KEY_ATTR_NSH]: (packet, { type, at }, set) => {
    if (type === ETH_TYPE_NSH) rewriteNshHeader(packet, at, set);
  },
};

/** A header: its Ethernet type or IP protocol, and where it begins. */
interface Layer {
  readonly type: number;
  readonly at: number;
}

/** Whether a set action of this attribute is one that no datapath does. */
export function isUserspaceSet(attribute: number): boolean {
  return attribute in REWRITERS;
}

/**
 * Does a set action that no datapath does, in place, with checksums (OVS: odp_set_arp, odp_set_nd, odp_set_nd_ext,
 * packet_set_icmp). `etherType`: of a packet without Ethernet header, 0 for one that has it. A packet without the header stays
 * as it is.
 */
export function rewritePacket(packet: Uint8Array, etherType: number, set: FieldSet): void {
  REWRITERS[set.attribute]?.(
    packet,
    etherType === 0 ? behindEthernet(packet) : { type: etherType, at: 0 },
    set,
  );
}

function be16(packet: Uint8Array, at: number): number {
  return ((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0);
}

function behindEthernet(packet: Uint8Array): Layer {
  let at = 12;
  while (be16(packet, at) === ETH_TYPE_VLAN || be16(packet, at) === ETH_TYPE_QINQ) at += 4;
  return { type: be16(packet, at), at: at + 2 };
}

const IPV4_MIN = 20;
const IPV6_HEADER = 40;
const IP_PROTO_AH = 51;
/** Hop-by-hop, routing, fragment and destination options. */
const IPV6_EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 44, 60, IP_PROTO_AH]);

function behindIp(packet: Uint8Array, { type, at }: Layer): Layer | null {
  if (type === ETH_TYPE_IPV4 && packet.length >= at + IPV4_MIN) {
    return { type: packet[at + 9], at: at + 4 * (packet[at] & 0xf) };
  }
  if (type !== ETH_TYPE_IPV6 || packet.length < at + IPV6_HEADER) return null;
  let next = packet[at + 6];
  let header = at + IPV6_HEADER;
  while (IPV6_EXTENSIONS.has(next) && header + 2 <= packet.length) {
    const units = packet[header + 1];
    next = packet[header];
    header += packet[header] === IP_PROTO_AH ? 4 * (units + 2) : 8 * (units + 1);
  }
  return { type: next, at: header };
}

/** Bytes from[0 … length-1] under the set's mask go to packet[to …]. */
function write(packet: Uint8Array, to: number, set: FieldSet, from: number, length: number): void {
  for (let i = 0; i < length; i++) {
    const mask = set.mask?.[from + i] ?? 0xff;
    packet[to + i] = (packet[to + i] & ~mask) | (set.value[from + i] & mask);
  }
}

const ARP_BYTES = 28;

/** struct ovs_key_arp: be32 sip, be32 tip, be16 op, u8 sha[6], u8 tha[6]. */
function rewriteArp(packet: Uint8Array, { type, at }: Layer, set: FieldSet): void {
  if (type !== ETH_TYPE_ARP || packet.length < at + ARP_BYTES) return;
  write(packet, at + 14, set, 0, 4);
  write(packet, at + 24, set, 4, 4);
  write(packet, at + 6, set, 8, 2);
  write(packet, at + 8, set, 10, 6);
  write(packet, at + 18, set, 16, 6);
}

const ICMP_CHECKSUM = 2;

/** Changes a message and puts its checksum right; one that was wrong stays wrong (RFC 1624). */
function amend(packet: Uint8Array, at: number, change: () => void): void {
  const before = checksumFold(sumWithoutChecksum(packet, at));
  change();
  const checksum = be16(packet, at + ICMP_CHECKSUM);
  const amended = checksumFold((~checksum & 0xffff) + before + sumWithoutChecksum(packet, at));
  packet[at + ICMP_CHECKSUM] = amended >>> 8;
  packet[at + ICMP_CHECKSUM + 1] = amended & 0xff;
}

/** Up to the end of the packet: padding behind the message does not change. */
function sumWithoutChecksum(packet: Uint8Array, at: number): number {
  const rest = at + ICMP_CHECKSUM + 2;
  return checksumAdd(packet, rest, packet.length - rest, checksumAdd(packet, at, ICMP_CHECKSUM));
}

/** struct ovs_key_icmp and ovs_key_icmpv6: u8 type, u8 code. */
function rewriteIcmp(packet: Uint8Array, l3: Layer, set: FieldSet): void {
  const l4 = behindIp(packet, l3);
  const wanted = l3.type === ETH_TYPE_IPV4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6;
  if (l4?.type !== wanted || packet.length < l4.at + 4) return;
  amend(packet, l4.at, () => write(packet, l4.at, set, 0, 2));
}

const ND_SOLICIT = 135;
const ND_ADVERT = 136;
const ND_TARGET = 8;
const ND_OPTIONS = 24;
const OPTION_SOURCE = 1;
const OPTION_TARGET = 2;

function neighbourAt(packet: Uint8Array, l3: Layer): number {
  const l4 = behindIp(packet, l3);
  if (l4?.type !== IP_PROTO_ICMPV6 || packet.length < l4.at + ND_OPTIONS) return -1;
  return packet[l4.at] === ND_SOLICIT || packet[l4.at] === ND_ADVERT ? l4.at : -1;
}

/** struct ovs_key_nd: be32 target[4], u8 sll[6], u8 tll[6]. An address for which there is no option is left out. */
function rewriteNeighbour(packet: Uint8Array, l3: Layer, set: FieldSet): void {
  const at = neighbourAt(packet, l3);
  if (at < 0) return;
  amend(packet, at, () => {
    write(packet, at + ND_TARGET, set, 0, 16);
    for (let option = at + ND_OPTIONS; option + 8 <= packet.length; ) {
      const length = 8 * packet[option + 1];
      if (length === 0) return;
      if (length === 8 && packet[option] === OPTION_SOURCE) write(packet, option + 2, set, 16, 6);
      if (length === 8 && packet[option] === OPTION_TARGET) write(packet, option + 2, set, 22, 6);
      option += length;
    }
  });
}

/** struct ovs_key_nd_extensions: be32 reserved, u8 options_type (of the first option). */
function rewriteNeighbourExtensions(packet: Uint8Array, l3: Layer, set: FieldSet): void {
  const at = neighbourAt(packet, l3);
  if (at < 0) return;
  amend(packet, at, () => {
    write(packet, at + 4, set, 0, 4);
    if (packet.length >= at + ND_OPTIONS + 8) write(packet, at + ND_OPTIONS, set, 4, 1);
  });
}
