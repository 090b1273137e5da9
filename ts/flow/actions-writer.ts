import {
  F_ARP_SHA,
  F_ARP_THA,
  F_ETH_DST,
  F_ETH_SRC,
  F_IPV6_DST,
  F_IPV6_LABEL,
  F_IPV6_SRC,
  F_MPLS_LSE0,
  F_ND_TARGET,
  F_NW_DST,
  F_NW_FRAG,
  F_NW_PROTO,
  F_NW_SRC,
  F_NW_TOS,
  F_NW_TTL,
  F_SKB_MARK,
  F_SKB_PRIORITY,
  F_TP_DST,
  F_TP_SRC,
  OVS_ACTION_ATTR_SET,
  OVS_ACTION_ATTR_SET_MASKED,
  OVS_KEY_ATTR_ARP,
  OVS_KEY_ATTR_ETHERNET,
  OVS_KEY_ATTR_ICMP,
  OVS_KEY_ATTR_ICMPV6,
  OVS_KEY_ATTR_IPV4,
  OVS_KEY_ATTR_IPV6,
  OVS_KEY_ATTR_MPLS,
  OVS_KEY_ATTR_ND,
  OVS_KEY_ATTR_PRIORITY,
  OVS_KEY_ATTR_SCTP,
  OVS_KEY_ATTR_SKB_MARK,
  OVS_KEY_ATTR_TCP,
  OVS_KEY_ATTR_TUNNEL,
  OVS_KEY_ATTR_UDP,
} from '../fields/index.js';
import { ActionsBuffer, swap16, swap32 } from './actions-buffer.js';
import { writeTunnelKey } from './tunnel-key.js';

const IPV6_LABEL_MASK = 0xfffff;

/** Protocol, traffic class, TTL and fragment type, as the last word of an IPv4 or IPv6 key has them. */
function ipOctets(flow: Int32Array, base: number): number {
  // nw_frag is 0, 1 (first fragment) or 3 (a later one); OVS_FRAG_TYPE_* are 0, 1 and 2.
  const fragment = flow[base + F_NW_FRAG] & 3;
  const type = fragment === 3 ? 2 : fragment;
  return (
    (flow[base + F_NW_PROTO] & 0xff) |
    ((flow[base + F_NW_TOS] & 0xff) << 8) |
    ((flow[base + F_NW_TTL] & 0xff) << 16) |
    (type << 24)
  );
}

/**
 * Appends datapath actions as the content of OVS_FLOW_ATTR_ACTIONS into a buffer that never grows. Allocates nothing. When
 * an action does not fit, it and everything after it is left out and `overflowed` stays set until `reset()`; the caller
 * checks once at the end.
 *
 * Values come from rows of flow words (`flow` at `base`). `set…` writes the whole key attribute; `setMasked…` writes only
 * the bits set in `mask` (at `maskBase`), as OVS_ACTION_ATTR_SET when they are all of the attribute's. Fields that no
 * datapath lets one write (IP protocol, fragment) are never in the mask.
 */
export class ActionsWriter extends ActionsBuffer {
  /**
   * Headers of a set action for a key attribute of `size` bytes (a multiple of 4): offset of the value in words; the mask,
   * if masked, follows `size` bytes later. -1 on overflow.
   */
  private openSet(key: number, size: number, masked: boolean): number {
    const payload = masked ? size * 2 : size;
    const at = this.reserve(8 + payload);
    if (at < 0) return -1;
    const w = at >> 2;
    this.words[w] = (8 + payload) | ((masked ? OVS_ACTION_ATTR_SET_MASKED : OVS_ACTION_ATTR_SET) << 16);
    this.words[w + 1] = (4 + payload) | (key << 16);
    return w + 2;
  }

  /** set(skb_priority(…)). */
  setPriority(flow: Int32Array, base: number): void {
    this.setWord(OVS_KEY_ATTR_PRIORITY, flow[base + F_SKB_PRIORITY]);
  }

  /** set(skb_mark(…)). */
  setMark(flow: Int32Array, base: number): void {
    this.setWord(OVS_KEY_ATTR_SKB_MARK, flow[base + F_SKB_MARK]);
  }

  setMaskedPriority(flow: Int32Array, base: number, mask: Int32Array, maskBase: number): void {
    this.setMaskedWord(OVS_KEY_ATTR_PRIORITY, flow[base + F_SKB_PRIORITY], mask[maskBase + F_SKB_PRIORITY]);
  }

