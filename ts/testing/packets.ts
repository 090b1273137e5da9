import {
  F_ARP_SHA,
  F_ARP_THA,
  F_CT_LABEL,
  F_CT_MARK,
  F_CT_STATE,
  F_CT_ZONE,
  F_ETH_DST,
  F_ETH_SRC,
  F_ETH_TYPE,
  F_IN_PORT,
  F_IPV6_DST,
  F_IPV6_LABEL,
  F_IPV6_SRC,
  F_ND_TARGET,
  F_NW_DST,
  F_NW_FRAG,
  F_NW_PROTO,
  F_NW_SRC,
  F_NW_TOS,
  F_NW_TTL,
  F_RECIRC_ID,
  F_SKB_MARK,
  F_SKB_PRIORITY,
  F_TCP_FLAGS,
  F_TP_DST,
  F_TP_SRC,
  F_VLAN_TCI,
  F_VLAN_TPID,
  FLOW_WORDS,
} from '../fields/index.js';
import type { Random } from './random.js';

const ETH_IPV4 = 0x0800;
const ETH_IPV6 = 0x86dd;
const ETH_ARP = 0x0806;
const ETH_OTHER = 0x88b5;
const TCP = 6;
const UDP = 17;
const ICMP = 1;
const ICMPV6 = 58;
const SCTP = 132;
const OTHER = 253;
const ND_SOLICIT = 135;
const ND_ADVERT = 136;
const VLAN_PRESENT = 0x1000;
const FRAG_FIRST = 1;
const FRAG_LATER = 3;

/** Words of a flow key and how many of their low bits may differ between packets of one kind. */
type Bits = readonly (readonly [word: number, bits: number])[];

const META: Bits = [
  [F_SKB_PRIORITY, 32],
  [F_SKB_MARK, 32],
];
const ETHERNET: Bits = [
  [F_ETH_SRC, 16],
  [F_ETH_SRC + 1, 32],
  [F_ETH_DST, 16],
  [F_ETH_DST + 1, 32],
];
const IPV4: Bits = [
  [F_NW_SRC, 32],
  [F_NW_DST, 32],
  [F_NW_TOS, 8],
  [F_NW_TTL, 8],
];
const IPV6: Bits = [
  ...wide(F_IPV6_SRC, 4),
  ...wide(F_IPV6_DST, 4),
  [F_IPV6_LABEL, 20],
  [F_NW_TOS, 8],
  [F_NW_TTL, 8],
];
const ARP: Bits = [
  [F_NW_SRC, 32],
  [F_NW_DST, 32],
  [F_NW_PROTO, 8],
  [F_ARP_SHA, 16],
  [F_ARP_SHA + 1, 32],
  [F_ARP_THA, 16],
  [F_ARP_THA + 1, 32],
];
const PORTS: Bits = [
  [F_TP_SRC, 16],
  [F_TP_DST, 16],
];
const TYPE_AND_CODE: Bits = [
  [F_TP_SRC, 8],
  [F_TP_DST, 8],
];
const ND: Bits = wide(F_ND_TARGET, 4);
const TRACKED: Bits = [[F_CT_STATE, 8], [F_CT_MARK, 32], ...wide(F_CT_LABEL, 4)];

function wide(word: number, count: number): Bits {
  return Array.from({ length: count }, (_, i) => [word + i, 32] as const);
}

function transportBits(protocol: number): Bits {
  switch (protocol) {
    case TCP:
      return [...PORTS, [F_TCP_FLAGS, 12]];
    case UDP:
    case SCTP:
      return PORTS;
    case ICMP:
    case ICMPV6:
      return TYPE_AND_CODE;
    default:
      return [];
  }
}

/** What may differ between packets of the same kind as `key`. What makes the kind is always part of a megaflow. */
function bitsOf(key: Int32Array): Bits {
  const parts: (readonly [number, number])[] = [...META, ...ETHERNET];
  // The bit that says that there is a tag (12) stays.
  if (key[F_VLAN_TCI] !== 0) parts.push([F_VLAN_TCI, 12]);
  if (key[F_RECIRC_ID] !== 0) parts.push(...TRACKED);
  if (key[F_ETH_TYPE] === ETH_ARP) parts.push(...ARP);
  if (key[F_ETH_TYPE] !== ETH_IPV4 && key[F_ETH_TYPE] !== ETH_IPV6) return parts;
  parts.push(...(key[F_ETH_TYPE] === ETH_IPV4 ? IPV4 : IPV6));
  const protocol = key[F_NW_PROTO];
  if ((key[F_NW_FRAG] & 2) !== 0) return parts;
  const isNd = protocol === ICMPV6 && (key[F_TP_SRC] === ND_SOLICIT || key[F_TP_SRC] === ND_ADVERT);
  if (isNd) parts.push(...ND);
  else parts.push(...transportBits(protocol));
  return parts;
}

/** The bits that may differ between packets of the same kind, one by one. */
export function freeBits(key: Int32Array): (readonly [word: number, bit: number])[] {
  return bitsOf(key).flatMap(([word, bits]) =>
    Array.from({ length: bits }, (_, bit) => [word, bit] as const),
  );
}

/** A packet of any kind from one of the ports. */
export function randomPacket(random: Random, ports: readonly number[]): Int32Array {
  const key = new Int32Array(FLOW_WORDS);
  key[F_IN_PORT] = random.pick(ports);
  key[F_ETH_TYPE] = random.pick([ETH_IPV4, ETH_IPV4, ETH_IPV4, ETH_IPV6, ETH_IPV6, ETH_ARP, ETH_OTHER]);
  if (random.once(4)) {
    key[F_VLAN_TPID] = 0x8100;
    key[F_VLAN_TCI] = VLAN_PRESENT | (random.below(8) << 13);
  }
  if (key[F_ETH_TYPE] === ETH_IPV4) key[F_NW_PROTO] = random.pick([TCP, TCP, UDP, UDP, ICMP, SCTP, OTHER]);
  if (key[F_ETH_TYPE] === ETH_IPV6)
    key[F_NW_PROTO] = random.pick([TCP, TCP, UDP, UDP, ICMPV6, ICMPV6, OTHER]);
  if (key[F_NW_PROTO] !== 0 && random.once(8)) key[F_NW_FRAG] = random.pick([FRAG_FIRST, FRAG_LATER]);
  if (key[F_NW_PROTO] === ICMPV6 && key[F_NW_FRAG] === 0 && random.once(2))
    key[F_TP_SRC] = random.pick([ND_SOLICIT, ND_ADVERT]);
  for (const [word, bits] of bitsOf(key)) key[word] |= bits === 32 ? random.word() : random.below(2 ** bits);
  // Few hosts, so that some packets have to do with each other; no group addresses from them.
  const host = () => random.below(8);
  setHost(key, F_ETH_SRC, host());
  setHost(key, F_ETH_DST, host());
  return key;
}

function setHost(key: Int32Array, word: number, host: number): void {
  key[word] = 0x0200;
  key[word + 1] = host;
}

/** States that connections are in: tracked, and new, established, established in reply, related, invalid, untranslated or not. */
const CT_STATES = [0x21, 0x22, 0x2a, 0x24, 0x30, 0x61, 0xa2, 0xaa];

/** The packet as it comes again from recirculation. */
export function recirculated(random: Random, key: Int32Array, id: number, zone: number): Int32Array {
  const again = key.slice();
  again[F_RECIRC_ID] = id;
  again[F_CT_STATE] = random.pick(CT_STATES);
  again[F_CT_ZONE] = zone;
  again[F_CT_MARK] = random.pick([0, 1, random.word()]);
  return again;
}
