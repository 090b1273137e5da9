import {
  buildArp,
  buildFrame,
  buildIcmp,
  buildIp,
  buildTcp,
  buildUdp,
  type FrameOptions,
  type IpOptions,
} from '../../ts/packet/index.js';
import { be16, u32 } from './attributes.js';
import { checksum } from './frames.js';

/** Both directions of IPv4, and of IPv6, between two hosts. */
export const four: IpOptions = { ipSrc: '10.0.0.1', ipDst: '10.0.0.2' };
export const six: IpOptions = { ipSrc: 'fd00::1', ipDst: 'fd00::2' };
const back: FrameOptions = { src: '02:00:00:00:00:02', dst: '02:00:00:00:00:01' };
export const fourBack: IpOptions = { ...back, ipSrc: '10.0.0.2', ipDst: '10.0.0.1' };
export const sixBack: IpOptions = { ...back, ipSrc: 'fd00::2', ipDst: 'fd00::1' };

const ports = { srcPort: 1000, dstPort: 2000, payload: 32 };
const neighbour = { ...six, ttl: 255 };
/** Linux drops tunnel packets whose inner frame is too short to be Ethernet. */
const inner = buildUdp({ ...four, ...ports });
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const target = bytes('fd00 0000 0000 0000 0000 0000 0000 0002');
/** Source (1) or target (2) link-layer address option. */
const option = (type: number, mac: string) => bytes(`0${type}01 ${mac}`);

/** A label stack entry. */
export const label = (value: number, tc: number, bottom: number, ttl: number) =>
  Buffer.from(new Uint8Array(u32((value << 12) | (tc << 9) | (bottom << 8) | ttl)).reverse());

function mpls(...entries: Buffer[]): Uint8Array {
  const packet = buildUdp({ ...four, ...ports }).subarray(14);
  return buildFrame({}, 0x8847, Buffer.concat([...entries, packet]));
}

/** Neighbour discovery: `word` is what follows the checksum. */
function discovery(type: number, word: number, ...options: Buffer[]): Uint8Array {
  const payload = Buffer.concat([target, ...options]);
  return buildIcmp({ ...neighbour, type, id: word >>> 16, sequence: word & 0xffff, payload });
}

/** The fragments of a UDP packet with 64 bytes of data, cut after 48 bytes of the packet. */
export function fragments4(ip: IpOptions = four): Uint8Array[] {
  const whole = buildUdp({ ...ip, ...ports, payload: 64 });
  const cut = (from: number, to: number, offset: number) => {
    const header = Buffer.from(whole.subarray(14, 34));
    const data = whole.subarray(34 + from, 34 + to);
    header.writeUInt16BE(20 + data.length, 2);
    header.writeUInt16BE(0x1234, 4);
    header.writeUInt16BE(offset, 6);
    header.writeUInt16BE(0, 10);
    header.writeUInt16BE(checksum(header), 10);
    return new Uint8Array(Buffer.concat([whole.subarray(0, 14), header, data]));
  };
  // More fragments (0x2000) and an offset of 48 bytes (6 units of 8).
  return [cut(0, 48, 0x2000), cut(48, 72, 6)];
}

/** The same for IPv6, with a fragment header. */
export function fragments6(ip: IpOptions = six): Uint8Array[] {
  const segment = buildUdp({ ...ip, ...ports, payload: 64 }).subarray(54);
  const cut = (from: number, to: number, more: number) => {
    const header = Buffer.concat([Buffer.from([17, 0]), be16(from | more), bytes('00001234')]);
    return buildIp(ip, 44, Buffer.concat([header, segment.subarray(from, to)]));
  };
  return [cut(0, 48, 1), cut(48, 72, 0)];
}

