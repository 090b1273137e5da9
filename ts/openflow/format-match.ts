import {
  F_ETH_DST,
  F_ETH_SRC,
  F_ETH_TYPE,
  F_MPLS_LSE0,
  F_NW_FRAG,
  F_NW_PROTO,
  F_PACKET_TYPE,
  F_RECIRC_ID,
  F_TUN_DST,
  F_TUN_FLAGS,
  F_TUN_IPV6_DST,
  F_VLAN_TCI,
} from '../fields/index.js';
import { requireField } from './fields.js';
import { CT_STATE_FLAGS, formatMaskedFlags, TCP_FLAGS, TUNNEL_FLAGS } from '../util/index.js';
import { formatAddress, formatHex, formatMac } from './format-values.js';
import {
  ETH_TYPE_ARP,
  ETH_TYPE_IP,
  ETH_TYPE_IPV6,
  ETH_TYPE_MPLS,
  ETH_TYPE_MPLS_MCAST,
  ETH_TYPE_NSH,
  ETH_TYPE_RARP,
  fromWords,
  matchEthType,
  VLAN_CFI,
} from './match.js';
import { hex32 } from '../util/index.js';
import { formatPort, type PortLabels } from './ports.js';
import type { TlvMap } from './tlv-map.js';
import type { FlowMatch, MatchField } from './types.js';
import { fullMask } from './values.js';

/** Writes one condition of a match. */
type Print = (value: bigint, mask: bigint, field: MatchField) => string;

const decimal: Print = (value) => String(value);
const hex: Print = (value, mask, field) =>
  mask === fullMask(field) ? formatHex(value) : `${formatHex(value)}/${formatHex(mask)}`;
/** Without the mask. */
const bareHex: Print = (value) => formatHex(value);
/** Decimal when exact, hexadecimal with a mask. */
const mixed: Print = (value, mask, field) =>
  mask === fullMask(field) ? String(value) : `0x${value.toString(16)}/0x${mask.toString(16)}`;
const mac: Print = (value, mask, field) =>
  mask === fullMask(field) ? formatMac(value) : `${formatMac(value)}/${formatMac(mask)}`;
const address: Print = (value, mask, field) => formatAddress(value, mask, field.bits);
const flowLabel: Print = (value, mask, field) => {
  const text = (label: bigint) => `0x${label.toString(16).padStart(5, '0')}`;
  return mask === fullMask(field) ? text(value) : `${text(value)}/${text(mask)}`;
};

/** Collects the conditions of one match. */
class MatchPrinter {
  readonly parts: string[] = [];

  constructor(
    readonly match: FlowMatch,
    readonly tlvMap: TlvMap | undefined,
  ) {}

  /** Prints a field, under this name if it differs, when any bit of it is matched. */
  field(name: string, print: Print, fieldName = name): void {
    const field = requireField(fieldName);
    const mask = fromWords(field, this.match.mask, field.word);
    if (mask === 0n) return;
    this.parts.push(`${name}=${print(fromWords(field, this.match.key, field.word), mask, field)}`);
  }
}

const KEYWORDS: Readonly<Record<number, string>> = {
  [ETH_TYPE_IP]: 'ip',
  [ETH_TYPE_IPV6]: 'ipv6',
  [ETH_TYPE_ARP]: 'arp',
  [ETH_TYPE_RARP]: 'rarp',
  [ETH_TYPE_MPLS]: 'mpls',
  [ETH_TYPE_MPLS_MCAST]: 'mplsm',
};
const IPV4_KEYWORDS: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  132: 'sctp',
};
const IPV6_KEYWORDS: Readonly<Record<number, string>> = { 58: 'icmp6', 6: 'tcp6', 17: 'udp6', 132: 'sctp6' };

