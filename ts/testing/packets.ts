import {
  F_CT_MARK,
  F_CT_STATE,
  F_CT_ZONE,
  F_ETH_DST,
  F_ETH_SRC,
  F_ETH_TYPE,
  F_IN_PORT,
  F_NW_FRAG,
  F_NW_PROTO,
  F_RECIRC_ID,
  F_TP_SRC,
  F_TUN_DST,
  F_TUN_ID,
  F_TUN_SRC,
  F_TUN_TTL,
  F_VLAN1_TCI,
  F_VLAN1_TPID,
  F_VLAN_TCI,
  F_VLAN_TPID,
  FLOW_WORDS,
} from '../fields/index.js';
import { addField, type TlvMap } from '../openflow/index.js';
import { variableWords, type WordBits } from '../xlate/index.js';
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

/** As variableWords, with the options of tunnels that the packet has and the bridge knows. */
function variableBits(key: Int32Array, tlvMap: TlvMap | undefined): WordBits[] {
  const words = variableWords(key);
  for (const { word, words: count, presence } of optionFields(tlvMap)) {
    if ((key[presence.word] & presence.mask) === 0) continue;
    for (let i = 0; i < count; i++) words.push([word + i, -1]);
  }
  return words;
}

function optionFields(tlvMap: TlvMap | undefined) {
  return Array.from(tlvMap ?? [], ({ index }) => tlvMap!.field(`tun_metadata${index}`)!).map((field) => ({
    ...field,
    presence: field.presence!,
  }));
}

/** The bits that may differ between packets of the same kind, one by one. */
export function freeBits(
  key: Int32Array,
  tlvMap: TlvMap | undefined,
): (readonly [word: number, bit: number])[] {
  return variableBits(key, tlvMap).flatMap(([word, bits]) =>
    Array.from({ length: 32 }, (_, bit) => [word, bit] as const).filter(
      ([, bit]) => (bits & (1 << bit)) !== 0,
    ),
  );
}

/** Has the packet come out of a tunnel, with some of the options. */
function addTunnel(random: Random, key: Int32Array, tlvMap: TlvMap): void {
  key[F_TUN_SRC] = 0xc0000201 | 0;
  key[F_TUN_DST] = 0xc0000202 | 0;
  key[F_TUN_ID + 1] = random.below(4);
  key[F_TUN_TTL] = 64;
  for (const { presence } of optionFields(tlvMap)) if (random.once(2)) addField(key, presence);
}

/** A packet of any kind from one of the ports; out of a tunnel, at times, where the bridge knows options. */
export function randomPacket(
  random: Random,
  ports: readonly number[],
  tlvMap: TlvMap | undefined,
): Int32Array {
  const key = new Int32Array(FLOW_WORDS);
  if (tlvMap !== undefined && random.once(2)) addTunnel(random, key, tlvMap);
  key[F_IN_PORT] = random.pick(ports);
  key[F_ETH_TYPE] = random.pick([ETH_IPV4, ETH_IPV4, ETH_IPV4, ETH_IPV6, ETH_IPV6, ETH_ARP, ETH_OTHER]);
  if (random.once(4)) {
    key[F_VLAN_TPID] = 0x8100;
    key[F_VLAN_TCI] = VLAN_PRESENT;
  }
  if (key[F_VLAN_TCI] !== 0 && random.once(2)) {
    key[F_VLAN_TPID] = 0x88a8;
    key[F_VLAN1_TPID] = 0x8100;
    key[F_VLAN1_TCI] = VLAN_PRESENT;
  }
  if (key[F_ETH_TYPE] === ETH_IPV4) key[F_NW_PROTO] = random.pick([TCP, TCP, UDP, UDP, ICMP, SCTP, OTHER]);
  if (key[F_ETH_TYPE] === ETH_IPV6)
    key[F_NW_PROTO] = random.pick([TCP, TCP, UDP, UDP, ICMPV6, ICMPV6, OTHER]);
  if (key[F_NW_PROTO] !== 0 && random.once(8)) key[F_NW_FRAG] = random.pick([FRAG_FIRST, FRAG_LATER]);
  if (key[F_NW_PROTO] === ICMPV6 && key[F_NW_FRAG] === 0 && random.once(2))
    key[F_TP_SRC] = random.pick([ND_SOLICIT, ND_ADVERT]);
  for (const [word, bits] of variableBits(key, tlvMap)) key[word] |= random.word() & bits;
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
