import {
  F_ARP_SHA,
  F_ARP_THA,
  F_CT_IPV6_DST,
  F_CT_IPV6_SRC,
  F_CT_LABEL,
  F_CT_MARK,
  F_CT_NW_DST,
  F_CT_NW_PROTO,
  F_CT_NW_SRC,
  F_CT_STATE,
  F_CT_TP_DST,
  F_CT_TP_SRC,
  F_CT_ZONE,
  F_DP_HASH,
  F_ETH_DST,
  F_ETH_SRC,
  F_ETH_TYPE,
  F_IN_PORT,
  F_IPV6_DST,
  F_IPV6_LABEL,
  F_IPV6_SRC,
  F_METADATA,
  F_MPLS_LSE0,
  F_ND_TARGET,
  F_NSH_CONTEXT,
  F_NSH_FLAGS,
  F_NSH_MDTYPE,
  F_NSH_NP,
  F_NSH_PATH_HDR,
  F_NSH_TTL,
  F_NW_DST,
  F_NW_FRAG,
  F_NW_PROTO,
  F_NW_SRC,
  F_NW_TOS,
  F_NW_TTL,
  F_PACKET_TYPE,
  F_RECIRC_ID,
  F_REG0,
  F_SKB_MARK,
  F_SKB_PRIORITY,
  F_TCP_FLAGS,
  F_TP_DST,
  F_TP_SRC,
  F_TUN_DST,
  F_TUN_ERSPAN_DIR,
  F_TUN_ERSPAN_HWID,
  F_TUN_ERSPAN_IDX,
  F_TUN_ERSPAN_VER,
  F_TUN_FLAGS,
  F_TUN_GBP_FLAGS,
  F_TUN_GBP_ID,
  F_TUN_GTPU_FLAGS,
  F_TUN_GTPU_MSGTYPE,
  F_TUN_ID,
  F_TUN_IPV6_DST,
  F_TUN_IPV6_SRC,
  F_TUN_SRC,
  F_TUN_TOS,
  F_TUN_TTL,
  F_VLAN_TCI,
  F_VLAN1_TCI,
} from '../fields/index.js';
import {
  alternateHex,
  formatIpv4,
  formatIpv6,
  formatMac,
  hex32,
  CT_STATE_FLAGS,
  formatFlags,
  TCP_FLAGS,
  TUNNEL_FLAGS,
} from '../util/index.js';
import { TUN_F_KEY } from './tunnel-key.js';

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const NSH = 0x894f;
const TYPE_NAMES = new Map([
  [IPV4, 'ip'],
  [IPV6, 'ipv6'],
  [0x0806, 'arp'],
  [0x8035, 'rarp'],
  [0x8847, 'mpls'],
  [0x8848, 'mplsm'],
]);
const IPV4_NAMES = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [132, 'sctp'],
]);
const IPV6_NAMES = new Map([
  [58, 'icmp6'],
  [6, 'tcp6'],
  [17, 'udp6'],
  [132, 'sctp6'],
]);
const ICMPV6 = 58;
const TCP = 6;
/** Protocols with two 16-bit numbers that OVS keeps as ports: ICMP, IGMP, TCP, UDP, SCTP, ICMPv6. */
const WITH_PORTS = new Set([1, 2, TCP, 17, 132, ICMPV6]);
const VLAN_CFI = 0x1000;
/** Reserved OpenFlow ports by name (OFPP_*). */
const PORT_NAMES = new Map([
  [0xfff7, 'UNSET'],
  [0xfff8, 'IN_PORT'],
  [0xfff9, 'TABLE'],
  [0xfffa, 'NORMAL'],
  [0xfffb, 'FLOOD'],
  [0xfffc, 'ALL'],
  [0xfffd, 'CONTROLLER'],
  [0xfffe, 'LOCAL'],
  [0xffff, 'ANY'],
]);

/** Reads one flow of a row. */
class Flow {
  readonly row: Int32Array;
  readonly base: number;
  constructor(row: Int32Array, base: number) {
    this.row = row;
    this.base = base;
  }
  at(word: number): number {
    return this.row[this.base + word] >>> 0;
  }
  isSet(word: number, count: number): boolean {
    for (let i = 0; i < count; i++) if (this.at(word + i) !== 0) return true;
    return false;
  }
  ipv4(word: number): string {
    return formatIpv4(this.at(word));
  }
  ipv6(word: number): string {
    return formatIpv6(this.row, this.base + word);
  }
  mac(word: number): string {
    return formatMac(this.at(word), this.at(word + 1));
  }
  /** A number of several words as %#x prints it. */
  wide(word: number, count: number): string {
    let digits = '';
    for (let i = 0; i < count; i++)
      digits += this.at(word + i)
        .toString(16)
        .padStart(8, '0');
    digits = digits.replace(/^0+/, '');
    return digits === '' ? '0' : `0x${digits}`;
  }
}