/** Packets that arrive at an Ethernet port, by name. */
export const plainFrames: Readonly<Record<string, Uint8Array>> = {
  ipv4_udp: buildUdp({ ...four, ...ports, tos: 0xb8, ttl: 63 }),
  ipv4_tcp: buildTcp({ ...four, srcPort: 40000, dstPort: 80, flags: 0x0c2 }),
  ipv4_icmp: buildIcmp({ ...four, type: 8, id: 7, sequence: 1, payload: 56 }),
  ipv4_sctp: buildIp(four, 132, Buffer.concat([be16(5000, 6000), Buffer.alloc(24, 1)])),
  ipv4_igmp: buildIp({ ...four, ipDst: '224.0.0.22', ttl: 1 }, 2, bytes('1600 09ff e0010101')),
  ipv4_other: buildIp(four, 89, Buffer.alloc(24)),
  ipv4_fragment_first: fragments4()[0],
  ipv4_fragment_later: fragments4()[1],
  ipv6_udp: buildUdp({ ...six, ...ports, tos: 0x2e, label: 0x12345 }),
  ipv6_tcp: buildTcp({ ...six, srcPort: 40000, dstPort: 443, flags: 0x010 }),
  ipv6_icmp: buildIcmp({ ...six, type: 128, id: 7, sequence: 1, payload: 56 }),
  ipv6_sctp: buildIp(six, 132, Buffer.concat([be16(5000, 6000), Buffer.alloc(24, 1)])),
  ipv6_no_next: buildIp(six, 59, Buffer.alloc(0)),
  ipv6_hop_by_hop: buildIp(
    six,
    0,
    Buffer.concat([bytes('1100 0104 0000 0000'), buildUdp({ ...six, ...ports }).subarray(54)]),
  ),
  ipv6_fragment_first: fragments6()[0],
  ipv6_fragment_later: fragments6()[1],
  nd_solicit: discovery(135, 0, option(1, '020000000001')),
  nd_advert: discovery(136, 0x60000000, option(2, '020000000002')),
  nd_solicit_bare: discovery(135, 0),
  nd_router: buildIcmp({ ...neighbour, ipDst: 'ff02::2', type: 133, payload: option(1, '020000000001') }),
  arp_request: buildArp({ senderIp: '10.0.0.1', targetIp: '10.0.0.2' }),
  arp_reply: buildArp({ ...back, op: 2, senderIp: '10.0.0.2', targetIp: '10.0.0.1' }),
  rarp: buildFrame({}, 0x8035, bytes('0001 0800 0604 0003 020000000001 00000000 020000000001 00000000')),
  vlan_udp: buildUdp({ ...four, ...ports, vlans: [{ vid: 100, pcp: 5 }] }),
  vlan_priority: buildUdp({ ...four, ...ports, vlans: [{ vid: 0, pcp: 7 }] }),
  vlan_arp: buildArp({ senderIp: '10.0.0.1', targetIp: '10.0.0.2', vlans: [{ vid: 4095 }] }),
  vlan_ipv6: buildTcp({ ...six, srcPort: 1, dstPort: 2, vlans: [{ vid: 7 }] }),
  qinq_udp: buildUdp({
    ...four,
    ...ports,
    vlans: [
      { vid: 200, tpid: 0x88a8 },
      { vid: 100, pcp: 3 },
    ],
  }),
  qinq_8100: buildUdp({ ...four, ...ports, vlans: [{ vid: 200 }, { vid: 100 }] }),
  qinq_three: buildUdp({ ...four, ...ports, vlans: [{ vid: 200, tpid: 0x88a8 }, { vid: 100 }, { vid: 50 }] }),
  mpls_one: mpls(label(1000, 5, 1, 64)),
  mpls_three: mpls(label(16, 0, 0, 10), label(17, 1, 0, 11), label(18, 2, 1, 12)),
  mpls_four: mpls(label(1, 0, 0, 1), label(2, 0, 0, 2), label(3, 0, 0, 3), label(4, 0, 1, 4)),
  nsh_md1: buildFrame(
    {},
    0x894f,
    Buffer.concat([bytes('0fc6 0103 00123464 00000001 00000002 00000003 00000004'), inner]),
  ),
  llc: buildFrame({}, 38, Buffer.concat([bytes('424203'), Buffer.alloc(43)])),
  unknown_type: buildFrame({}, 0x88b5, Buffer.alloc(46, 3)),
};

/** What the underlay of tunnels is like: a device with these addresses takes the outer packets. */
export const underlay = {
  mac: '02:00:00:00:31:01',
  ipv4: '172.31.0.1',
  ipv6: 'fd31::1',
};
const outerFrame = { src: '02:00:00:00:31:02', dst: underlay.mac, ttl: 63 };
const outer4: IpOptions = { ...outerFrame, ipSrc: '172.31.0.2', ipDst: underlay.ipv4, tos: 0x02 };
const outer6: IpOptions = { ...outerFrame, ipSrc: 'fd31::2', ipDst: underlay.ipv6 };
const over = (ip: IpOptions, dstPort: number, ...parts: Uint8Array[]) =>
  buildUdp({ ...ip, srcPort: 54321, dstPort, payload: new Uint8Array(Buffer.concat(parts)) });
/** Ports that the recorder's tunnels listen on. */
export const VXLAN = 4789;
export const VXLAN_GBP = 4790;
export const GENEVE = 6081;

/** Packets that arrive through tunnels, by name: outer frames for the underlay. */
export const tunnelFrames: Readonly<Record<string, Uint8Array>> = {
  vxlan_ipv4: over(outer4, VXLAN, bytes('0800 0000 0003e9 00'), inner),
  vxlan_ipv6: over(outer6, VXLAN, bytes('0800 0000 ffffff 00'), inner),
  vxlan_arp: over(outer4, VXLAN, bytes('0800 0000 000000 00'), plainFrames.arp_request),
  vxlan_gbp: over(outer4, VXLAN_GBP, bytes('8800 0123 000007 00'), inner),
  geneve_ipv4: over(outer4, GENEVE, bytes('0000 6558 00002a 00'), inner),
  geneve_options: over(
    outer4,
    GENEVE,
    bytes('0540 6558 00002a 00 0102 8002 11223344 55667788 0103 0001 aabbccdd'),
    inner,
  ),
  geneve_oam_ipv6: over(outer6, GENEVE, bytes('0080 6558 abcdef 00'), plainFrames.ipv6_udp),
  gre_key: buildIp(outer4, 47, Buffer.concat([bytes('2000 6558 000004d2'), inner])),
  gre_bare: buildIp(outer4, 47, Buffer.concat([bytes('0000 6558'), plainFrames.ipv6_tcp])),
};

/** A TCP packet of several segments, which only reaches a device as one through PACKET_VNET_HDR. */
export function largeTcp(ip: IpOptions): {
  readonly frame: Uint8Array;
  readonly segments: number;
  readonly header: Buffer;
} {
  const frame = buildTcp({ ...ip, srcPort: 40001, dstPort: 5201, flags: 0x018, payload: 3000 });
  const isFour = !ip.ipSrc.includes(':');
  const headers = frame.length - 3000;
  // struct virtio_net_hdr: checksum needed; TCPv4 or TCPv6; header length, segment size, where the checksum is.
  const header = Buffer.alloc(10);
  header[0] = 1;
  header[1] = isFour ? 1 : 4;
  header.writeUInt16LE(headers, 2);
  header.writeUInt16LE(1400, 4);
  header.writeUInt16LE(headers - 20, 6);
  header.writeUInt16LE(16, 8);
  return { frame, segments: 3, header };
}
