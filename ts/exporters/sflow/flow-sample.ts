import { F_PACKET_TYPE, F_VLAN_TCI } from '../../fields/index.js';
import type { DatagramWriter } from '../datagram-writer.js';
import { TunnelHeader } from '../tunnel-header.js';
import { FLOW_SAMPLE, type SflowDatagrams } from './datagrams.js';
import type { Egress } from './egress.js';
import type { Underlay, UnderlayLink } from './underlay.js';

// Flow data formats of enterprise 0: sFlow version 5, and "sFlow Tunnel Structures" (sflow.org/sflow_tunnels.txt).
const SAMPLED_HEADER = 1;
const EXTENDED_SWITCH = 1001;
const EXTENDED_MPLS = 1006;
const L2_TUNNEL = { egress: 1021, ingress: 1022 } as const;
const IPV4_TUNNEL = { egress: 1023, ingress: 1024 } as const;
const IPV6_TUNNEL = { egress: 1025, ingress: 1026 } as const;
const VNI = { egress: 1029, ingress: 1030 } as const;
const ADDRESS_IPV4 = 1;
const MPLS_BOS = 0x100;
const ETH_TYPE_IPV4 = 0x0800;
const ETH_TYPE_IPV6 = 0x86dd;

/** Header protocols, by the EtherType of packets without an Ethernet header. */
const HEADER_ETHERNET = 1;
const HEADER_IPV4 = 11;
const HEADER_IPV6 = 12;
const HEADER_MPLS = 13;
/** The frame check sequence is counted with the frame, and is not there. */
const FCS_BYTES = 4;

/** A sampled packet. One object is used again for each. */
export interface SampledPacket {
  /** Data source, and its counters with this sample. */
  source: number;
  sequence: number;
  sampling: number;
  pool: number;
  drops: number;
  /** ifIndex that it came in by, 0 for unknown; and where it went, in sFlow's encoding. */
  input: number;
  output: number;
  /** Its first bytes[offset … offset + length), and its whole length. */
  bytes: Uint8Array;
  offset: number;
  length: number;
  wireLength: number;
  /** Its key, words from `base` on. */
  keys: Int32Array;
  base: number;
  /** TCI that it left with. */
  egressTci: number;
  /** IP protocol of the tunnel that it came by, 0 for unknown. */
  tunnelProto: number;
  /** Likewise of the tunnel that it leaves by. */
  egressProto: number;
  /** What its actions tell; null where they are not known, or it left by none or several ports. */
  egress: Egress | null;
  /** Knows the outer Ethernet headers of tunnels; null to leave them out. */
  underlay: Underlay | null;
}

type Direction = 'ingress' | 'egress';

const ingress = new TunnelHeader();

/** Writes a flow sample (OVS: dpif_sflow_received). */
export function writeFlowSample(datagrams: SflowDatagrams, packet: SampledPacket, nowMs: number): void {
  datagrams.begin(FLOW_SAMPLE);
  datagrams.sample
    .u32(packet.sequence)
    .u32(packet.source)
    .u32(packet.sampling)
    .u32(packet.pool)
    .u32(packet.drops)
    .u32(packet.input)
    .u32(packet.output);
  datagrams.beginRecords();
  writeSwitch(datagrams, packet);
  writeHeader(datagrams, packet);
  const { egress, underlay } = packet;
  if (egress !== null && egress.labelCount > 0 && !egress.labelsUnknown) writeLabels(datagrams, egress);
  if (egress !== null && egress.encapsulations === 1) {
    const { tunnel, mark } = egress;
    writeOuterEthernet(datagrams, 'egress', tunnel, underlay?.find('egress', tunnel, mark, nowMs));
    writeTunnel(datagrams, 'egress', tunnel, packet.egressProto);
  }
  ingress.readFlow(packet.keys, packet.base);
  if (ingress.present) {
    writeOuterEthernet(datagrams, 'ingress', ingress, underlay?.find('ingress', ingress, 0, nowMs));
    writeTunnel(datagrams, 'ingress', ingress, packet.tunnelProto);
  }
  datagrams.end(nowMs);
}

