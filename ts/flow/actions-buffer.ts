import {
  OVS_ACTION_ATTR_ADD_MPLS,
  OVS_ACTION_ATTR_CHECK_PKT_LEN,
  OVS_ACTION_ATTR_CLONE,
  OVS_ACTION_ATTR_CT_CLEAR,
  OVS_ACTION_ATTR_HASH,
  OVS_ACTION_ATTR_METER,
  OVS_ACTION_ATTR_OUTPUT,
  OVS_ACTION_ATTR_POP_ETH,
  OVS_ACTION_ATTR_POP_MPLS,
  OVS_ACTION_ATTR_POP_NSH,
  OVS_ACTION_ATTR_POP_VLAN,
  OVS_ACTION_ATTR_PUSH_ETH,
  OVS_ACTION_ATTR_PUSH_MPLS,
  OVS_ACTION_ATTR_PUSH_VLAN,
  OVS_ACTION_ATTR_RECIRC,
  OVS_ACTION_ATTR_SAMPLE,
  OVS_ACTION_ATTR_TRUNC,
  OVS_ACTION_ATTR_USERSPACE,
  OVS_CHECK_PKT_LEN_ATTR_PKT_LEN,
  OVS_SAMPLE_ATTR_ACTIONS,
  OVS_SAMPLE_ATTR_PROBABILITY,
  OVS_USERSPACE_ATTR_ACTIONS,
  OVS_USERSPACE_ATTR_EGRESS_TUN_PORT,
  OVS_USERSPACE_ATTR_PID,
  OVS_USERSPACE_ATTR_USERDATA,
} from '../fields/index.js';
import { PSAMPLE_COOKIE, PSAMPLE_GROUP, PSAMPLE_NESTED } from './userspace-actions.js';

/** Bytes of a buffer at first; the most that fits into one netlink attribute is a little less. */
const CAPACITY = 65536;
/** Largest content: its attribute header must still fit into the 16-bit attribute length. */
export const ACTIONS_LIMIT = 65528;
/**
 * Bytes that lists are taken apart into (`splitActions`): a thousand outputs, which is what Linux queues for a port (net.core.netdev_max_backlog),
 * and far less than it keeps of one list (MAX_ACTIONS_BUFSIZE).
 */
export const ACTIONS_PART = 8000;
/** Bytes of actions that are taken apart (`splitActions`) before they go into messages, at most. */
export const ACTIONS_MAX = 1 << 22;
/** Longest attribute, header included. */
const ATTRIBUTE_MAX = 0xffff;
/** Largest content that OVS reads from text; none of it fits into a message. */
export const TEXT_LIMIT = 65532;

/** The low 16 bits of `value` with their bytes exchanged. */
export function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

