import { SlowpathError } from '../errors/index.js';
import { AttributeCursor } from './attribute-cursor.js';
import { AF_INET, AF_INET6, NLM_F_ACK, NLMSG_HDRLEN } from './constants.js';
import type { Message } from './message.js';
import type { MessageBuilder } from './message-builder.js';

// Numbers of <linux/rtnetlink.h> and <linux/neighbour.h>.
export const RTM_GETROUTE = 26;
export const RTM_GETNEIGH = 30;

const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_MARK = 16;
const RTA_VIA = 18;
const RTA_ENCAP_TYPE = 21;
const NDA_DST = 1;
const NDA_LLADDR = 2;

/** Bytes of struct rtmsg: u8 family, dst_len, src_len, tos, table, protocol, scope, type, u32 flags. */
const RTMSG = 12;
const RTMSG_TYPE = 7;
/** A route by a device or a gateway; others lead to this host, to a group, or nowhere. */
const RTN_UNICAST = 1;
/** Bytes of struct ndmsg: u8 family, pad, u16 pad, i32 ifindex, u16 state, u8 flags, type. */
const NDMSG = 12;
/** Bytes of the family before the address in struct rtvia. */
const VIA_FAMILY = 2;

/** What the route of a packet depends on. Addresses have 4 or 16 bytes, network order. */
export interface RouteQuestion {
  readonly destination: Uint8Array;
  /** An address of this host, or null for the one that the route chooses. */
  readonly source: Uint8Array | null;
  /** The whole byte; congestion bits make no difference. */
  readonly tos: number;
  readonly mark: number;
}

/** Whom a packet is given to. */
export interface NextHop {
  /** The device that it leaves by. */
  readonly ifindex: number;
  /** Of the gateway, or the destination itself where that is on the link; an IPv4 route may have an IPv6 gateway. */
  readonly address: Uint8Array;
}

/** The route that a packet of this host would take. */
export function encodeGetRoute(builder: MessageBuilder, question: RouteQuestion): Uint8Array {
  const { destination, source, tos, mark } = question;
  const header = new Uint8Array(RTMSG);
  header[0] = familyOf(destination);
  header[1] = destination.length * 8;
  header[2] = source === null ? 0 : source.length * 8;
  header[3] = tos & 0xfc;
  builder.begin(RTM_GETROUTE, NLM_F_ACK).header(header).bytes(RTA_DST, destination);
  if (source !== null) builder.bytes(RTA_SRC, source);
  if (mark !== 0) builder.u32(RTA_MARK, mark);
  return builder.finish();
}

/**
 * Reads the RTM_NEWROUTE that answers `encodeGetRoute`; null when packets do not leave by it as they are: to this host itself, to a group, with labels
 * or another header put before them. Error: ERR_NETLINK_MALFORMED.
 */
export function decodeNextHop({ bytes }: Message, destination: Uint8Array): NextHop | null {
  expectBody(bytes, RTMSG, 'route');
  let ifindex = 0;
  let address = destination;
  let plain = bytes[NLMSG_HDRLEN + RTMSG_TYPE] === RTN_UNICAST;
  const cursor = new AttributeCursor(bytes, NLMSG_HDRLEN + RTMSG, 'rtnetlink route');
  while (cursor.next()) {
    if (cursor.type === RTA_OIF) ifindex = cursor.u32();
    else if (cursor.type === RTA_GATEWAY) address = cursor.bytes().slice();
    else if (cursor.type === RTA_VIA) address = cursor.bytes().slice(VIA_FAMILY);
    else if (cursor.type === RTA_ENCAP_TYPE) plain = false;
  }
  cursor.check();
  return plain && ifindex !== 0 ? { ifindex, address } : null;
}

/** One entry of the neighbour table (Linux 5.0). */
export function encodeGetNeighbour(builder: MessageBuilder, { ifindex, address }: NextHop): Uint8Array {
  const header = new Uint8Array(NDMSG);
  header[0] = familyOf(address);
  new DataView(header.buffer).setInt32(4, ifindex, true);
  return builder.begin(RTM_GETNEIGH, NLM_F_ACK).header(header).bytes(NDA_DST, address).finish();
}

/** The link-layer address of an RTM_NEWNEIGH; null while it is not known (any more). Error: ERR_NETLINK_MALFORMED. */
export function decodeNeighbour({ bytes }: Message): Uint8Array | null {
  expectBody(bytes, NDMSG, 'neighbour');
  let address: Uint8Array | null = null;
  const cursor = new AttributeCursor(bytes, NLMSG_HDRLEN + NDMSG, 'rtnetlink neighbour');
  // The kernel tells it in valid states only.
  while (cursor.next()) if (cursor.type === NDA_LLADDR) address = cursor.bytes().slice();
  cursor.check();
  return address;
}

function familyOf(address: Uint8Array): number {
  return address.length === 4 ? AF_INET : AF_INET6;
}

function expectBody(bytes: Uint8Array, size: number, what: string): void {
  if (bytes.length >= NLMSG_HDRLEN + size) return;
  throw new SlowpathError(
    'ERR_NETLINK_MALFORMED',
    `rtnetlink ${what}: message has only ${bytes.length} bytes`,
  );
}