  setMaskedMark(flow: Int32Array, base: number, mask: Int32Array, maskBase: number): void {
    this.setMaskedWord(OVS_KEY_ATTR_SKB_MARK, flow[base + F_SKB_MARK], mask[maskBase + F_SKB_MARK]);
  }

  /** A key attribute of one word that is copied into the message as it is. */
  private setWord(key: number, value: number): void {
    const w = this.openSet(key, 4, false);
    if (w >= 0) this.words[w] = value;
  }

  private setMaskedWord(key: number, value: number, mask: number): void {
    const exact = mask === -1;
    const w = this.openSet(key, 4, !exact);
    if (w < 0) return;
    this.words[w] = value & mask;
    if (!exact) this.words[w + 1] = mask;
  }

  setEthernet(flow: Int32Array, base: number): void {
    const w = this.openSet(OVS_KEY_ATTR_ETHERNET, 12, false);
    if (w >= 0) this.putMacs(w, flow, base + F_ETH_SRC, base + F_ETH_DST, null, 0, 0);
  }

  setMaskedEthernet(flow: Int32Array, base: number, mask: Int32Array, maskBase: number): void {
    const src = maskBase + F_ETH_SRC;
    const dst = maskBase + F_ETH_DST;
    const exact = (mask[src] & mask[dst] & 0xffff) === 0xffff && (mask[src + 1] & mask[dst + 1]) === -1;
    const w = this.openSet(OVS_KEY_ATTR_ETHERNET, 12, !exact);
    if (w < 0) return;
    this.putMacs(w, flow, base + F_ETH_SRC, base + F_ETH_DST, mask, src, dst);
    if (!exact) this.putMacs(w + 3, mask, src, dst, null, 0, 0);
  }

  /** Two MAC addresses, three words from word `w` on, masked when there is a mask. */
  private putMacs(
    w: number,
    flow: Int32Array,
    first: number,
    second: number,
    mask: Int32Array | null,
    firstMask: number,
    secondMask: number,
  ): void {
    let h1 = flow[first];
    let l1 = flow[first + 1];
    let h2 = flow[second];
    let l2 = flow[second + 1];
    if (mask !== null) {
      h1 &= mask[firstMask];
      l1 &= mask[firstMask + 1];
      h2 &= mask[secondMask];
      l2 &= mask[secondMask + 1];
    }
    const low1 = swap32(l1);
    this.words[w] = swap16(h1) | (low1 << 16);
    this.words[w + 1] = (low1 >>> 16) | (swap16(h2) << 16);
    this.words[w + 2] = swap32(l2);
  }

  /** set(ipv4(…)) of the whole attribute; protocol and fragment must be the packet's own. */
  setIpv4(flow: Int32Array, base: number): void {
    const w = this.openSet(OVS_KEY_ATTR_IPV4, 12, false);
    if (w < 0) return;
    this.words[w] = swap32(flow[base + F_NW_SRC]);
    this.words[w + 1] = swap32(flow[base + F_NW_DST]);
    this.words[w + 2] = ipOctets(flow, base);
  }

  /** Likewise set(ipv6(…)). */
  setIpv6(flow: Int32Array, base: number): void {
    const w = this.openSet(OVS_KEY_ATTR_IPV6, 40, false);
    if (w < 0) return;
    for (let i = 0; i < 4; i++) {
      this.words[w + i] = swap32(flow[base + F_IPV6_SRC + i]);
      this.words[w + 4 + i] = swap32(flow[base + F_IPV6_DST + i]);
    }
    this.words[w + 8] = swap32(flow[base + F_IPV6_LABEL] & IPV6_LABEL_MASK);
    this.words[w + 9] = ipOctets(flow, base);
  }

  setMaskedIpv4(flow: Int32Array, base: number, mask: Int32Array, maskBase: number): void {
    const w = this.openSet(OVS_KEY_ATTR_IPV4, 12, true);
    if (w < 0) return;
    const words = this.words;
    const src = mask[maskBase + F_NW_SRC];
    const dst = mask[maskBase + F_NW_DST];
    const tos = mask[maskBase + F_NW_TOS] & 0xff;
    const ttl = mask[maskBase + F_NW_TTL] & 0xff;
    words[w] = swap32(flow[base + F_NW_SRC] & src);
    words[w + 1] = swap32(flow[base + F_NW_DST] & dst);
    words[w + 2] = ((flow[base + F_NW_TOS] & tos) << 8) | ((flow[base + F_NW_TTL] & ttl) << 16);
    words[w + 3] = swap32(src);
    words[w + 4] = swap32(dst);
    words[w + 5] = (tos << 8) | (ttl << 16);
  }