/** `value` with its four bytes reversed. */
export function swap32(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

/**
 * Netlink attributes appended into a buffer that grows only beyond 64 KiB, and the actions that need no flow. Attribute headers are little-endian
 * words (length in the low half), which is the host order of every machine we run on; attributes start at multiples
 * of four, so everything is written a word at a time. Padding is zero.
 */
export class ActionsBuffer {
  /** The attributes are bytes[0 … length). Another array once they outgrew this one. */
  bytes: Uint8Array = new Uint8Array(CAPACITY);
  protected words = new Int32Array(this.bytes.buffer);
  /** Bytes written, always a multiple of four. */
  length = 0;
  /** Something did not fit and was left out. Sticky until `reset()`. */
  overflowed = false;
  private readonly limit: number;

  /**
   * `limit`: bytes at most, 65528 unless another is wanted (tests; a datapath that takes less; TEXT_LIMIT; more than an attribute holds, to be
   * taken apart).
   */
  constructor(limit = ACTIONS_LIMIT) {
    this.limit = limit;
  }

  /** Forgets everything written. */
  reset(): void {
    this.length = 0;
    this.overflowed = false;
  }

  /** Takes back what was written after `length` was `to`, including a later overflow. Not across an open `begin`. */
  truncate(to: number): void {
    if (to > this.length) return;
    this.length = to;
    this.overflowed = false;
  }

  /** A copy of what was written. */
  toBytes(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  /** Room for `n` bytes (a multiple of four), not cleared: their offset, or -1 when they do not fit. */
  protected reserve(n: number): number {
    const at = this.length;
    if (this.overflowed || at + n > this.limit) {
      this.overflowed = true;
      return -1;
    }
    this.length = at + n;
    if (this.length > this.bytes.length) this.grow();
    return at;
  }

  private grow(): void {
    const bytes = new Uint8Array(Math.min(2 * this.bytes.length, (this.limit + 3) & ~3));
    bytes.set(this.bytes);
    this.bytes = bytes;
    this.words = new Int32Array(bytes.buffer);
  }

  /** Opens a nested attribute; give what it returns to `end`. */
  begin(type: number): number {
    const at = this.reserve(4);
    if (at >= 0) this.words[at >> 2] = 4 | (type << 16);
    return at;
  }

  /** Closes a nested attribute: its length becomes known. One that is longer than attributes can be overflows. */
  end(start: number): void {
    if (start < 0 || this.overflowed) return;
    if (this.length - start > ATTRIBUTE_MAX) {
      this.overflowed = true;
      return;
    }
    const w = start >> 2;
    this.words[w] = (this.words[w] & ~0xffff) | (this.length - start);
  }

  /** How many attributes of this type there are, those inside others left out. */
  count(type: number): number {
    let n = 0;
    for (let at = 0; at < this.length; at += ((this.words[at >> 2] & 0xffff) + 3) & ~3) {
      if (this.words[at >> 2] >>> 16 === type) n++;
    }
    return n;
  }

  /** If the last attribute is nested and of this type, puts its content in its place. */
  unwrapLast(type: number): void {
    let last = -1;
    for (let at = 0; at < this.length; at += ((this.words[at >> 2] & 0xffff) + 3) & ~3) last = at;
    if (last < 0 || this.overflowed || this.words[last >> 2] >>> 16 !== type) return;
    this.words.copyWithin(last >> 2, (last >> 2) + 1, this.length >> 2);
    this.length -= 4;
  }

  /** An attribute without content. */
  flag(type: number): void {
    const at = this.reserve(4);
    if (at >= 0) this.words[at >> 2] = 4 | (type << 16);
  }

  /** An attribute of one word, given in memory order (host order for host-order attributes, `swap32`ed otherwise). */
  u32(type: number, value: number): void {
    const at = this.reserve(8);
    if (at < 0) return;
    this.words[at >> 2] = 8 | (type << 16);
    this.words[(at >> 2) + 1] = value;
  }

  /** A 32-bit attribute in network byte order. */
  be32(type: number, value: number): void {
    this.u32(type, swap32(value));
  }

  /** A 64-bit attribute in network byte order. */
  be64(type: number, high: number, low: number): void {
    const at = this.reserve(12);
    if (at < 0) return;
    const w = at >> 2;
    this.words[w] = 12 | (type << 16);
    this.words[w + 1] = swap32(high);
    this.words[w + 2] = swap32(low);
  }

  u16(type: number, value: number): void {
    const at = this.reserve(8);
    if (at < 0) return;
    this.words[at >> 2] = 6 | (type << 16);
    this.words[(at >> 2) + 1] = value & 0xffff;
  }

  be16(type: number, value: number): void {
    this.u16(type, swap16(value));
  }

  u8(type: number, value: number): void {
    const at = this.reserve(8);
    if (at < 0) return;
    this.words[at >> 2] = 5 | (type << 16);
    this.words[(at >> 2) + 1] = value & 0xff;
  }

  /** An attribute with `length` bytes of `source` from `offset` on. */
  attribute(type: number, source: Uint8Array, offset: number, length: number): void {
    const padded = (length + 3) & ~3;
    const at = this.reserve(4 + padded);
    if (at < 0) return;
    this.words[at >> 2] = (4 + length) | (type << 16);
    const bytes = this.bytes;
    for (let i = 0; i < length; i++) bytes[at + 4 + i] = source[offset + i];
    for (let i = length; i < padded; i++) bytes[at + 4 + i] = 0;
  }

  /** Attributes that were encoded before, as they are. `length` must be a multiple of four. */
  raw(source: Uint8Array, offset: number, length: number): void {
    const at = this.reserve((length + 3) & ~3);
    if (at < 0) return;
    const bytes = this.bytes;
    for (let i = 0; i < length; i++) bytes[at + i] = source[offset + i];
  }

  output(port: number): void {
    this.u32(OVS_ACTION_ATTR_OUTPUT, port);
  }

  /**
   * userspace(pid=…): the packet goes to the socket `pid` with the cookie `cookie[offset … offset + length)`; no cookie when
   * `length` is 0. `egressTunPort` asks for the tunnel key that an output to this datapath port would use; -1: none.
   * `withActions` asks for the flow's actions with the packet.
   */
  userspace(
    pid: number,
    cookie: Uint8Array,
    offset: number,
    length: number,
    egressTunPort = -1,
    withActions = false,
  ): void {
    const start = this.begin(OVS_ACTION_ATTR_USERSPACE);
    this.u32(OVS_USERSPACE_ATTR_PID, pid);
    if (length > 0) this.attribute(OVS_USERSPACE_ATTR_USERDATA, cookie, offset, length);
    if (egressTunPort !== -1) this.u32(OVS_USERSPACE_ATTR_EGRESS_TUN_PORT, egressTunPort);
    if (withActions) this.flag(OVS_USERSPACE_ATTR_ACTIONS);
    this.end(start);
  }

  /** psample of a group, with a cookie of two words in network order. */
  psample(group: number, first: number, second: number): void {
    const at = this.reserve(24);
    if (at < 0) return;
    const { words } = this;
    const w = at >> 2;
    words[w] = 24 | (PSAMPLE_NESTED << 16);
    words[w + 1] = 8 | (PSAMPLE_GROUP << 16);
    words[w + 2] = group;
    words[w + 3] = 12 | (PSAMPLE_COOKIE << 16);
    words[w + 4] = swap32(first);
    words[w + 5] = swap32(second);
  }

  /** `tci` must carry the 0x1000 bit, as the kernel demands. */
  pushVlan(tpid: number, tci: number): void {
    this.u32(OVS_ACTION_ATTR_PUSH_VLAN, swap16(tpid) | (swap16(tci) << 16));
  }

  popVlan(): void {
    this.flag(OVS_ACTION_ATTR_POP_VLAN);
  }

  /** `algorithm`: OVS_HASH_ALG_*; 0 is L4. */
  hash(algorithm: number, basis: number): void {
    const at = this.reserve(12);
    if (at < 0) return;
    const w = at >> 2;
    this.words[w] = 12 | (OVS_ACTION_ATTR_HASH << 16);
    this.words[w + 1] = algorithm;
    this.words[w + 2] = basis;
  }

  recirc(id: number): void {
    this.u32(OVS_ACTION_ATTR_RECIRC, id);
  }

  /** Packets are cut to `maxLen` bytes at the next output only. */
  trunc(maxLen: number): void {
    this.u32(OVS_ACTION_ATTR_TRUNC, maxLen);
  }

  meter(id: number): void {
    this.u32(OVS_ACTION_ATTR_METER, id);
  }

  ctClear(): void {
    this.flag(OVS_ACTION_ATTR_CT_CLEAR);
  }

  /** `lse`: label stack entry, host order. */
  pushMpls(lse: number, ethType: number): void {
    const at = this.reserve(12);
    if (at < 0) return;
    const w = at >> 2;
    // struct ovs_action_push_mpls ends with two bytes of padding, which kernels want to see.
    this.words[w] = 12 | (OVS_ACTION_ATTR_PUSH_MPLS << 16);
    this.words[w + 1] = swap32(lse);
    this.words[w + 2] = swap16(ethType);
  }

  /** `ethType`: type of the packet once the label is gone. */
  popMpls(ethType: number): void {
    this.be16(OVS_ACTION_ATTR_POP_MPLS, ethType);
  }

  /** push_mpls that chooses where: `flags` bit 0 is OVS_MPLS_L3_TUNNEL_FLAG_MASK (behind the Ethernet header). */
  addMpls(lse: number, ethType: number, flags: number): void {
    const at = this.reserve(12);
    if (at < 0) return;
    const w = at >> 2;
    this.words[w] = 12 | (OVS_ACTION_ATTR_ADD_MPLS << 16);
    this.words[w + 1] = swap32(lse);
    this.words[w + 2] = swap16(ethType) | ((flags & 0xffff) << 16);
  }

  /** MAC addresses as (high 16 bits, low 32 bits). */
  pushEth(srcHigh: number, srcLow: number, dstHigh: number, dstLow: number): void {
    const at = this.reserve(16);
    if (at < 0) return;
    const w = at >> 2;
    const low = swap32(srcLow);
    this.words[w] = 16 | (OVS_ACTION_ATTR_PUSH_ETH << 16);
    this.words[w + 1] = swap16(srcHigh) | (low << 16);
    this.words[w + 2] = (low >>> 16) | (swap16(dstHigh) << 16);
    this.words[w + 3] = swap32(dstLow);
  }

  popEth(): void {
    this.flag(OVS_ACTION_ATTR_POP_ETH);
  }

  popNsh(): void {
    this.flag(OVS_ACTION_ATTR_POP_NSH);
  }

  /**
   * Opens sample(…); the actions written until `endSample` are done for `probability` of 2^32 packets (0xffffffff: all of
   * them).
   */
  beginSample(probability: number): number {
    const start = this.begin(OVS_ACTION_ATTR_SAMPLE);
    this.u32(OVS_SAMPLE_ATTR_PROBABILITY, probability);
    this.begin(OVS_SAMPLE_ATTR_ACTIONS);
    return start;
  }

  endSample(start: number): void {
    // The nested actions begin behind the outer header (4) and the probability (8).
    if (start >= 0) this.end(start + 12);
    this.end(start);
  }

  /** Opens clone(…): what follows until `end` happens to a copy of the packet. */
  beginClone(): number {
    return this.begin(OVS_ACTION_ATTR_CLONE);
  }

  /**
   * Opens check_pkt_len(…). Write both branches, each between `begin(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER or
   * _IF_LESS_EQUAL)` and `end`, then `end` this.
   */
  beginCheckPktLen(size: number): number {
    const start = this.begin(OVS_ACTION_ATTR_CHECK_PKT_LEN);
    this.u16(OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, size);
    return start;
  }
}