/** Keyword for the Ethernet type and protocol; says whether it names the protocol too. */
function keyword(match: FlowMatch): { word: string | undefined; namesProtocol: boolean } {
  const type = matchEthType(match);
  const protocols = type === ETH_TYPE_IP ? IPV4_KEYWORDS : type === ETH_TYPE_IPV6 ? IPV6_KEYWORDS : {};
  // A packet type of namespace 1 says the Ethernet type itself.
  if (match.mask[F_ETH_TYPE] === 0) return { word: undefined, namesProtocol: false };
  const byProtocol = match.mask[F_NW_PROTO] === 0 ? undefined : protocols[match.key[F_NW_PROTO]];
  return { word: byProtocol ?? KEYWORDS[type], namesProtocol: byProtocol !== undefined };
}

function printConnection(printer: MatchPrinter): void {
  printer.field('ct_state', (value, mask) =>
    formatMaskedFlags(Number(value), Number(mask & 0xffn), CT_STATE_FLAGS, 0xff),
  );
  printer.field('ct_zone', mixed);
  printer.field('ct_mark', hex);
  printer.field('ct_label', hex);
  printer.field('ct_nw_src', address);
  printer.field('ct_ipv6_src', address);
  printer.field('ct_nw_dst', address);
  printer.field('ct_ipv6_dst', address);
  printer.field('ct_nw_proto', decimal);
  printer.field('ct_tp_src', mixed);
  printer.field('ct_tp_dst', mixed);
}

function printMetadata(printer: MatchPrinter, port: Print): void {
  const { match, parts } = printer;
  printer.field('pkt_mark', hex);
  printer.field('recirc_id', hex);
  printer.field('dp_hash', hex);
  printer.field('conj_id', decimal);
  printer.field('skb_priority', (value) => formatHex(value)); // OVS shows no mask of it.
  printer.field('actset_output', port);
  printConnection(printer);
  if (!hasPacketType(match)) return;
  const type = match.key[F_PACKET_TYPE];
  if (type !== 0) parts.push(`packet_type=(${type >>> 16},0x${(type & 0xffff).toString(16)})`);
  // As OVS: what matches on recirc_id is taken for a megaflow, and those always tell Ethernet from other packets.
  else if (match.mask[F_RECIRC_ID] !== 0) parts.push('eth');
}

/** Whether a match tells packet types apart, itself or by an Ethernet field that it has (OVS: match_set_default_packet_type). */
function hasPacketType({ mask }: FlowMatch): boolean {
  if (mask[F_PACKET_TYPE] !== 0 || mask[F_ETH_TYPE] !== 0 || mask[F_VLAN_TCI] !== 0) return true;
  for (let w = F_ETH_DST; w < F_ETH_SRC + 2; w++) if (mask[w] !== 0) return true;
  return false;
}

const ALL_TUNNEL_FLAGS = (1 << TUNNEL_FLAGS.length) - 1;

function printTunnel(printer: MatchPrinter): void {
  printer.field('tun_id', hex);
  printer.field('tun_src', address);
  printer.field('tun_dst', address);
  printer.field('tun_ipv6_src', address);
  printer.field('tun_ipv6_dst', address);
  printer.field('tun_gbp_id', mixed);
  printer.field('tun_gbp_flags', bareHex);
  // As OVS prints it: hexadecimal without a prefix.
  printer.field('tun_tos', (value) => value.toString(16));
  printer.field('tun_ttl', decimal);
  printer.field('tun_erspan_ver', decimal);
  printer.field('tun_erspan_idx', hex);
  printer.field('tun_erspan_dir', hex);
  printer.field('tun_erspan_hwid', hex);
  printer.field('gtpu_flags', bareHex, 'tun_gtpu_flags');
  printer.field('gtpu_msgtype', decimal, 'tun_gtpu_msgtype');
  const flags = printer.match.mask[F_TUN_FLAGS];
  if (flags !== 0)
    printer.parts.push(
      `tun_flags=${formatMaskedFlags(printer.match.key[F_TUN_FLAGS], flags, TUNNEL_FLAGS, ALL_TUNNEL_FLAGS)}`,
    );
}

