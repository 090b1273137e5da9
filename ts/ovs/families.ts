import { type GenlFamily, listFamilies, lookupFamily } from '../genl/index.js';
import type { MessageBuilder, NetlinkClient } from '../netlink/index.js';
import { NLMSG_HDRLEN } from '../netlink/index.js';

export const OVS_DATAPATH_FAMILY = 'ovs_datapath';
export const OVS_VPORT_FAMILY = 'ovs_vport';
export const OVS_FLOW_FAMILY = 'ovs_flow';
export const OVS_PACKET_FAMILY = 'ovs_packet';
/** Multicast group of the vport family that announces ports coming, going and changing. */
export const OVS_VPORT_MCGROUP = 'ovs_vport';

/** The generic netlink families of a datapath. */
export interface OvsFamilies {
  readonly datapath: GenlFamily;
  readonly vport: GenlFamily;
  readonly flow: GenlFamily;
  readonly packet: GenlFamily;
}

/** Asks for all four. Error: ERR_NO_FAMILY. */
export function lookupOvsFamilies(client: NetlinkClient): OvsFamilies {
  return {
    datapath: lookupFamily(client, OVS_DATAPATH_FAMILY),
    vport: lookupFamily(client, OVS_VPORT_FAMILY),
    flow: lookupFamily(client, OVS_FLOW_FAMILY),
    packet: lookupFamily(client, OVS_PACKET_FAMILY),
  };
}

/** Whether all four are there, that is, the kernel module is loaded. Does not make the kernel load it. */
export function ovsFamiliesPresent(client: NetlinkClient): boolean {
  const present = listFamilies(client);
  const wanted = [OVS_DATAPATH_FAMILY, OVS_VPORT_FAMILY, OVS_FLOW_FAMILY, OVS_PACKET_FAMILY];
  return wanted.every((name) => present.has(name));
}

/** Bytes before the attributes of an OVS message: nlmsghdr, genlmsghdr, struct ovs_header. */
export const OVS_HDRLEN = NLMSG_HDRLEN + 8;

// Version 2 of ovs_datapath is the first with user features: a lower one makes the kernel reset them.
const DATAPATH_VERSION = 2;
const OTHER_VERSION = 1;

/** Starts a request to one of the families, up to and including struct ovs_header. */
export function beginOvs(
  builder: MessageBuilder,
  family: GenlFamily,
  cmd: number,
  flags: number,
  dpIfindex: number,
): MessageBuilder {
  const version = family.name === OVS_DATAPATH_FAMILY ? DATAPATH_VERSION : OTHER_VERSION;
  return builder.begin(family.id, flags).genl(cmd, version).word(dpIfindex);
}

/** Command (genlmsghdr) of a message of the families. */
export function ovsCommand(message: Uint8Array): number {
  return message[NLMSG_HDRLEN];
}

/** Datapath that a message is about. */
export function ovsDpIfindex(message: Uint8Array): number {
  return new DataView(message.buffer, message.byteOffset).getInt32(NLMSG_HDRLEN + 4, true);
}
