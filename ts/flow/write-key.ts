import {
  F_CT_NW_PROTO,
  F_ETH_TYPE,
  F_IN_PORT,
  F_MPLS_LSE0,
  F_ND_OPTIONS_TYPE,
  F_ND_RESERVED,
  F_NSH_CONTEXT,
  F_NSH_FLAGS,
  F_NSH_MDTYPE,
  F_NSH_PATH_HDR,
  F_NW_FRAG,
  F_NW_PROTO,
  F_PACKET_TYPE,
  F_TCP_FLAGS,
  F_TP_DST,
  F_TP_SRC,
  F_TUN_DST,
  F_TUN_IPV6_DST,
  F_TUN_IPV6_SRC,
  F_TUN_SRC,
  F_VLAN_TCI,
  F_VLAN_TPID,
  F_VLAN1_TCI,
  F_VLAN1_TPID,
  OVS_KEY_ATTR_ARP,
  OVS_KEY_ATTR_CT_LABELS,
  OVS_KEY_ATTR_CT_MARK,
  OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4,
  OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6,
  OVS_KEY_ATTR_CT_STATE,
  OVS_KEY_ATTR_CT_ZONE,
  OVS_KEY_ATTR_DP_HASH,
  OVS_KEY_ATTR_ENCAP,
  OVS_KEY_ATTR_ETHERNET,
  OVS_KEY_ATTR_ETHERTYPE,
  OVS_KEY_ATTR_ICMP,
  OVS_KEY_ATTR_ICMPV6,
  OVS_KEY_ATTR_IN_PORT,
  OVS_KEY_ATTR_IPV4,
  OVS_KEY_ATTR_IPV6,
  OVS_KEY_ATTR_MPLS,
  OVS_KEY_ATTR_ND,
  OVS_KEY_ATTR_ND_EXTENSIONS,
  OVS_KEY_ATTR_NSH,
  OVS_KEY_ATTR_PACKET_TYPE,
  OVS_KEY_ATTR_PRIORITY,
  OVS_KEY_ATTR_RECIRC_ID,
  OVS_KEY_ATTR_SCTP,
  OVS_KEY_ATTR_SKB_MARK,
  OVS_KEY_ATTR_TCP,
  OVS_KEY_ATTR_TCP_FLAGS,
  OVS_KEY_ATTR_TUNNEL,
  OVS_KEY_ATTR_UDP,
  OVS_KEY_ATTR_VLAN,
  OVS_NSH_KEY_ATTR_BASE,
  OVS_NSH_KEY_ATTR_MD1,
} from '../fields/index.js';
import { ActionsBuffer } from './actions-buffer.js';
import { KEY_ATTRIBUTES } from './key-table.js';
import { type Kind, SIZES } from './parse-values.js';
import { writeTunnelKey } from './tunnel-key.js';

const ETH_TYPE_IP = 0x0800;
const ETH_TYPE_ARP = 0x0806;
const ETH_TYPE_RARP = 0x8035;
const ETH_TYPE_VLAN = 0x8100;
const ETH_TYPE_IPV6 = 0x86dd;
const ETH_TYPE_MPLS = 0x8847;
const ETH_TYPE_MPLS_MCAST = 0x8848;
const ETH_TYPE_QINQ = 0x88a8;
const ETH_TYPE_NSH = 0x894f;
/** Below this the field is a length: the frame is 802.2 and has no ethertype. */
const ETH_TYPE_MIN = 0x600;
const MPLS_BOTTOM = 0x100;
const FRAG_LATER = 2;
const NO_PORT = -1;
const ND_SOLICIT = 135;
const ND_ADVERT = 136;
const NSH_TYPE_1 = 1;

/** Ports by IP protocol: the attribute that carries them. ICMP depends on the version of IP. */
const TRANSPORT = new Map([
  [6, OVS_KEY_ATTR_TCP],
  [17, OVS_KEY_ATTR_UDP],
  [132, OVS_KEY_ATTR_SCTP],
]);

/**
 * A flow row → key attributes in the form that OVS's userspace gives a flow (odp_flow_key_from_flow): every metadata
 * attribute, also zero ones, and packet_type. The Linux datapath takes less; what goes there is encoded by
 * `Addon.encodeKey`. Offsets count words; `row[base]` is the first word of the flow.
 */
export function encodeFlowKey(row: Int32Array, base = 0): Uint8Array {
  return new KeyWriter(row, base, row, base, false).run();
}

/**
 * As encodeFlowKey, but the mask of that flow: `mask[maskBase]` on. Which attributes there are depends on the flow; tunnel
 * and port always are.
 */
export function encodeFlowMask(
  row: Int32Array,
  base: number,
  mask: Int32Array,
  maskBase: number,
): Uint8Array {
  return new KeyWriter(row, base, mask, maskBase, true).run();
}

