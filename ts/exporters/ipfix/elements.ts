/** An information element of a template: its number, and the enterprise that gave it (0: the registry of IANA). */
export interface Element {
  readonly id: number;
  /** Bytes in a record, or VARIABLE. */
  readonly length: number;
  readonly enterprise: number;
}

/** Length of an element in a template whose length stands in each record (RFC 7011, 7). */
export const VARIABLE = 0xffff;
/** Private enterprise number of VMware, whose elements OVS uses for tunnels. */
const VMWARE = 6876;

const element = (id: number, length: number): Element => ({ id, length, enterprise: 0 });
const vmware = (id: number, length: number): Element => ({ id, length, enterprise: VMWARE });

/** What every record begins with; then come the groups below that its template has, in this order. */
export const COMMON_ELEMENTS: readonly Element[] = [
  element(138, 4), // observationPointId
  element(61, 1), // flowDirection: 0 ingress, 1 egress
  element(56, 6), // sourceMacAddress
  element(80, 6), // destinationMacAddress
  element(256, 2), // ethernetType
  element(240, 1), // ethernetHeaderLength
  element(10, 4), // ingressInterface
  element(368, 4), // ingressInterfaceType
  element(82, VARIABLE), // interfaceName
  element(83, VARIABLE), // interfaceDescription
];

/** Of packets on their way out. Name and description come twice in such a record, as OVS has it. */
export const EGRESS_ELEMENTS: readonly Element[] = [
  element(14, 4), // egressInterface
  element(369, 4), // egressInterfaceType
  element(82, VARIABLE), // interfaceName
  element(83, VARIABLE), // interfaceDescription
];

export const VLAN_ELEMENTS: readonly Element[] = [
  element(58, 2), // vlanId
  element(243, 2), // dot1qVlanId
  element(244, 1), // dot1qPriority
];

export const IP_ELEMENTS: readonly Element[] = [
  element(60, 1), // ipVersion
  element(192, 1), // ipTTL
  element(4, 1), // protocolIdentifier
  element(195, 1), // ipDiffServCodePoint
  element(196, 1), // ipPrecedence
  element(5, 1), // ipClassOfService
];

export const IPV4_ELEMENTS: readonly Element[] = [
  element(8, 4), // sourceIPv4Address
  element(12, 4), // destinationIPv4Address
];

export const IPV6_ELEMENTS: readonly Element[] = [
  element(27, 16), // sourceIPv6Address
  element(28, 16), // destinationIPv6Address
  element(31, 4), // flowLabelIPv6
];

export const PORT_ELEMENTS: readonly Element[] = [
  element(7, 2), // sourceTransportPort
  element(11, 2), // destinationTransportPort
];

export const ICMPV4_ELEMENTS: readonly Element[] = [
  element(176, 1), // icmpTypeIPv4
  element(177, 1), // icmpCodeIPv4
];

export const ICMPV6_ELEMENTS: readonly Element[] = [
  element(178, 1), // icmpTypeIPv6
  element(179, 1), // icmpCodeIPv6
];

/** Described in ovs-vswitchd.conf.db(5). */
export const TUNNEL_ELEMENTS: readonly Element[] = [
  vmware(893, 4), // tunnelSourceIPv4Address
  vmware(894, 4), // tunnelDestinationIPv4Address
  vmware(895, 1), // tunnelProtocolIdentifier
  vmware(896, 2), // tunnelSourceTransportPort
  vmware(897, 2), // tunnelDestinationTransportPort
  vmware(891, 1), // tunnelType
  vmware(892, VARIABLE), // tunnelKey
];

export const VIRTUAL_ELEMENTS: readonly Element[] = [
  vmware(898, VARIABLE), // virtualObsID
];

export const TIME_ELEMENTS: readonly Element[] = [
  element(158, 4), // flowStartDeltaMicroseconds
  element(159, 4), // flowEndDeltaMicroseconds
];

export const END_REASON = element(136, 1); // flowEndReason

