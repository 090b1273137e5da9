import { F_CT_NW_PROTO, F_ETH_TYPE, F_NW_PROTO, F_TP_DST, F_TP_SRC, F_VLAN_TCI } from '../fields/index.js';
import { requireField } from './fields.js';
import {
  addToMatch,
  ETH_TYPE_ARP,
  ETH_TYPE_IP,
  ETH_TYPE_IPV6,
  ETH_TYPE_MPLS,
  ETH_TYPE_MPLS_MCAST,
  ETH_TYPE_RARP,
  mayMatch,
  PREREQUISITE_HINTS,
  prerequisiteHolds,
  VLAN_CFI,
} from './match.js';
import { findField } from './subfield.js';
import { fail, type Item, parseNumber, requireValue, type Token } from './syntax.js';
import type { FlowMatch, MatchField } from './types.js';
import { parseMaskedValue } from './values.js';

/** What a keyword stands for: Ethernet type and, if not 0, IP protocol. */
const KEYWORDS: Readonly<Record<string, readonly [ethType: number, nwProto: number]>> = {
  eth: [0, 0],
  ip: [ETH_TYPE_IP, 0],
  ipv4: [ETH_TYPE_IP, 0],
  ipv6: [ETH_TYPE_IPV6, 0],
  ip6: [ETH_TYPE_IPV6, 0],
  icmp: [ETH_TYPE_IP, 1],
  icmp6: [ETH_TYPE_IPV6, 58],
  tcp: [ETH_TYPE_IP, 6],
  tcp6: [ETH_TYPE_IPV6, 6],
  udp: [ETH_TYPE_IP, 17],
  udp6: [ETH_TYPE_IPV6, 17],
  sctp: [ETH_TYPE_IP, 132],
  sctp6: [ETH_TYPE_IPV6, 132],
  arp: [ETH_TYPE_ARP, 0],
  rarp: [ETH_TYPE_RARP, 0],
  mpls: [ETH_TYPE_MPLS, 0],
  mplsm: [ETH_TYPE_MPLS_MCAST, 0],
};

/** Whether a word alone stands for a protocol: `tcp`. */
export function isProtocol(name: string): boolean {
  return name !== 'eth' && Object.hasOwn(KEYWORDS, name);
}

/** dl_vlan=0xffff, OpenFlow 1.0's way to say: no VLAN tag. */
const OFP10_VLAN_NONE = 0xffff;
const VID_MASK = 0x0fff;

function setBits(match: FlowMatch, word: number, value: number, mask: number): void {
  match.key[word] = (match.key[word] & ~mask) | value;
  match.mask[word] |= mask;
}

/** Fields whose meaning in a match is not just their bits. Each adds its condition to the match. */
const SPECIAL: Readonly<Record<string, (match: FlowMatch, value: Token) => void>> = {
  dl_vlan(match, value) {
    if (value.text.toLowerCase() === '0xffff' || value.text === '65535') {
      setBits(match, F_VLAN_TCI, 0, OFP10_VLAN_NONE);
      return;
    }
    setBits(match, F_VLAN_TCI, parseNumber(value, 'dl_vlan', VID_MASK) | VLAN_CFI, VID_MASK | VLAN_CFI);
  },
  dl_vlan_pcp: matchPcp,
  vlan_pcp: matchPcp,
  nw_tos(match, value) {
    const tos = parseNumber(value, 'nw_tos', 255);
    if ((tos & 3) !== 0) {
      fail(value, `nw_tos: ${value.text} has ECN bits: expected a multiple of 4; match ECN with nw_ecn`);
    }
    addToMatch(match, requireField('ip_dscp'), { value: BigInt(tos >> 2), mask: 0x3fn });
  },
  arp_op(match, value) {
    // The flow key keeps eight bits of the opcode, as OVS's does.
    setBits(match, F_NW_PROTO, parseNumber(value, 'arp_op', 0xffff) & 0xff, 0xff);
  },
  icmp_type: (match, value) => setBits(match, F_TP_SRC, parseNumber(value, 'icmp_type', 255), 0xffff),
  icmp_code: (match, value) => setBits(match, F_TP_DST, parseNumber(value, 'icmp_code', 255), 0xffff),
  icmpv6_type: (match, value) => setBits(match, F_TP_SRC, parseNumber(value, 'icmpv6_type', 255), 0xffff),
  icmpv6_code: (match, value) => setBits(match, F_TP_DST, parseNumber(value, 'icmpv6_code', 255), 0xffff),
};

function matchPcp(match: FlowMatch, value: Token): void {
  const pcp = parseNumber(value, 'dl_vlan_pcp', 7);
  setBits(match, F_VLAN_TCI, (pcp << 13) | VLAN_CFI, 0xe000 | VLAN_CFI);
}

/** A condition that was parsed and whose prerequisite is to be checked when the match is complete. */
interface Condition {
  readonly name: Token;
  readonly field: MatchField;
}

/** Collects the conditions of one flow. */
export class MatchParser {
  private readonly conditions: Condition[] = [];

  constructor(
    private readonly match: FlowMatch,
    private readonly portNames: ReadonlyMap<string, number> | undefined,
  ) {}

  /** Takes one item; false when it is no match field or keyword. */
  accept(item: Item): boolean {
    const name = item.key.text;
    if (item.delimiter === '' && Object.hasOwn(KEYWORDS, name)) {
      const [ethType, nwProto] = KEYWORDS[name];
      if (ethType !== 0) setBits(this.match, F_ETH_TYPE, ethType, 0xffff);
      if (nwProto !== 0) setBits(this.match, F_NW_PROTO, nwProto, 0xff);
      return true;
    }
    const field = findField(item.key);
    if (field === undefined) return false;
    if (field.presence !== undefined) {
      setBits(this.match, field.presence.word, field.presence.mask, field.presence.mask);
      if (item.value === undefined) return true;
    }
    const value = requireValue(item, `${name}=1`);
    if (value.text === '*') return true;
    if (Object.hasOwn(SPECIAL, field.name)) SPECIAL[field.name](this.match, value);
    else addToMatch(this.match, field, parseMaskedValue(field, value, this.portNames));
    this.conditions.push({ name: item.key, field });
    return true;
  }

  /** Checks that each field exists in all packets that the match lets through. */
  finish(): void {
    for (const { name, field } of this.conditions) {
      // Without a protocol ovs-ofctl leaves out what would be ports of it.
      if (/^ct_tp_/.test(field.name) && this.match.mask[F_CT_NW_PROTO] === 0) {
        addToMatch(this.match, field, { value: 0n, mask: 0n });
        continue;
      }
      if (mayMatch(this.match, field)) continue;
      if (field.prerequisite.startsWith('nd') && prerequisiteHolds(this.match, 'icmpv6')) {
        // Without a type of neighbour discovery ovs-ofctl leaves such a condition out.
        if (!prerequisiteHolds(this.match, 'nd')) {
          addToMatch(this.match, field, { value: 0n, mask: 0n });
          continue;
        }
      }
      fail(
        name,
        `${name.text} is not in every packet that this flow matches: add ${PREREQUISITE_HINTS[field.prerequisite]} to the match`,
      );
    }
  }
}