class KeyWriter {
  private readonly out = new ActionsBuffer();

  constructor(
    /** The flow, which says what attributes there are. */
    private readonly flow: Int32Array,
    private readonly flowBase: number,
    /** The flow or its mask, which gives the content. */
    private readonly data: Int32Array,
    private readonly dataBase: number,
    private readonly isMask: boolean,
  ) {}

  run(): Uint8Array {
    this.metadata();
    if (this.at(F_PACKET_TYPE) === 0) {
      this.put(OVS_KEY_ATTR_ETHERNET);
      this.fromVlan(0);
    } else {
      this.fromEthertype();
    }
    return this.out.toBytes();
  }

  /** A word of the flow. */
  private at(word: number): number {
    return this.flow[this.flowBase + word];
  }

  private any(word: number, count: number): boolean {
    for (let i = 0; i < count; i++) if (this.at(word + i) !== 0) return true;
    return false;
  }

  /** An attribute that the table knows, from the words that it names. */
  private put(type: number): void {
    const { size, members } = KEY_ATTRIBUTES.get(type)!;
    const bytes = new Uint8Array(size);
    for (const [, at, kind, word] of members) this.putMember(bytes, at, kind, word);
    this.out.attribute(type, bytes, 0, size);
  }

  private putMember(bytes: Uint8Array, at: number, kind: Kind, word: number): void {
    const size = SIZES[kind];
    const words = this.data.subarray(this.dataBase + word, this.dataBase + word + ((size + 3) >> 2));
    if (kind === 'frag') {
      bytes[at] = this.fragment(words[0]);
      return;
    }
    // The least significant word is the last one; host order begins with its least significant byte.
    const hostOrder = kind === 'h16' || kind === 'h32' || kind === 'u128';
    for (let i = 0; i < size; i++) {
      const byte = words[words.length - 1 - (i >> 2)] >>> (8 * (i & 3));
      bytes[hostOrder ? at + i : at + size - 1 - i] = byte;
    }
  }

  /** nw_frag → ovs_frag_type; a mask is all or nothing, as the value is an enumeration. */
  private fragment(bits: number): number {
    if (this.isMask) return (bits & 1) === 0 ? 0 : 0xff;
    return (bits & 1) === 0 ? 0 : (bits & FRAG_LATER) === 0 ? 1 : 2;
  }

  private metadata(): void {
    this.put(OVS_KEY_ATTR_PRIORITY);
    const hasTunnel =
      this.any(F_TUN_SRC, 1) ||
      this.any(F_TUN_DST, 1) ||
      this.any(F_TUN_IPV6_SRC, 4) ||
      this.any(F_TUN_IPV6_DST, 4);
    if (hasTunnel || this.isMask) {
      const start = this.out.begin(OVS_KEY_ATTR_TUNNEL);
      writeTunnelKey(this.out, this.data, this.dataBase, this.flow, this.flowBase);
      this.out.end(start);
    }
    for (const type of [
      OVS_KEY_ATTR_SKB_MARK,
      OVS_KEY_ATTR_CT_STATE,
      OVS_KEY_ATTR_CT_ZONE,
      OVS_KEY_ATTR_CT_MARK,
      OVS_KEY_ATTR_CT_LABELS,
    ]) {
      this.put(type);
    }
    if (this.at(F_CT_NW_PROTO) !== 0) {
      const type = this.at(F_ETH_TYPE);
      if (type === ETH_TYPE_IP) this.put(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4);
      else if (type === ETH_TYPE_IPV6) this.put(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6);
    }
    this.put(OVS_KEY_ATTR_RECIRC_ID);
    this.put(OVS_KEY_ATTR_DP_HASH);
    if (this.isMask || this.at(F_IN_PORT) !== NO_PORT) this.put(OVS_KEY_ATTR_IN_PORT);
    this.out.be32(OVS_KEY_ATTR_PACKET_TYPE, this.data[this.dataBase + F_PACKET_TYPE]);
  }

  /** Up to two tags, each around what it carries. */
  private fromVlan(tags: number): void {
    const tciWord = tags === 0 ? F_VLAN_TCI : F_VLAN1_TCI;
    const type = this.at(F_ETH_TYPE);
    const cutOff = this.at(tciWord) === 0 && (type === ETH_TYPE_VLAN || type === ETH_TYPE_QINQ);
    if (tags === 2 || (this.at(tciWord) === 0 && !cutOff)) {
      this.fromEthertype();
      return;
    }
    const tpid = cutOff ? type : this.at(tags === 0 ? F_VLAN_TPID : F_VLAN1_TPID);
    this.out.be16(OVS_KEY_ATTR_ETHERTYPE, this.isMask ? 0xffff : tpid);
    this.out.be16(OVS_KEY_ATTR_VLAN, this.data[this.dataBase + tciWord]);
    const encap = this.out.begin(OVS_KEY_ATTR_ENCAP);
    if (!cutOff) this.fromVlan(tags + 1);
    this.out.end(encap);
  }