/** Geneve options: their content, only that they are there, or that they are not (NP). */
function printOptions({ match, parts, tlvMap }: MatchPrinter): void {
  for (const { index } of tlvMap ?? []) {
    const field = tlvMap!.field(`tun_metadata${index}`)!;
    const presence = field.presence!;
    if ((match.mask[presence.word] & presence.mask) === 0) continue;
    const mask = fromWords(field, match.mask, field.word);
    if ((match.key[presence.word] & presence.mask) === 0) parts.push(`${field.name}=NP`);
    else if (mask === 0n) parts.push(field.name);
    else parts.push(`${field.name}=${hex(fromWords(field, match.key, field.word), mask, field)}`);
  }
}

/** The fields tun_metadataN that a packet has: `tun_metadata0=0x1234`. None without a tunnel's destination: they would go nowhere. */
export function formatOptions(flow: Int32Array, tlvMap: TlvMap): string[] {
  const hasTunnel = flow[F_TUN_DST] !== 0 || flow.slice(F_TUN_IPV6_DST, F_TUN_IPV6_DST + 4).some(Boolean);
  if (!hasTunnel) return [];
  return Array.from(tlvMap, ({ index }) => tlvMap.field(`tun_metadata${index}`)!)
    .filter(({ presence }) => (flow[presence!.word] & presence!.mask) !== 0)
    .map((field) => `${field.name}=${formatHex(fromWords(field, flow, field.word))}`);
}

/** As OVS: dl_vlan and dl_vlan_pcp where they say all of it, else the TCI as it is. */
function printVlan({ match, parts }: MatchPrinter): void {
  const mask = match.mask[F_VLAN_TCI];
  const tci = match.key[F_VLAN_TCI];
  if (mask === 0) return;
  const vid = mask & 0x0fff;
  const pcp = mask & 0xe000;
  const whole = (vid === 0 || vid === 0x0fff) && (pcp === 0 || pcp === 0xe000) && (vid !== 0 || pcp !== 0);
  const hex4 = (number: number) => `0x${number.toString(16).padStart(4, '0')}`;
  if ((mask & tci & VLAN_CFI) !== 0 && whole) {
    if (vid !== 0) parts.push(`dl_vlan=${tci & 0x0fff}`);
    if (pcp !== 0) parts.push(`dl_vlan_pcp=${tci >>> 13}`);
  } else {
    parts.push(`vlan_tci=${hex4(tci)}${mask === 0xffff ? '' : `/${hex4(mask)}`}`);
  }
}

function printAddresses(printer: MatchPrinter, type: number): void {
  if (type === ETH_TYPE_IPV6) {
    printer.field('ipv6_src', address);
    printer.field('ipv6_dst', address);
    printer.field('ipv6_label', flowLabel);
  } else if (type === ETH_TYPE_ARP || type === ETH_TYPE_RARP) {
    printer.field('arp_spa', address);
    printer.field('arp_tpa', address);
  } else if (type === ETH_TYPE_NSH) {
    printer.field('nsh_flags', nshFlags);
    for (const name of ['nsh_ttl', 'nsh_mdtype', 'nsh_np']) printer.field(name, decimal);
    printer.field('nsh_spi', hex);
    printer.field('nsh_si', decimal);
    for (let i = 1; i <= 4; i++) printer.field(`nsh_c${i}`, hex);
  } else {
    printer.field('nw_src', address);
    printer.field('nw_dst', address);
  }
}

const nshFlags: Print = (value, mask, field) => {
  if (mask === fullMask(field)) return String(value);
  const hex2 = (number: bigint) => `0x${number.toString(16).padStart(2, '0')}`;
  return `${hex2(value)}/${hex2(mask)}`;
};

