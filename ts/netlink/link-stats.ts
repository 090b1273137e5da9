import { SlowpathError } from '../errors/index.js';
import { AttributeCursor } from './attribute-cursor.js';
import { NLM_F_ACK, NLMSG_HDRLEN } from './constants.js';
import type { Message } from './message.js';
import type { MessageBuilder } from './message-builder.js';
import { IFINFOMSG, RTM_GETLINK } from './route-messages.js';

// struct rtnl_link_stats64 of <linux/if_link.h>.
const IFLA_STATS64 = 23;
const NAMES = [
  'rxPackets',
  'txPackets',
  'rxBytes',
  'txBytes',
  'rxErrors',
  'txErrors',
  'rxDropped',
  'txDropped',
  'multicast',
  'collisions',
  'rxLengthErrors',
  'rxOverErrors',
  'rxCrcErrors',
  'rxFrameErrors',
  'rxFifoErrors',
  'rxMissedErrors',
  'txAbortedErrors',
  'txCarrierErrors',
  'txFifoErrors',
  'txHeartbeatErrors',
  'txWindowErrors',
] as const;

/**
 * Counters of a network device since it was made, as <linux/if_link.h> and Documentation/networking/statistics.rst explain them. `multicast` counts
 * received packets.
 */
export type LinkStats = { readonly [name in (typeof NAMES)[number]]: number };

/** The statistics of one link, by index. */
export function encodeGetLinkStats(builder: MessageBuilder, ifindex: number): Uint8Array {
  const header = new Uint8Array(IFINFOMSG);
  new DataView(header.buffer).setInt32(4, ifindex, true);
  return builder.begin(RTM_GETLINK, NLM_F_ACK).header(header).finish();
}

/** Reads the statistics in an RTM_NEWLINK. Error: ERR_NETLINK_MALFORMED. */
export function decodeLinkStats(message: Message): LinkStats {
  let counters: readonly number[] | null = null;
  const cursor = new AttributeCursor(message.bytes, NLMSG_HDRLEN + IFINFOMSG, 'rtnetlink link');
  while (cursor.next()) if (cursor.type === IFLA_STATS64) counters = cursor.u64s(NAMES.length);
  cursor.check();
  if (counters === null)
    throw new SlowpathError('ERR_NETLINK_MALFORMED', 'rtnetlink link: there are no statistics in it');
  return Object.fromEntries(NAMES.map((name, i) => [name, counters[i]])) as LinkStats;
}
