import { SlowpathError } from '../errors/index.js';
import { AttributeCursor } from './attribute-cursor.js';
import { AF_INET, AF_INET6, NLM_F_ACK, NLM_F_DUMP, NLMSG_HDRLEN } from './constants.js';
import type { Message } from './message.js';
import type { MessageBuilder } from './message-builder.js';

// Numbers of <linux/rtnetlink.h>, <linux/if_link.h>, <linux/if_addr.h>, <linux/if.h>.
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;

/** Multicast group of link changes. */
export const RTNLGRP_LINK = 1;

export const IFF_UP = 0x1;
export const IFF_RUNNING = 0x40;
export const IFF_LOWER_UP = 0x10000;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_EXT_MASK = 29;
const IFLA_INFO_KIND = 1;
/** Leaves the statistics out, which nobody here reads. */
const RTEXT_FILTER_SKIP_STATS = 8;
const IFLA_NAMES = Object.assign<string[], Record<number, string>>([], {
  [IFLA_ADDRESS]: 'IFLA_ADDRESS',
  [IFLA_IFNAME]: 'IFLA_IFNAME',
  [IFLA_MTU]: 'IFLA_MTU',
  [IFLA_MASTER]: 'IFLA_MASTER',
  [IFLA_LINKINFO]: 'IFLA_LINKINFO',
});

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

/** Bytes of struct ifinfomsg: u8 family, pad, u16 type, i32 index, u32 flags, u32 change. */
export const IFINFOMSG = 16;
/** Bytes of struct ifaddrmsg: u8 family, prefixlen, flags, scope, u32 index. */
const IFADDRMSG = 8;

/** A network device. */
export interface Link {
  readonly ifindex: number;
  readonly name: string;
  /** Kind of a virtual device ('veth', 'tun', 'openvswitch'), null for hardware. */
  readonly kind: string | null;
  /** Bytes. */
  readonly mtu: number;
  /** Six bytes on Ethernet; empty on devices without address. */
  readonly mac: Uint8Array;
  /** Interface index of the device that this one is enslaved to (bridge, bond, datapath), 0 for none. */
  readonly master: number;
  /** All IFF_* bits. */
  readonly flags: number;
  /** Administratively enabled. */
  readonly up: boolean;
  /** Enabled and operational. */
  readonly running: boolean;
  /** The lower layer has carrier. */
  readonly carrier: boolean;
}

/** An address of a network device. */
export interface InterfaceAddress {
  readonly ifindex: number;
  readonly family: 4 | 6;
  /** 4 or 16 bytes, network order. */
  readonly address: Uint8Array;
  readonly prefixLength: number;
}

/** Dump of all links. */
export function encodeGetLinks(builder: MessageBuilder): Uint8Array {
  builder.begin(RTM_GETLINK, NLM_F_DUMP).header(new Uint8Array(IFINFOMSG));
  return builder.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS).finish();
}

/** One link, by index or by name. */
export function encodeGetLink(builder: MessageBuilder, which: number | string): Uint8Array {
  const byIndex = typeof which === 'number';
  builder.begin(RTM_GETLINK, NLM_F_ACK).header(ifinfomsg(byIndex ? which : 0, 0, 0));
  if (!byIndex) builder.string(IFLA_IFNAME, which);
  return builder.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS).finish();
}

/** Enables or disables a link, leaving its other flags alone. */
export function encodeSetLinkUp(builder: MessageBuilder, ifindex: number, up: boolean): Uint8Array {
  return builder
    .begin(RTM_NEWLINK, NLM_F_ACK)
    .header(ifinfomsg(ifindex, up ? IFF_UP : 0, IFF_UP))
    .finish();
}

/** Dump of all addresses of all links. */
export function encodeGetAddresses(builder: MessageBuilder): Uint8Array {
  return builder.begin(RTM_GETADDR, NLM_F_DUMP).header(new Uint8Array(IFADDRMSG)).finish();
}

/** Reads RTM_NEWLINK or RTM_DELLINK. Error: ERR_NETLINK_MALFORMED. */
export function decodeLink(message: Message): Link {
  const view = body(message, IFINFOMSG, 'link');
  const flags = view.getUint32(8, true);
  let name = '';
  let kind: string | null = null;
  let mtu = 0;
  let mac: Uint8Array = new Uint8Array(0);
  let master = 0;
  const cursor = new AttributeCursor(message.bytes, NLMSG_HDRLEN + IFINFOMSG, 'rtnetlink link', IFLA_NAMES);
  while (cursor.next()) {
    if (cursor.type === IFLA_IFNAME) name = cursor.string();
    else if (cursor.type === IFLA_MTU) mtu = cursor.u32();
    else if (cursor.type === IFLA_ADDRESS) mac = cursor.bytes().slice();
    else if (cursor.type === IFLA_MASTER) master = cursor.u32();
    else if (cursor.type === IFLA_LINKINFO) kind = linkKind(cursor.nested());
  }
  cursor.check();
  return {
    ifindex: view.getInt32(4, true),
    name,
    kind,
    mtu,
    mac,
    master,
    flags,
    up: (flags & IFF_UP) !== 0,
    running: (flags & IFF_RUNNING) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
  };
}

/** Reads RTM_NEWADDR or RTM_DELADDR; null for families other than IPv4 and IPv6. Error: ERR_NETLINK_MALFORMED. */
export function decodeAddress(message: Message): InterfaceAddress | null {
  const view = body(message, IFADDRMSG, 'address');
  const family = view.getUint8(0);
  if (family !== AF_INET && family !== AF_INET6) return null;
  let address: Uint8Array = new Uint8Array(0);
  let local: Uint8Array | null = null;
  const cursor = new AttributeCursor(message.bytes, NLMSG_HDRLEN + IFADDRMSG, 'rtnetlink address');
  while (cursor.next()) {
    // On point-to-point links IFA_ADDRESS is the peer's; ours is IFA_LOCAL where there is one.
    if (cursor.type === IFA_ADDRESS) address = cursor.bytes().slice();
    else if (cursor.type === IFA_LOCAL) local = cursor.bytes().slice();
  }
  cursor.check();
  return {
    ifindex: view.getUint32(4, true),
    family: family === AF_INET ? 4 : 6,
    address: local ?? address,
    prefixLength: view.getUint8(1),
  };
}

function ifinfomsg(ifindex: number, flags: number, change: number): Uint8Array {
  const bytes = new Uint8Array(IFINFOMSG);
  const view = new DataView(bytes.buffer);
  view.setInt32(4, ifindex, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return bytes;
}

function body(message: Message, size: number, what: string): DataView {
  const { bytes } = message;
  if (bytes.length < NLMSG_HDRLEN + size) {
    throw new SlowpathError(
      'ERR_NETLINK_MALFORMED',
      `rtnetlink ${what}: message has only ${bytes.length} bytes`,
    );
  }
  return new DataView(bytes.buffer, bytes.byteOffset + NLMSG_HDRLEN, bytes.length - NLMSG_HDRLEN);
}

function linkKind(info: AttributeCursor): string | null {
  let kind: string | null = null;
  while (info.next()) if (info.type === IFLA_INFO_KIND) kind = info.string();
  info.check();
  return kind;
}
