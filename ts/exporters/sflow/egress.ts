import {
  F_ETH_TYPE,
  F_MPLS_LSE0,
  F_SKB_MARK,
  OVS_ACTION_ATTR_ADD_MPLS,
  OVS_ACTION_ATTR_CLONE,
  OVS_ACTION_ATTR_OUTPUT,
  OVS_ACTION_ATTR_POP_MPLS,
  OVS_ACTION_ATTR_PUSH_MPLS,
  OVS_ACTION_ATTR_SET,
  OVS_ACTION_ATTR_SET_MASKED,
  OVS_KEY_ATTR_MPLS,
  OVS_KEY_ATTR_SKB_MARK,
  OVS_KEY_ATTR_TUNNEL,
} from '../../fields/index.js';
import { NLA_HDRLEN } from '../../netlink/index.js';
import { be32 } from '../../util/index.js';
import { nlaLength, nlaNext, nlaOk, nlaType } from '../attributes.js';
import { TunnelHeader } from '../tunnel-header.js';

const ETH_TYPE_MPLS = 0x8847;
const ETH_TYPE_MPLS_MCAST = 0x8848;
/** Label stack entries that are kept track of (OVS: FLOW_MAX_MPLS_LABELS). */
const MAX_LABELS = 3;
const MPLS_BOS = 0x100;
/** Lists in lists that are followed. */
const MAX_DEPTH = 8;

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
  /** Mark of the packet for this host's routes. */
  mark = 0;
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
    this.mark = keys[base + F_SKB_MARK];
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
    for (let at = offset; nlaOk(bytes, at, end); at = nlaNext(bytes, at))
      this.#action(bytes, nlaType(bytes, at), at + NLA_HDRLEN, at + nlaLength(bytes, at), depth);
  }

  #action(bytes: Uint8Array, type: number, at: number, end: number, depth: number): void {
    switch (type) {
      case OVS_ACTION_ATTR_OUTPUT:
        this.port = le32(bytes, at);
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

  /** Key attributes in a set: the tunnel, the mark, and the outermost label. */
  #set(bytes: Uint8Array, at: number, end: number, masked: boolean): void {
    if (!nlaOk(bytes, at, end)) return;
    const type = nlaType(bytes, at);
    if (type === OVS_KEY_ATTR_TUNNEL && !masked) {
      this.encapsulations++;
      this.tunnel.readAttributes(bytes, at + NLA_HDRLEN, at + nlaLength(bytes, at));
    } else if (type === OVS_KEY_ATTR_SKB_MARK) {
      const mask = masked ? le32(bytes, at + NLA_HDRLEN + 4) : -1;
      this.mark = (this.mark & ~mask) | (le32(bytes, at + NLA_HDRLEN) & mask);
    } else if (type === OVS_KEY_ATTR_MPLS && this.labelCount > 0) {
      const mask = masked ? be32(bytes, at + NLA_HDRLEN + 4) : -1;
      const value = be32(bytes, at + NLA_HDRLEN);
      const top = this.labelCount - 1;
      this.labels[top] = (this.labels[top] & ~mask) | (value & mask);
    }
  }
}

/** The 32 bits at `at` in host order. */
function le32(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