/**
 * A flow row in OpenFlow's words, as OVS prints the flow of a packet (`ofproto/trace`, logs):
 * `tcp,in_port=1,vlan_tci=0x0000,dl_src=…,nw_src=…`. Every field that packets of this kind have is printed; metadata that is
 * zero is not. `in_port` is printed as an OpenFlow port. `options`: what to print of tunnel options, `tun_metadata0=0x1`. `port`: how to print in_port, by default
 * its number, or the name of a reserved port.
 */
export function formatFlowRow(
  row: Int32Array,
  base = 0,
  options: readonly string[] = [],
  port: (ofport: number) => string = portText,
): string {
  const flow = new Flow(row, base);
  return [
    ...metadata(flow),
    // OVS names the Ethernet packet type only of recirculated packets.
    ...(flow.at(F_RECIRC_ID) !== 0 && flow.at(F_PACKET_TYPE) === 0 ? ['eth'] : []),
    ...typeName(flow),
    ...pipeline(flow, options, port),
    ...ethernet(flow),
    ...network(flow),
    ...transport(flow),
  ].join(',');
}

function metadata(flow: Flow): string[] {
  const parts: string[] = [];
  const put = (name: string, word: number) => {
    if (flow.at(word) !== 0) parts.push(`${name}=${hex32(flow.at(word))}`);
  };
  put('pkt_mark', F_SKB_MARK);
  put('recirc_id', F_RECIRC_ID);
  put('dp_hash', F_DP_HASH);
  put('skb_priority', F_SKB_PRIORITY);
  if (flow.at(F_CT_STATE) !== 0) parts.push(`ct_state=${formatFlags(flow.at(F_CT_STATE), CT_STATE_FLAGS)}`);
  if (flow.at(F_CT_ZONE) !== 0) parts.push(`ct_zone=${flow.at(F_CT_ZONE)}`);
  put('ct_mark', F_CT_MARK);
  if (flow.isSet(F_CT_LABEL, 4)) parts.push(`ct_label=${flow.wide(F_CT_LABEL, 4)}`);
  return [...parts, ...originalTuple(flow)];
}

/** The original direction tuple of an IP packet: printed when the connection is known to have one. ND packets show no addresses of it. */
function originalTuple(flow: Flow): string[] {
  if (flow.at(F_CT_STATE) === 0 || flow.at(F_CT_NW_PROTO) === 0) return [];
  const type = flow.at(F_ETH_TYPE);
  if (type !== IPV4 && type !== IPV6) return [];
  const addresses =
    type === IPV4
      ? [`ct_nw_src=${flow.ipv4(F_CT_NW_SRC)}`, `ct_nw_dst=${flow.ipv4(F_CT_NW_DST)}`]
      : type === IPV6 && !isNeighbourDiscovery(flow)
        ? [`ct_ipv6_src=${flow.ipv6(F_CT_IPV6_SRC)}`, `ct_ipv6_dst=${flow.ipv6(F_CT_IPV6_DST)}`]
        : [];
  const ports = [`ct_tp_src=${flow.at(F_CT_TP_SRC)}`, `ct_tp_dst=${flow.at(F_CT_TP_DST)}`];
  return [...addresses, `ct_nw_proto=${flow.at(F_CT_NW_PROTO)}`, ...ports];
}

/** Neighbour solicitation or advertisement. */
function isNeighbourDiscovery(flow: Flow): boolean {
  if (flow.at(F_ETH_TYPE) !== IPV6 || flow.at(F_NW_PROTO) !== ICMPV6 || (flow.at(F_NW_FRAG) & 2) !== 0)
    return false;
  return flow.at(F_TP_SRC) === 135 || flow.at(F_TP_SRC) === 136;
}

function protocolName(flow: Flow): string | undefined {
  const type = flow.at(F_ETH_TYPE);
  const proto = flow.at(F_NW_PROTO);
  return type === IPV4 ? IPV4_NAMES.get(proto) : type === IPV6 ? IPV6_NAMES.get(proto) : undefined;
}

function typeName(flow: Flow): string[] {
  const packetType = flow.at(F_PACKET_TYPE);
  if (packetType !== 0) return [`packet_type=(${packetType >>> 16},${hex32(packetType & 0xffff)})`];
  const name = protocolName(flow) ?? TYPE_NAMES.get(flow.at(F_ETH_TYPE));
  return name === undefined ? [] : [name];
}

