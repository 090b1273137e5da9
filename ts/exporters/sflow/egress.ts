import {
  F_ETH_TYPE,
  F_MPLS_LSE0,
  OVS_ACTION_ATTR_ADD_MPLS,
  OVS_ACTION_ATTR_CLONE,
  OVS_ACTION_ATTR_OUTPUT,
  OVS_ACTION_ATTR_POP_MPLS,
  OVS_ACTION_ATTR_PUSH_MPLS,
  OVS_ACTION_ATTR_SET,
  OVS_ACTION_ATTR_SET_MASKED,
  OVS_KEY_ATTR_MPLS,
  OVS_KEY_ATTR_TUNNEL,
  OVS_TUNNEL_KEY_ATTR_ID,
  OVS_TUNNEL_KEY_ATTR_IPV4_DST,
  OVS_TUNNEL_KEY_ATTR_IPV4_SRC,
  OVS_TUNNEL_KEY_ATTR_IPV6_DST,
  OVS_TUNNEL_KEY_ATTR_IPV6_SRC,
  OVS_TUNNEL_KEY_ATTR_TOS,
  OVS_TUNNEL_KEY_ATTR_TP_DST,
  OVS_TUNNEL_KEY_ATTR_TP_SRC,
} from '../../fields/index.js';

const NLA_HDRLEN = 4;
/** Upper bits of an attribute's type are flags. */
const NLA_TYPE_MASK = 0x3fff;
const ETH_TYPE_MPLS = 0x8847;
const ETH_TYPE_MPLS_MCAST = 0x8848;
/** Label stack entries that are kept track of (OVS: FLOW_MAX_MPLS_LABELS). */
const MAX_LABELS = 3;
const MPLS_BOS = 0x100;
/** Lists in lists that are followed. */
const MAX_DEPTH = 8;

/** The encapsulation of a tunnel: what sFlow tells of it. Numbers in host order. */
export class TunnelHeader {
  /** IPv4 addresses, 0 for none; or IPv6, four words each. */
  src = 0;
  dst = 0;
  readonly src6 = new Int32Array(4);
  readonly dst6 = new Int32Array(4);
  tos = 0;
  srcPort = 0;
  dstPort = 0;
  idHigh = 0;
  idLow = 0;

  clear(): void {
    this.src = 0;
    this.dst = 0;
    this.src6.fill(0);
    this.dst6.fill(0);
    this.tos = 0;
    this.srcPort = 0;
    this.dstPort = 0;
    this.idHigh = 0;
    this.idLow = 0;
  }

  get isIpv6(): boolean {
    const { dst6 } = this;
    return (dst6[0] | dst6[1] | dst6[2] | dst6[3]) !== 0;
  }

  get present(): boolean {
    return this.dst !== 0 || this.isIpv6;
  }
}

/**
 * How a packet leaves, as its datapath actions tell: the tunnel that it is put into, and its MPLS labels (OVS: dpif_sflow_read_actions). One object is
 * used again for each sample.
 */
export class Egress {
  readonly tunnel = new TunnelHeader();
  /** Tunnels that the packet is put into, one in the other; more than one is not told. */
  encapsulations = 0;
  /** Datapath port of the last output, -1 for none. */
  port = -1;
  /** Label stack entries, the outermost last. */
  readonly labels = new Int32Array(MAX_LABELS);
  labelCount = 0;
  /** The labels are more than are kept track of, or actions take off more than there are. */
  labelsUnknown = false;

  /** Reads actions `bytes[offset … offset + length)` of a packet with the key `keys[base …]`. */
  read(bytes: Uint8Array, offset: number, length: number, keys: Int32Array, base: number): void {
    this.tunnel.clear();
    this.encapsulations = 0;
    this.port = -1;
    this.labelCount = 0;
    this.labelsUnknown = false;
    this.#startLabels(keys, base);
    this.#actions(bytes, offset, offset + length, 0);
  }

