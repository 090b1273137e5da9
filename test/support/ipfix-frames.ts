import { buildArp, buildFrame, buildIcmp, buildIp, buildTcp, buildUdp } from '../../ts/packet/index.js';

/** Nobody has these addresses, so that nobody answers. */
const V4 = { src: '0a:00:00:00:00:01', dst: '0a:00:00:00:00:02', ipSrc: '10.9.0.1', ipDst: '10.9.0.2' };
const V6 = { ...V4, ipSrc: 'fd09::1', ipDst: 'fd09::2', label: 0x12345 };
const PORTS = { srcPort: 1000, dstPort: 2000 };

/** A frame of each kind that IPFIX records tell apart, by name. */
export function ipfixFrames(): Readonly<Record<string, Uint8Array>> {
  const fragment = buildUdp({ ...V4, ...PORTS, payload: 40 });
  // More fragments; and one that is not the first.
  const first = withWord(fragment, 20, 0x2000);
  const later = withWord(fragment, 20, 0x0005);
  return {
    udp: buildUdp({ ...V4, ...PORTS, tos: 0xb9, ttl: 63, payload: 32 }),
    'udp long': buildUdp({ ...V4, ...PORTS, tos: 0xb9, ttl: 63, payload: 300 }),
    tcp: buildTcp({ ...V4, ...PORTS, flags: 0x3f, payload: 10 }),
    'tcp syn': buildTcp({ ...V4, ...PORTS, flags: 2 }),
    sctp: buildIp({ ...V4 }, 132, Uint8Array.from([3, 0xe8, 7, 0xd0, 0, 0, 0, 1, 0, 0, 0, 0])),
    icmp: buildIcmp({ ...V4, type: 8, code: 3, payload: 8 }),
    igmp: buildIp({ ...V4 }, 2, Uint8Array.from([0x16, 0, 9, 4, 224, 0, 0, 251])),
    gre: buildIp({ ...V4 }, 47, new Uint8Array(20)),
    'first fragment': first,
    'later fragment': later,
    multicast: buildUdp({ ...V4, ...PORTS, dst: '01:00:5e:00:00:05', ipDst: '224.0.0.5', payload: 16 }),
    broadcast: buildUdp({ ...V4, ...PORTS, dst: 'ff:ff:ff:ff:ff:ff', ipDst: '255.255.255.255' }),
    vlan: buildUdp({ ...V4, ...PORTS, vlans: [{ vid: 99, pcp: 5 }], payload: 20 }),
    'priority tag': buildUdp({ ...V4, ...PORTS, vlans: [{ vid: 0, pcp: 3 }], payload: 20 }),
    'two tags': buildUdp({ ...V4, ...PORTS, vlans: [{ vid: 7, pcp: 1, tpid: 0x88a8 }, { vid: 8 }] }),
    udp6: buildUdp({ ...V6, ...PORTS, tos: 0x20, payload: 32 }),
    tcp6: buildTcp({ ...V6, ...PORTS, flags: 0x12, ttl: 5 }),
    sctp6: buildIp({ ...V6 }, 132, Uint8Array.from([3, 0xe8, 7, 0xd0, 0, 0, 0, 1, 0, 0, 0, 0])),
    icmp6: buildIcmp({ ...V6, type: 128, code: 2, payload: 8 }),
    ospf6: buildIp({ ...V6 }, 89, new Uint8Array(24)),
    'vlan tcp6': buildTcp({ ...V6, ...PORTS, flags: 0x10, vlans: [{ vid: 4095, pcp: 7 }] }),
    arp: buildArp({ src: V4.src, dst: 'ff:ff:ff:ff:ff:ff', senderIp: V4.ipSrc, targetIp: V4.ipDst }),
    mpls: buildFrame(V4, 0x8847, Uint8Array.from([0, 6, 0x47, 64, 0x45, 0, 0, 20, ...new Uint8Array(16)])),
    other: buildFrame(V4, 0x1234, new Uint8Array(50)),
    'other in a vlan': buildFrame({ ...V4, vlans: [{ vid: 12 }] }, 0x1234, new Uint8Array(50)),
    llc: buildFrame(V4, 38, Uint8Array.from([0x42, 0x42, 3, ...new Uint8Array(43)])),
    ...tunnelled(),
    padded: Uint8Array.from([...buildUdp({ ...V4, ...PORTS, payload: 2 }), ...new Uint8Array(16)]),
  };
}

/** What tunnelled frames come in, as flow keys have it. */
export const OUTER = {
  source: 0x0101025c,
  destination: 0x01010258,
  sourcePort: 0xc000,
  keys: { 'in vxlan': 0x7b, 'in gre': 0x1c8, 'in geneve': 0x315 } as Readonly<Record<string, number>>,
  ports: { 'in vxlan': 4789, 'in gre': 0, 'in geneve': 6081 } as Readonly<Record<string, number>>,
};

/** The frame inside of tunnelled ones. */
export const INNER = buildUdp({ ...V4, ...PORTS, payload: 24 });

function tunnelled(): Record<string, Uint8Array> {
  const outer = {
    src: 'f8:bc:12:44:34:b6',
    dst: 'aa:55:aa:55:00:00',
    ipSrc: '1.1.2.92',
    ipDst: '1.1.2.88',
    srcPort: OUTER.sourcePort,
  };
  const behind = (header: readonly number[]) => Uint8Array.from([...header, ...INNER]);
  return {
    'in vxlan': buildUdp({ ...outer, dstPort: 4789, payload: behind([8, 0, 0, 0, 0, 0, 0x7b, 0]) }),
    'in gre': buildIp(outer, 47, behind([0x20, 0, 0x65, 0x58, 0, 0, 1, 0xc8])),
    'in geneve': buildUdp({ ...outer, dstPort: 6081, payload: behind([0, 0, 0x65, 0x58, 0, 3, 0x15, 0]) }),
  };
}

/** A copy with another 16-bit word, and the checksum of the IPv4 header (at 14) that goes with it. */
function withWord(frame: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Buffer.from(frame);
  copy.writeUInt16BE(value, at);
  copy.writeUInt16BE(0, 24);
  let sum = 0;
  for (let i = 14; i < 34; i += 2) sum += copy.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  copy.writeUInt16BE(~sum & 0xffff, 24);
  return new Uint8Array(copy);
}