/** Statistics of the exporting process, an options template (RFC 7011, 4.3); the first element is the scope. */
export const PROCESS_ELEMENTS: readonly Element[] = [
  element(144, 4), // exportingProcessId
  element(167, 8), // notSentPacketTotalCount
];

/** What an exporter counts; the values index `Counts`. Numbers of a flow since its last record come first. */
export const COUNT = {
  droppedPackets: 0,
  packets: 1,
  multicastPackets: 2,
  layer2Octets: 3,
  droppedOctets: 4,
  octets: 5,
  squares: 6,
  minimum: 7,
  maximum: 8,
  multicastOctets: 9,
} as const;
export const COUNT_LENGTH = 10;

/** What it counts of all flows together; the values index an array, too. */
export const TOTAL = {
  droppedPackets: 0,
  packets: 1,
  ingressUnicast: 2,
  ingressMulticast: 3,
  ingressBroadcast: 4,
  egressUnicast: 5,
  egressBroadcast: 6,
  multicastPackets: 7,
  layer2Octets: 8,
  droppedOctets: 9,
  octets: 10,
  squares: 11,
  multicastOctets: 12,
  ack: 13,
  fin: 14,
  push: 15,
  reset: 16,
  syn: 17,
  urgent: 18,
} as const;
export const TOTAL_LENGTH = 19;

/** A counter of 64 bits in a record: its element, and where its value is. */
export interface CountElement extends Element {
  /** Index into the flow's numbers, or -1. */
  readonly count: number;
  /** Index into the totals, or -1. */
  readonly total: number;
}

const count = (id: number, index: number): CountElement => ({ ...element(id, 8), count: index, total: -1 });
const total = (id: number, index: number): CountElement => ({ ...element(id, 8), count: -1, total: index });

/** Of every record, behind the times; flowEndReason follows them. */
export const PACKET_COUNTS: readonly CountElement[] = [
  count(133, COUNT.droppedPackets), // droppedPacketDeltaCount
  total(135, TOTAL.droppedPackets), // droppedPacketTotalCount
  count(2, COUNT.packets), // packetDeltaCount
  total(86, TOTAL.packets), // packetTotalCount
  total(354, TOTAL.ingressUnicast), // ingressUnicastPacketTotalCount
  total(355, TOTAL.ingressMulticast), // ingressMulticastPacketTotalCount
  total(356, TOTAL.ingressBroadcast), // ingressBroadcastPacketTotalCount
  total(357, TOTAL.egressUnicast), // egressUnicastPacketTotalCount
  total(358, TOTAL.egressBroadcast), // egressBroadcastPacketTotalCount
  count(19, COUNT.multicastPackets), // postMCastPacketDeltaCount
  total(174, TOTAL.multicastPackets), // postMCastPacketTotalCount
  count(352, COUNT.layer2Octets), // layer2OctetDeltaCount
  total(353, TOTAL.layer2Octets), // layer2OctetTotalCount
];

/** Of IPv4 and IPv6. */
export const OCTET_COUNTS: readonly CountElement[] = [
  count(132, COUNT.droppedOctets), // droppedOctetDeltaCount
  total(134, TOTAL.droppedOctets), // droppedOctetTotalCount
  count(1, COUNT.octets), // octetDeltaCount
  total(85, TOTAL.octets), // octetTotalCount
  count(198, COUNT.squares), // octetDeltaSumOfSquares
  total(199, TOTAL.squares), // octetTotalSumOfSquares
  count(25, COUNT.minimum), // minimumIpTotalLength
  count(26, COUNT.maximum), // maximumIpTotalLength
  count(20, COUNT.multicastOctets), // postMCastOctetDeltaCount
  total(175, TOTAL.multicastOctets), // postMCastOctetTotalCount
];

export const TCP_COUNTS: readonly CountElement[] = [
  total(222, TOTAL.ack), // tcpAckTotalCount
  total(219, TOTAL.fin), // tcpFinTotalCount
  total(221, TOTAL.push), // tcpPshTotalCount
  total(220, TOTAL.reset), // tcpRstTotalCount
  total(218, TOTAL.syn), // tcpSynTotalCount
  total(223, TOTAL.urgent), // tcpUrgTotalCount
];