  private fromEthertype(): void {
    const type = this.at(F_ETH_TYPE);
    if (type < ETH_TYPE_MIN) {
      // No attribute says that there is no ethertype; a mask that has one demands it.
      if (this.isMask) this.out.be16(OVS_KEY_ATTR_ETHERTYPE, 0xffff);
      return;
    }
    this.put(OVS_KEY_ATTR_ETHERTYPE);
    if (type === ETH_TYPE_IP) this.put(OVS_KEY_ATTR_IPV4);
    else if (type === ETH_TYPE_IPV6) this.put(OVS_KEY_ATTR_IPV6);
    else if (type === ETH_TYPE_ARP || type === ETH_TYPE_RARP) this.arp();
    else if (type === ETH_TYPE_MPLS || type === ETH_TYPE_MPLS_MCAST) this.mpls();
    else if (type === ETH_TYPE_NSH) this.nsh();
    if (type === ETH_TYPE_IP || type === ETH_TYPE_IPV6) this.transport(type);
  }

  /** The flow keeps eight bits of the opcode; a mask of all of them means all sixteen. */
  private arp(): void {
    const { size, members } = KEY_ATTRIBUTES.get(OVS_KEY_ATTR_ARP)!;
    const bytes = new Uint8Array(size);
    for (const [, at, kind, word] of members) this.putMember(bytes, at, kind, word);
    if (bytes[8] === 0 && bytes[9] === 0xff) bytes[8] = 0xff;
    this.out.attribute(OVS_KEY_ATTR_ARP, bytes, 0, size);
  }

  /** Entries up to the bottom of the stack or a zero one, three at most. */
  private mpls(): void {
    let count = 0;
    while (count < 3 && this.at(F_MPLS_LSE0 + count) !== 0) {
      if ((this.at(F_MPLS_LSE0 + count++) & MPLS_BOTTOM) !== 0) break;
    }
    const bytes = new Uint8Array(4 * count);
    for (let i = 0; i < count; i++) this.putMember(bytes, 4 * i, 'be32', F_MPLS_LSE0 + i);
    this.out.attribute(OVS_KEY_ATTR_MPLS, bytes, 0, bytes.length);
  }

  private nsh(): void {
    const base = new Uint8Array(8);
    for (let i = 0; i < 4; i++) this.putMember(base, i, 'u8', F_NSH_FLAGS + i);
    this.putMember(base, 4, 'be32', F_NSH_PATH_HDR);
    const start = this.out.begin(OVS_KEY_ATTR_NSH);
    this.out.attribute(OVS_NSH_KEY_ATTR_BASE, base, 0, 8);
    if (this.isMask || this.at(F_NSH_MDTYPE) === NSH_TYPE_1) {
      const context = new Uint8Array(16);
      for (let i = 0; i < 4; i++) this.putMember(context, 4 * i, 'be32', F_NSH_CONTEXT + i);
      this.out.attribute(OVS_NSH_KEY_ATTR_MD1, context, 0, 16);
    }
    this.out.end(start);
  }

  private transport(ethType: number): void {
    if ((this.at(F_NW_FRAG) & FRAG_LATER) !== 0) return;
    const protocol = this.at(F_NW_PROTO);
    const type = TRANSPORT.get(protocol);
    if (type !== undefined) {
      this.put(type);
      const hasFlags = this.data[this.dataBase + F_TCP_FLAGS] !== 0;
      if (type === OVS_KEY_ATTR_TCP && hasFlags) this.put(OVS_KEY_ATTR_TCP_FLAGS);
    } else if (ethType === ETH_TYPE_IP && protocol === 1) {
      this.put(OVS_KEY_ATTR_ICMP);
    } else if (ethType === ETH_TYPE_IPV6 && protocol === 58) {
      this.put(OVS_KEY_ATTR_ICMPV6);
      this.neighbour();
    }
  }

  /** Neighbour discovery; a mask has it only where type and code are matched exactly. */
  private neighbour(): void {
    const source = this.at(F_TP_SRC);
    if ((source !== ND_SOLICIT && source !== ND_ADVERT) || this.at(F_TP_DST) !== 0) return;
    const word = (w: number) => this.data[this.dataBase + w];
    if (this.isMask && (word(F_TP_SRC) !== 0xff || word(F_TP_DST) !== 0xff)) return;
    this.put(OVS_KEY_ATTR_ND);
    if (word(F_ND_RESERVED) !== 0 || word(F_ND_OPTIONS_TYPE) !== 0) this.put(OVS_KEY_ATTR_ND_EXTENSIONS);
  }
}