  setMaskedIpv6(flow: Int32Array, base: number, mask: Int32Array, maskBase: number): void {
    const w = this.openSet(OVS_KEY_ATTR_IPV6, 40, true);
    if (w < 0) return;
    const words = this.words;
    for (let i = 0; i < 4; i++) {
      const src = mask[maskBase + F_IPV6_SRC + i];
      const dst = mask[maskBase + F_IPV6_DST + i];
      words[w + i] = swap32(flow[base + F_IPV6_SRC + i] & src);
      words[w + 4 + i] = swap32(flow[base + F_IPV6_DST + i] & dst);
      words[w + 10 + i] = swap32(src);
      words[w + 14 + i] = swap32(dst);
    }
    const label = mask[maskBase + F_IPV6_LABEL] & IPV6_LABEL_MASK;
    const tos = mask[maskBase + F_NW_TOS] & 0xff;
    const ttl = mask[maskBase + F_NW_TTL] & 0xff;
    words[w + 8] = swap32(flow[base + F_IPV6_LABEL] & label);
    words[w + 9] = ((flow[base + F_NW_TOS] & tos) << 8) | ((flow[base + F_NW_TTL] & ttl) << 16);
    words[w + 18] = swap32(label);
    words[w + 19] = (tos << 8) | (ttl << 16);
  }

  setMaskedTcp(flow: Int32Array, base: number, mask: Int32Array, maskBase: number): void {
    this.setMaskedPorts(OVS_KEY_ATTR_TCP, flow, base, mask, maskBase);
  }
  setMaskedUdp(flow: Int32Array, base: number, mask: Int32Array, maskBase: number): void {
    this.setMaskedPorts(OVS_KEY_ATTR_UDP, flow, base, mask, maskBase);
  }
  setMaskedSctp(flow: Int32Array, base: number, mask: Int32Array, maskBase: number): void {
    this.setMaskedPorts(OVS_KEY_ATTR_SCTP, flow, base, mask, maskBase);
  }

  private setMaskedPorts(
    key: number,
    flow: Int32Array,
    base: number,
    mask: Int32Array,
    maskBase: number,
  ): void {
    const bits = ((mask[maskBase + F_TP_SRC] & 0xffff) << 16) | (mask[maskBase + F_TP_DST] & 0xffff);
    const value = ((flow[base + F_TP_SRC] & 0xffff) << 16) | (flow[base + F_TP_DST] & 0xffff);
    this.setMaskedWord(key, swap32(value), swap32(bits));
  }

  setMaskedIcmp(flow: Int32Array, base: number, mask: Int32Array, maskBase: number): void {
    this.setMaskedTypeCode(OVS_KEY_ATTR_ICMP, flow, base, mask, maskBase);
  }
  setMaskedIcmpv6(flow: Int32Array, base: number, mask: Int32Array, maskBase: number): void {
    this.setMaskedTypeCode(OVS_KEY_ATTR_ICMPV6, flow, base, mask, maskBase);
  }

  /** The two-byte ICMP key: value, and mask right behind it, share one word. */
  private setMaskedTypeCode(
    key: number,
    flow: Int32Array,
    base: number,
    mask: Int32Array,
    maskBase: number,
  ): void {
    const bits = (mask[maskBase + F_TP_SRC] & 0xff) | ((mask[maskBase + F_TP_DST] & 0xff) << 8);
    const value = ((flow[base + F_TP_SRC] & 0xff) | ((flow[base + F_TP_DST] & 0xff) << 8)) & bits;
    const exact = bits === 0xffff;
    const at = this.reserve(12);
    if (at < 0) return;
    const w = at >> 2;
    // The outer attribute is as long as the padded inner one.
    this.words[w] = 12 | ((exact ? OVS_ACTION_ATTR_SET : OVS_ACTION_ATTR_SET_MASKED) << 16);
    this.words[w + 1] = (exact ? 6 : 8) | (key << 16);
    this.words[w + 2] = exact ? value : value | (bits << 16);
  }