function printFragment({ match, parts }: MatchPrinter): void {
  const mask = match.mask[F_NW_FRAG] & 3;
  const frag = match.key[F_NW_FRAG];
  if (mask === 0) return;
  const names: Readonly<Record<number, readonly string[]>> = {
    1: ['no', 'yes', 'no', 'yes'],
    2: ['not_later', 'not_later', 'later', 'later'],
    3: ['no', 'first', '<error>', 'later'],
  };
  parts.push(`nw_frag=${names[mask][frag]}`);
}

/** An entry of a label stack behind the first: no OpenFlow field, only of megaflows. */
function printLabel({ match, parts }: MatchPrinter, index: number): void {
  const mask = match.mask[F_MPLS_LSE0 + index];
  const value = match.key[F_MPLS_LSE0 + index];
  if (mask === 0) return;
  parts.push(
    mask === -1 ? `mpls_lse${index}=${value >>> 0}` : `mpls_lse${index}=${hex32(value, 8)}/${hex32(mask, 8)}`,
  );
}

function printTransport(printer: MatchPrinter, type: number): void {
  const protocol = printer.match.key[F_NW_PROTO];
  if (type === ETH_TYPE_IP && (protocol === 1 || protocol === 2)) {
    const name = protocol === 1 ? 'icmp' : 'igmp';
    printer.field(`${name}_type`, mixed, 'tp_src');
    printer.field(`${name}_code`, mixed, 'tp_dst');
  } else if (type === ETH_TYPE_IPV6 && protocol === 58) {
    printer.field('icmp_type', mixed, 'tp_src');
    printer.field('icmp_code', mixed, 'tp_dst');
    printer.field('nd_target', address);
    printer.field('nd_sll', mac);
    printer.field('nd_tll', mac);
    printer.field('nd_reserved', decimal);
    printer.field('nd_options_type', decimal);
  } else {
    printer.field('tp_src', mixed);
    printer.field('tp_dst', mixed);
  }
  printer.field('tcp_flags', (value, mask, field) =>
    formatMaskedFlags(Number(value), Number(mask), TCP_FLAGS, Number(fullMask(field))),
  );
}

/** A match as `ovs-ofctl dump-flows` prints it, in its order and with its names; empty for a match on nothing. */
export function formatMatch(match: FlowMatch, tlvMap?: TlvMap, ports?: PortLabels): string {
  const printer = new MatchPrinter(match, tlvMap);
  const { parts } = printer;
  const type = matchEthType(match);
  const { word, namesProtocol } = keyword(match);
  const arp = type === ETH_TYPE_ARP || type === ETH_TYPE_RARP;
  const port: Print = (value) => formatPort(Number(value), ports);
  printMetadata(printer, port);
  if (word !== undefined) parts.push(word);
  for (let i = 0; i < 16; i++) printer.field(`reg${i}`, hex);
  printTunnel(printer);
  printOptions(printer);
  printer.field('metadata', hex);
  printer.field('in_port', port);
  printVlan(printer);
  printer.field('dl_src', mac);
  printer.field('dl_dst', mac);
  if (word === undefined && match.mask[F_ETH_TYPE] !== 0) {
    const shown = match.key[F_PACKET_TYPE] === 0 ? match.key[F_ETH_TYPE] : type;
    parts.push(`dl_type=0x${shown.toString(16).padStart(4, '0')}`);
  }
  printAddresses(printer, type);
  if (!namesProtocol) printer.field(arp ? 'arp_op' : 'nw_proto', decimal, 'nw_proto');
  if (arp) {
    printer.field('arp_sha', mac);
    printer.field('arp_tha', mac);
  }
  printer.field('nw_tos', (value) => String(value << 2n), 'ip_dscp');
  printer.field('nw_ecn', decimal);
  printer.field('nw_ttl', decimal);
  printer.field('mpls_label', decimal);
  printer.field('mpls_tc', decimal);
  printer.field('mpls_ttl', decimal);
  printer.field('mpls_bos', decimal);
  for (let i = 1; i < 3; i++) printLabel(printer, i);
  printFragment(printer);
  printTransport(printer, type);
  return parts.join(',');
}