  #startLabels(keys: Int32Array, base: number): void {
    const etherType = keys[base + F_ETH_TYPE];
    if (etherType !== ETH_TYPE_MPLS && etherType !== ETH_TYPE_MPLS_MCAST) return;
    let count = 0;
    while (count < MAX_LABELS && (keys[base + F_MPLS_LSE0 + count++] & MPLS_BOS) === 0);
    for (let i = 0; i < count; i++) this.labels[count - 1 - i] = keys[base + F_MPLS_LSE0 + i];
    this.labelCount = count;
  }

  #actions(bytes: Uint8Array, offset: number, end: number, depth: number): void {
    for (let at = offset; at + NLA_HDRLEN <= end; ) {
      const length = u16(bytes, at);
      if (length < NLA_HDRLEN || at + length > end) return;
      this.#action(bytes, u16(bytes, at + 2) & NLA_TYPE_MASK, at + NLA_HDRLEN, at + length, depth);
      at += (length + 3) & ~3;
    }
  }

  #action(bytes: Uint8Array, type: number, at: number, end: number, depth: number): void {
    switch (type) {
      case OVS_ACTION_ATTR_OUTPUT:
        this.port = u16(bytes, at) | (u16(bytes, at + 2) << 16);
        break;
      case OVS_ACTION_ATTR_SET:
      case OVS_ACTION_ATTR_SET_MASKED:
        this.#set(bytes, at, end, type === OVS_ACTION_ATTR_SET_MASKED);
        break;
      case OVS_ACTION_ATTR_PUSH_MPLS:
      case OVS_ACTION_ATTR_ADD_MPLS:
        if (this.labelCount === MAX_LABELS) this.labelsUnknown = true;
        else this.labels[this.labelCount++] = be32(bytes, at);
        break;
      case OVS_ACTION_ATTR_POP_MPLS:
        if (this.labelCount === 0) this.labelsUnknown = true;
        else this.labelCount--;
        break;
      case OVS_ACTION_ATTR_CLONE:
        if (depth < MAX_DEPTH) this.#actions(bytes, at, end, depth + 1);
        break;
    }
  }

  /** Key attributes in a set: the tunnel, and the outermost label. */
  #set(bytes: Uint8Array, at: number, end: number, masked: boolean): void {
    if (at + NLA_HDRLEN > end) return;
    const type = u16(bytes, at + 2) & NLA_TYPE_MASK;
    if (type === OVS_KEY_ATTR_TUNNEL && !masked) {
      this.encapsulations++;
      this.tunnel.clear();
      this.#tunnelKey(bytes, at + NLA_HDRLEN, Math.min(end, at + u16(bytes, at)));
    } else if (type === OVS_KEY_ATTR_MPLS && this.labelCount > 0) {
      const mask = masked ? be32(bytes, at + NLA_HDRLEN + 4) : -1;
      const value = be32(bytes, at + NLA_HDRLEN);
      const top = this.labelCount - 1;
      this.labels[top] = (this.labels[top] & ~mask) | (value & mask);
    }
  }

  #tunnelKey(bytes: Uint8Array, offset: number, end: number): void {
    const { tunnel } = this;
    for (let at = offset; at + NLA_HDRLEN <= end; ) {
      const length = u16(bytes, at);
      if (length < NLA_HDRLEN || at + length > end) return;
      const value = at + NLA_HDRLEN;
      switch (u16(bytes, at + 2) & NLA_TYPE_MASK) {
        case OVS_TUNNEL_KEY_ATTR_ID:
          tunnel.idHigh = be32(bytes, value);
          tunnel.idLow = be32(bytes, value + 4);
          break;
        case OVS_TUNNEL_KEY_ATTR_IPV4_SRC:
          tunnel.src = be32(bytes, value);
          break;
        case OVS_TUNNEL_KEY_ATTR_IPV4_DST:
          tunnel.dst = be32(bytes, value);
          break;
        case OVS_TUNNEL_KEY_ATTR_IPV6_SRC:
          for (let i = 0; i < 4; i++) tunnel.src6[i] = be32(bytes, value + 4 * i);
          break;
        case OVS_TUNNEL_KEY_ATTR_IPV6_DST:
          for (let i = 0; i < 4; i++) tunnel.dst6[i] = be32(bytes, value + 4 * i);
          break;
        case OVS_TUNNEL_KEY_ATTR_TOS:
          tunnel.tos = bytes[value];
          break;
        case OVS_TUNNEL_KEY_ATTR_TP_SRC:
          tunnel.srcPort = (bytes[value] << 8) | bytes[value + 1];
          break;
        case OVS_TUNNEL_KEY_ATTR_TP_DST:
          tunnel.dstPort = (bytes[value] << 8) | bytes[value + 1];
          break;
      }
      at += (length + 3) & ~3;
    }
  }
}

/** Host order is little-endian, as everywhere in this package. */
function u16(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}

function be32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