function portText(port: number): string {
  return PORT_NAMES.get(port) ?? String(port);
}

/** Registers, tunnel, OpenFlow metadata and port. */
function pipeline(flow: Flow, options: readonly string[], portText: (ofport: number) => string): string[] {
  const parts: string[] = [];
  for (let i = 0; i < 16; i++)
    if (flow.at(F_REG0 + i) !== 0) parts.push(`reg${i}=${hex32(flow.at(F_REG0 + i))}`);
  parts.push(...tunnel(flow), ...options);
  if (flow.isSet(F_METADATA, 2)) parts.push(`metadata=${flow.wide(F_METADATA, 2)}`);
  const port = flow.at(F_IN_PORT);
  if (port !== 0) parts.push(`in_port=${portText(port)}`);
  return parts;
}

function tunnel(flow: Flow): string[] {
  // A key without a destination is no encapsulation yet, but an action may have set it.
  if (flow.at(F_TUN_DST) === 0 && !flow.isSet(F_TUN_IPV6_DST, 4)) {
    return flow.isSet(F_TUN_ID, 2) ? [`tun_id=${flow.wide(F_TUN_ID, 2)}`] : [];
  }
  const flags = flow.at(F_TUN_FLAGS);
  const parts = (flags & TUN_F_KEY) !== 0 ? [`tun_id=${flow.wide(F_TUN_ID, 2)}`] : [];
  parts.push(
    `tun_src=${flow.ipv4(F_TUN_SRC)}`,
    `tun_dst=${flow.ipv4(F_TUN_DST)}`,
    `tun_ipv6_src=${flow.ipv6(F_TUN_IPV6_SRC)}`,
    `tun_ipv6_dst=${flow.ipv6(F_TUN_IPV6_DST)}`,
    `tun_gbp_id=${flow.at(F_TUN_GBP_ID)}`,
    `tun_gbp_flags=${alternateHex(flow.at(F_TUN_GBP_FLAGS))}`,
    `tun_tos=${flow.at(F_TUN_TOS).toString(16)}`,
    `tun_ttl=${flow.at(F_TUN_TTL)}`,
    `tun_erspan_ver=${flow.at(F_TUN_ERSPAN_VER)}`,
  );
  if (flow.at(F_TUN_ERSPAN_VER) === 1)
    parts.push(`tun_erspan_idx=${alternateHex(flow.at(F_TUN_ERSPAN_IDX))}`);
  if (flow.at(F_TUN_ERSPAN_VER) === 2) {
    parts.push(`tun_erspan_dir=${flow.at(F_TUN_ERSPAN_DIR)}`);
    parts.push(`tun_erspan_hwid=${alternateHex(flow.at(F_TUN_ERSPAN_HWID))}`);
  }
  parts.push(`gtpu_flags=${alternateHex(flow.at(F_TUN_GTPU_FLAGS))}`);
  parts.push(`gtpu_msgtype=${flow.at(F_TUN_GTPU_MSGTYPE)}`);
  parts.push(`tun_flags=${formatFlags(flags, TUNNEL_FLAGS)}`);
  return parts;
}

function ethernet(flow: Flow): string[] {
  if (flow.at(F_PACKET_TYPE) !== 0) return [];
  const parts = vlan(flow, F_VLAN_TCI, '');
  if (flow.at(F_VLAN_TCI) !== 0) parts.push(...vlan(flow, F_VLAN1_TCI, '1'));
  parts.push(`dl_src=${flow.mac(F_ETH_SRC)}`, `dl_dst=${flow.mac(F_ETH_DST)}`);
  const type = flow.at(F_ETH_TYPE);
  if (!TYPE_NAMES.has(type)) parts.push(`dl_type=${hex32(type, 4)}`);
  return parts;
}

function vlan(flow: Flow, word: number, suffix: string): string[] {
  const tci = flow.at(word);
  if ((tci & VLAN_CFI) === 0) return [`vlan_tci${suffix}=${hex32(tci, 4)}`];
  return [`dl_vlan${suffix}=${tci & 0xfff}`, `dl_vlan_pcp${suffix}=${tci >>> 13}`];
}

