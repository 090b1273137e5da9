/** Packet types: namespace (1: Ethernet types) and type. */
export const PT_ETHERNET = 0;
export const PT_IPV4 = 0x10800;
export const PT_IPV6 = 0x186dd;
export const PT_NSH = 0x1894f;
export const PT_MPLS = 0x18847;
export const PT_MPLS_MULTICAST = 0x18848;

/** A label stack without an Ethernet header. */
export function isMplsPacket(packetType: number): boolean {
  return packetType === PT_MPLS || packetType === PT_MPLS_MULTICAST;
}
/** What is behind the header that goes: the datapath finds out (OpenFlow 1.5: OFPHTO_USE_NEXT_PROTO). */
export const PT_USE_NEXT_PROTO = 0xfffe;
