import { alternateHex, formatIpv4, formatIpv6, formatMac, hex32 } from '../util/index.js';
import { hostU32, netU16, netU32 } from './attributes.js';
import { ipv6Words } from './format-fields.js';
import { erspanHwid, geneveText } from './format-tunnel.js';
import {
  GENEVE_CRITICAL,
  GENEVE_OAM,
  GRE_CSUM,
  GRE_KEY,
  GRE_SEQ,
  PUSH_ERSPAN,
  PUSH_GENEVE,
  PUSH_GRE,
  PUSH_GTPU,
  PUSH_HEADER_AT,
  PUSH_IP6ERSPAN,
  PUSH_IP6GRE,
  PUSH_VXLAN,
} from './userspace-actions.js';

const ETH_TYPE_IP = 0x0800;
const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const UDP_BYTES = 8;

/** Whether the content of action 23 is OVS's tnl_push, by its lengths; else it is the kernel's dec_ttl. */
export function isTunnelPush(payload: Uint8Array): boolean {
  return (
    payload.length >= PUSH_HEADER_AT + ETHERNET_BYTES &&
    hostU32(payload, 8) === payload.length - PUSH_HEADER_AT
  );
}

/** tnl_push(…), headers of the tunnel included; `port` names ports. Headers that are cut off are shown as far as they go. */
export function formatTunnelPush(payload: Uint8Array, port: (port: number) => string): string {
  // Behind the end there are zeroes, so that short headers can be read.
  const header = new Uint8Array(payload.length + 128);
  header.set(payload.subarray(PUSH_HEADER_AT));
  const type = hostU32(payload, 12);
  return (
    `tnl_push(tnl_port(${port(hostU32(payload))}),` +
    `header(size=${hostU32(payload, 8)},type=${type},${ethernetText(header)}${tunnelText(header, type)}),` +
    `out_port(${port(hostU32(payload, 4))}))`
  );
}

function ethernetText(b: Uint8Array): string {
  const mac = (at: number) => formatMac(netU16(b, at), netU32(b, at + 2));
  const type = netU16(b, 12);
  const text = `eth(dst=${mac(0)},src=${mac(6)},dl_type=${hex32(type, 4)}),`;
  const at = ETHERNET_BYTES;
  if (type === ETH_TYPE_IP) {
    return (
      `${text}ipv4(src=${formatIpv4(netU32(b, at + 12))},dst=${formatIpv4(netU32(b, at + 16))},` +
      `proto=${b[at + 9]},tos=${alternateHex(b[at + 1])},ttl=${b[at + 8]},frag=${hex32(netU16(b, at + 6))}),`
    );
  }
  const flow = netU32(b, at);
  return (
    `${text}ipv6(src=${formatIpv6(ipv6Words(b, at + 8))},dst=${formatIpv6(ipv6Words(b, at + 24))},` +
    `label=${flow & 0xfffff},proto=${b[at + 6]},tclass=${hex32((flow >>> 20) & 0xff)},hlimit=${b[at + 7]}),`
  );
}

function tunnelText(b: Uint8Array, type: number): string {
  const at = ETHERNET_BYTES + (netU16(b, 12) === ETH_TYPE_IP ? IPV4_BYTES : IPV6_BYTES);
  switch (type) {
    case PUSH_VXLAN:
      return `${udpText(b, at)}vxlan(flags=${hex32(netU32(b, at + 8))},vni=${hex32(netU32(b, at + 12) >>> 8)})`;
    case PUSH_GENEVE:
      return udpText(b, at) + geneveHeaderText(b.subarray(at + UDP_BYTES));
    case PUSH_GTPU:
      return (
        `${udpText(b, at)}gtpu(flags=${hex32(b[at + 8])},msgtype=${b[at + 9]},` +
        `teid=${hex32(netU32(b, at + 12))})`
      );
    case PUSH_GRE:
    case PUSH_IP6GRE:
      return greText(b.subarray(at));
    case PUSH_ERSPAN:
    case PUSH_IP6ERSPAN:
      // Behind eight bytes of GRE with a sequence number.
      return erspanHeaderText(b.subarray(at + 8));
    default:
      return '';
  }
}

function udpText(b: Uint8Array, at: number): string {
  return `udp(src=${netU16(b, at)},dst=${netU16(b, at + 2)},csum=${hex32(netU16(b, at + 6))}),`;
}

function geneveHeaderText(b: Uint8Array): string {
  const flags = `${b[1] & GENEVE_OAM ? 'oam,' : ''}${b[1] & GENEVE_CRITICAL ? 'crit,' : ''}`;
  const bytes = (b[0] & 0x3f) * 4;
  const options = bytes === 0 ? '' : `,options(${geneveText(b.subarray(8, 8 + bytes), undefined, false)})`;
  return `geneve(${flags}vni=${hex32(netU32(b, 4) >>> 8)}${options})`;
}

function greText(b: Uint8Array): string {
  const flags = netU16(b);
  let text = `gre((flags=${hex32(flags)},proto=${hex32(netU16(b, 2))})`;
  let at = 4;
  for (const [flag, name] of [
    [GRE_CSUM, 'csum'],
    [GRE_KEY, 'key'],
    [GRE_SEQ, 'seq'],
  ] as const) {
    if ((flags & flag) === 0) continue;
    text += `,${name}=${hex32(flag === GRE_CSUM ? netU16(b, at) : netU32(b, at))}`;
    at += 4;
  }
  return `${text})`;
}

/** The base header: version in the upper four bits, session id in the lower ten of the second word. */
function erspanHeaderText(b: Uint8Array): string {
  const version = b[0] >>> 4;
  const session = hex32(netU16(b, 2) & 0x3ff);
  if (version === 1) return `erspan(ver=1,sid=${session},idx=${hex32(netU32(b, 4))})`;
  if (version === 2) {
    const [direction, hwid] = erspanHwid(b.subarray(4));
    return `erspan(ver=2,sid=${session},dir=${direction},hwid=${hex32(hwid)})`;
  }
  return `erspan(invalid ver=${version})`;
}