function network(flow: Flow): string[] {
  const type = flow.at(F_ETH_TYPE);
  const name = TYPE_NAMES.get(type);
  if (name === 'mpls' || name === 'mplsm') return mpls(flow);
  if (name === 'arp' || name === 'rarp') {
    return [
      `arp_spa=${flow.ipv4(F_NW_SRC)}`,
      `arp_tpa=${flow.ipv4(F_NW_DST)}`,
      `arp_op=${flow.at(F_NW_PROTO)}`,
      `arp_sha=${flow.mac(F_ARP_SHA)}`,
      `arp_tha=${flow.mac(F_ARP_THA)}`,
    ];
  }
  if (type !== IPV4 && type !== IPV6 && type !== NSH) return [];
  const tos = flow.at(F_NW_TOS);
  const frag = flow.at(F_NW_FRAG);
  return [
    ...(type === NSH
      ? nsh(flow)
      : type === IPV4
        ? [`nw_src=${flow.ipv4(F_NW_SRC)}`, `nw_dst=${flow.ipv4(F_NW_DST)}`]
        : [
            `ipv6_src=${flow.ipv6(F_IPV6_SRC)}`,
            `ipv6_dst=${flow.ipv6(F_IPV6_DST)}`,
            `ipv6_label=${hex32(flow.at(F_IPV6_LABEL), 5)}`,
          ]),
    ...(protocolName(flow) === undefined || flow.at(F_PACKET_TYPE) !== 0
      ? [`nw_proto=${flow.at(F_NW_PROTO)}`]
      : []),
    `nw_tos=${tos & 0xfc}`,
    `nw_ecn=${tos & 3}`,
    `nw_ttl=${flow.at(F_NW_TTL)}`,
    `nw_frag=${(frag & 1) === 0 ? 'no' : (frag & 2) === 0 ? 'first' : 'later'}`,
  ];
}

/** OVS prints the fields of IP behind those of NSH, whatever they are. */
function nsh(flow: Flow): string[] {
  const path = flow.at(F_NSH_PATH_HDR);
  const parts = [
    `nsh_flags=${flow.at(F_NSH_FLAGS)}`,
    `nsh_ttl=${flow.at(F_NSH_TTL)}`,
    `nsh_mdtype=${flow.at(F_NSH_MDTYPE)}`,
    `nsh_np=${flow.at(F_NSH_NP)}`,
    `nsh_spi=${hex32(path >>> 8)}`,
    `nsh_si=${path & 0xff}`,
  ];
  if (flow.at(F_NSH_MDTYPE) !== 1) return parts;
  return [...parts, ...[0, 1, 2, 3].map((i) => `nsh_c${i + 1}=${hex32(flow.at(F_NSH_CONTEXT + i))}`)];
}

function mpls(flow: Flow): string[] {
  const lse = flow.at(F_MPLS_LSE0);
  const parts = [
    `mpls_label=${lse >>> 12}`,
    `mpls_tc=${(lse >>> 9) & 7}`,
    `mpls_ttl=${lse & 0xff}`,
    `mpls_bos=${(lse >>> 8) & 1}`,
  ];
  // Entries behind the one with the bottom-of-stack bit do not exist.
  for (let i = 1; i < 3 && (flow.at(F_MPLS_LSE0 + i - 1) & 0x100) === 0; i++) {
    parts.push(`mpls_lse${i}=${flow.at(F_MPLS_LSE0 + i) >>> 0}`);
  }
  return parts;
}

function transport(flow: Flow): string[] {
  const type = flow.at(F_ETH_TYPE);
  const proto = flow.at(F_NW_PROTO);
  if ((type !== IPV4 && type !== IPV6) || !WITH_PORTS.has(proto)) return [];
  const isIcmp = proto === (type === IPV4 ? 1 : ICMPV6);
  // Later fragments have no transport header; OVS prints type and code of ICMPv6 all the same.
  if ((flow.at(F_NW_FRAG) & 2) !== 0 && !(isIcmp && type === IPV6)) return [];
  const source = flow.at(F_TP_SRC);
  const parts = isIcmp
    ? [`icmp_type=${source}`, `icmp_code=${flow.at(F_TP_DST)}`]
    : [`tp_src=${source}`, `tp_dst=${flow.at(F_TP_DST)}`];
  if (isNeighbourDiscovery(flow) && flow.at(F_TP_DST) === 0) {
    parts.push(
      `nd_target=${flow.ipv6(F_ND_TARGET)}`,
      `nd_sll=${flow.mac(F_ARP_SHA)}`,
      `nd_tll=${flow.mac(F_ARP_THA)}`,
    );
  }
  if (proto === TCP) parts.push(`tcp_flags=${formatFlags(flow.at(F_TCP_FLAGS), TCP_FLAGS)}`);
  return parts;
}