  /** struct ovs_key_arp: the opcode is 16 bits on the wire and 8 in the flow; a full mask covers all 16. */
  setMaskedArp(flow: Int32Array, base: number, mask: Int32Array, maskBase: number): void {
    const op = mask[maskBase + F_NW_PROTO] & 0xff;
    const opMask = op === 0xff ? 0xffff : op;
    const sha = maskBase + F_ARP_SHA;
    const tha = maskBase + F_ARP_THA;
    const sip = mask[maskBase + F_NW_SRC];
    const tip = mask[maskBase + F_NW_DST];
    const exact =
      (sip & tip & mask[sha + 1] & mask[tha + 1]) === -1 &&
      (opMask & mask[sha] & mask[tha] & 0xffff) === 0xffff;
    const w = this.openSet(OVS_KEY_ATTR_ARP, 24, !exact);
    if (w < 0) return;
    this.putArp(w, flow, base, flow[base + F_NW_PROTO] & op, sip, tip, mask, sha, tha);
    if (!exact) this.putArp(w + 6, mask, maskBase, opMask, -1, -1, null, 0, 0);
  }

  private putArp(
    w: number,
    row: Int32Array,
    base: number,
    op: number,
    sipMask: number,
    tipMask: number,
    mask: Int32Array | null,
    shaMask: number,
    thaMask: number,
  ): void {
    const words = this.words;
    words[w] = swap32(row[base + F_NW_SRC] & sipMask);
    words[w + 1] = swap32(row[base + F_NW_DST] & tipMask);
    // op, sha and tha begin two bytes into their word: write the addresses aligned behind a gap, then shift.
    this.putMacs(w + 3, row, base + F_ARP_SHA, base + F_ARP_THA, mask, shaMask, thaMask);
    const a = words[w + 3];
    const b = words[w + 4];
    const c = words[w + 5];
    words[w + 2] = swap16(op) | (a << 16);
    words[w + 3] = (a >>> 16) | (b << 16);
    words[w + 4] = (b >>> 16) | (c << 16);
    words[w + 5] = c >>> 16;
  }

  setMaskedNd(flow: Int32Array, base: number, mask: Int32Array, maskBase: number): void {
    const sll = maskBase + F_ARP_SHA;
    const tll = maskBase + F_ARP_THA;
    let bits = mask[sll + 1] & mask[tll + 1] & (mask[sll] | ~0xffff) & (mask[tll] | ~0xffff);
    for (let i = 0; i < 4; i++) bits &= mask[maskBase + F_ND_TARGET + i];
    const exact = bits === -1;
    const w = this.openSet(OVS_KEY_ATTR_ND, 28, !exact);
    if (w < 0) return;
    for (let i = 0; i < 4; i++) {
      const target = mask[maskBase + F_ND_TARGET + i];
      this.words[w + i] = swap32(flow[base + F_ND_TARGET + i] & target);
      if (!exact) this.words[w + 7 + i] = swap32(target);
    }
    this.putMacs(w + 4, flow, base + F_ARP_SHA, base + F_ARP_THA, mask, sll, tll);
    if (!exact) this.putMacs(w + 11, mask, sll, tll, null, 0, 0);
  }

  /** set(mpls(…)): the outermost label stack entry. */
  setMpls(flow: Int32Array, base: number): void {
    this.setWord(OVS_KEY_ATTR_MPLS, swap32(flow[base + F_MPLS_LSE0]));
  }

  setMaskedMpls(flow: Int32Array, base: number, mask: Int32Array, maskBase: number): void {
    this.setMaskedWord(
      OVS_KEY_ATTR_MPLS,
      swap32(flow[base + F_MPLS_LSE0]),
      swap32(mask[maskBase + F_MPLS_LSE0]),
    );
  }

  /** set(tunnel(…)): the tunnel metadata that an output to a tunnel port will use. Datapaths take no masked form. */
  setTunnel(flow: Int32Array, base: number): void {
    const set = this.begin(OVS_ACTION_ATTR_SET);
    const tunnel = this.begin(OVS_KEY_ATTR_TUNNEL);
    writeTunnelKey(this, flow, base);
    this.end(tunnel);
    this.end(set);
  }
}