function writeSwitch(datagrams: SflowDatagrams, { keys, base, egressTci }: SampledPacket): void {
  const tci = keys[base + F_VLAN_TCI];
  datagrams.beginRecord(EXTENDED_SWITCH);
  datagrams.sample
    .u32(tci & 0xfff)
    .u32((tci >>> 13) & 7)
    .u32(egressTci & 0xfff)
    .u32((egressTci >>> 13) & 7);
  datagrams.endRecord();
}

function writeHeader(datagrams: SflowDatagrams, packet: SampledPacket): void {
  const protocol = headerProtocol(packet.keys[packet.base + F_PACKET_TYPE]);
  const missing = protocol === HEADER_ETHERNET ? FCS_BYTES : 0;
  datagrams.beginRecord(SAMPLED_HEADER);
  datagrams.sample
    .u32(protocol)
    .u32(packet.wireLength + missing)
    .u32(missing)
    .u32(packet.length)
    .bytes(packet.bytes, packet.offset, packet.length);
  datagrams.endRecord();
}

/** `packetType`: OpenFlow's, namespace and EtherType of what the packet begins with; 0 for Ethernet. */
function headerProtocol(packetType: number): number {
  switch (packetType & 0xffff) {
    case ETH_TYPE_IPV4:
      return HEADER_IPV4;
    case ETH_TYPE_IPV6:
      return HEADER_IPV6;
    case 0x8847:
    case 0x8848:
      return HEADER_MPLS;
    default:
      return HEADER_ETHERNET;
  }
}

/** The next hop and the labels that the packet came with are left out, as OVS does: the header shows the latter. */
function writeLabels(datagrams: SflowDatagrams, { labels, labelCount }: Egress): void {
  datagrams.beginRecord(EXTENDED_MPLS);
  const { sample } = datagrams;
  sample.u32(ADDRESS_IPV4).u32(0).u32(0).u32(labelCount);
  for (let i = labelCount - 1; i >= 0; i--) sample.u32((labels[i] & ~MPLS_BOS) | (i === 0 ? MPLS_BOS : 0));
  datagrams.endRecord();
}

/** Nothing where the link is not known. */
function writeOuterEthernet(
  datagrams: SflowDatagrams,
  direction: Direction,
  { isIpv6 }: TunnelHeader,
  link: UnderlayLink | null | undefined,
): void {
  if (link == null) return;
  const src = direction === 'egress' ? link.near : link.far;
  const dst = direction === 'egress' ? link.far : link.near;
  datagrams.beginRecord(L2_TUNNEL[direction]);
  // The length of the outer frame is not known. Addresses are padded to four bytes.
  datagrams.sample
    .u32(0)
    .bytes(src)
    .zeros(2)
    .bytes(dst)
    .zeros(2)
    .u32(isIpv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IPV4);
  datagrams.endRecord();
}

function writeTunnel(
  datagrams: SflowDatagrams,
  direction: Direction,
  tunnel: TunnelHeader,
  proto: number,
): void {
  const { sample } = datagrams;
  datagrams.beginRecord(tunnel.isIpv6 ? IPV6_TUNNEL[direction] : IPV4_TUNNEL[direction]);
  // The length of the outer packet is not known.
  sample.u32(0).u32(proto);
  if (tunnel.isIpv6) {
    putIpv6(sample, tunnel.src6);
    putIpv6(sample, tunnel.dst6);
  } else {
    sample.u32(tunnel.src).u32(tunnel.dst);
  }
  sample.u32(tunnel.srcPort).u32(tunnel.dstPort).u32(0).u32(tunnel.tos);
  datagrams.endRecord();
  if ((tunnel.idHigh | tunnel.idLow) === 0) return;
  datagrams.beginRecord(VNI[direction]);
  sample.u32(tunnel.idLow);
  datagrams.endRecord();
}

function putIpv6(sample: DatagramWriter, words: Int32Array): void {
  for (let i = 0; i < 4; i++) sample.u32(words[i]);
}
