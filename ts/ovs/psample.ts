import { GENL_HDRLEN } from '../genl/index.js';
import { AttributeCursor } from '../netlink/index.js';

/** The generic netlink family of sampled packets (<linux/psample.h>), and its multicast group. */
export const PSAMPLE_FAMILY = 'psample';
export const PSAMPLE_MCGROUP = 'packets';
export const PSAMPLE_CMD_SAMPLE = 0;

const ATTR_IIFINDEX = 0;
const ATTR_OIFINDEX = 1;
const ATTR_ORIGSIZE = 2;
const ATTR_SAMPLE_GROUP = 3;
const ATTR_SAMPLE_RATE = 5;
const ATTR_DATA = 6;
// Linux 6.11.
const ATTR_USER_COOKIE = 15;
const ATTR_SAMPLE_PROBABILITY = 16;
const NAMES = ['IIFINDEX', 'OIFINDEX', 'ORIGSIZE', 'SAMPLE_GROUP', 'GROUP_SEQ', 'SAMPLE_RATE', 'DATA'];
const ALL = 0xffffffff;

/** A packet that was sampled, as the family psample tells it. */
export interface PacketSample {
  /** Number that senders of samples are told apart by. */
  readonly group: number;
  /** Share of packets that are sampled, above 0 to 1. */
  readonly probability: number;
  /** Interface index of the device that the packet came by, and of the one that it leaves by; 0 when that is not told. */
  readonly ifindex: number;
  readonly outIfindex: number;
  /** What the action says besides, at most 16 bytes; null for nothing (and before Linux 6.11). */
  readonly cookie: Uint8Array | null;
  /** Bytes of the whole packet. */
  readonly size: number;
  /** The packet, or its beginning. */
  readonly packet: Uint8Array;
}

/** Reads PSAMPLE_CMD_SAMPLE; null when it is malformed or says no group. Never throws. */
export function decodeSample(message: Uint8Array): PacketSample | null {
  const cursor = new AttributeCursor(message, Math.min(GENL_HDRLEN, message.length), PSAMPLE_FAMILY, NAMES);
  let [group, rate, ifindex, outIfindex, size] = [-1, 1, 0, 0, 0];
  let isProbability = false;
  let cookie: Uint8Array | null = null;
  let packet: Uint8Array = new Uint8Array();
  while (cursor.next()) {
    if (cursor.type === ATTR_IIFINDEX) ifindex = cursor.u16();
    else if (cursor.type === ATTR_OIFINDEX) outIfindex = cursor.u16();
    else if (cursor.type === ATTR_ORIGSIZE) size = cursor.u32();
    else if (cursor.type === ATTR_SAMPLE_GROUP) group = cursor.u32();
    else if (cursor.type === ATTR_SAMPLE_RATE) rate = cursor.u32();
    else if (cursor.type === ATTR_USER_COOKIE) cookie = cursor.bytes();
    else if (cursor.type === ATTR_SAMPLE_PROBABILITY) isProbability = true;
    else if (cursor.type === ATTR_DATA) packet = cursor.bytes();
  }
  if (cursor.problem !== null || group < 0) return null;
  const probability = isProbability ? rate / ALL : 1 / Math.max(1, rate);
  return { group, probability, ifindex, outIfindex, cookie, size: size === 0 ? packet.length : size, packet };
}
