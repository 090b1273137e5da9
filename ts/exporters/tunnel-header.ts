import {
  F_TUN_DST,
  F_TUN_ID,
  F_TUN_IPV6_DST,
  F_TUN_IPV6_SRC,
  F_TUN_SRC,
  F_TUN_TOS,
  F_TUN_TP_DST,
  F_TUN_TP_SRC,
  OVS_TUNNEL_KEY_ATTR_ID,
  OVS_TUNNEL_KEY_ATTR_IPV4_DST,
  OVS_TUNNEL_KEY_ATTR_IPV4_SRC,
  OVS_TUNNEL_KEY_ATTR_IPV6_DST,
  OVS_TUNNEL_KEY_ATTR_IPV6_SRC,
  OVS_TUNNEL_KEY_ATTR_TOS,
  OVS_TUNNEL_KEY_ATTR_TP_DST,
  OVS_TUNNEL_KEY_ATTR_TP_SRC,
} from '../fields/index.js';
import { NLA_HDRLEN } from '../netlink/index.js';
import { be16, be32 } from '../util/index.js';
import { nlaLength, nlaNext, nlaOk, nlaType } from './attributes.js';

const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const IPPROTO_GRE = 47;
const PROTOCOLS: Readonly<Record<string, number>> = {
  gre: IPPROTO_GRE,
  ip6gre: IPPROTO_GRE,
  erspan: IPPROTO_GRE,
  ip6erspan: IPPROTO_GRE,
  vxlan: IPPROTO_UDP,
  geneve: IPPROTO_UDP,
  lisp: IPPROTO_UDP,
  gtpu: IPPROTO_UDP,
  bareudp: IPPROTO_UDP,
  stt: IPPROTO_TCP,
};

/** IP protocol of a tunnel's packets, by type of the Interface record; 0 for what is no tunnel. */
export function tunnelProtocol(type: string): number {
  return PROTOCOLS[type] ?? 0;
}

/** The encapsulation of a packet, as samples tell of it. Numbers in host order; one object is used again and again. */
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

  get isIpv6(): boolean {
    const { dst6 } = this;
    return (dst6[0] | dst6[1] | dst6[2] | dst6[3]) !== 0;
  }

  get present(): boolean {
    return this.dst !== 0 || this.isIpv6;
  }

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

  /** What a packet came in, from its flow key. */
  readFlow(keys: Int32Array, base: number): void {
    this.src = keys[base + F_TUN_SRC];
    this.dst = keys[base + F_TUN_DST];
    for (let i = 0; i < 4; i++) {
      this.src6[i] = keys[base + F_TUN_IPV6_SRC + i];
      this.dst6[i] = keys[base + F_TUN_IPV6_DST + i];
    }
    this.tos = keys[base + F_TUN_TOS];
    this.srcPort = keys[base + F_TUN_TP_SRC];
    this.dstPort = keys[base + F_TUN_TP_DST];
    this.idHigh = keys[base + F_TUN_ID];
    this.idLow = keys[base + F_TUN_ID + 1];
  }

  /** What a packet will leave in: OVS_TUNNEL_KEY_ATTR_* at bytes[offset … end). False when they do not fit there. */
  readAttributes(bytes: Uint8Array, offset: number, end: number): boolean {
    this.clear();
    let at = offset;
    for (; nlaOk(bytes, at, end); at = nlaNext(bytes, at)) this.#attribute(bytes, at);
    return at >= end;
  }

  #attribute(bytes: Uint8Array, at: number): void {
    const value = at + NLA_HDRLEN;
    const size = nlaLength(bytes, at) - NLA_HDRLEN;
    switch (nlaType(bytes, at)) {
      case OVS_TUNNEL_KEY_ATTR_ID:
        if (size !== 8) break;
        this.idHigh = be32(bytes, value);
        this.idLow = be32(bytes, value + 4);
        break;
      case OVS_TUNNEL_KEY_ATTR_IPV4_SRC:
        if (size === 4) this.src = be32(bytes, value);
        break;
      case OVS_TUNNEL_KEY_ATTR_IPV4_DST:
        if (size === 4) this.dst = be32(bytes, value);
        break;
      case OVS_TUNNEL_KEY_ATTR_IPV6_SRC:
        for (let i = 0; size === 16 && i < 4; i++) this.src6[i] = be32(bytes, value + 4 * i);
        break;
      case OVS_TUNNEL_KEY_ATTR_IPV6_DST:
        for (let i = 0; size === 16 && i < 4; i++) this.dst6[i] = be32(bytes, value + 4 * i);
        break;
      case OVS_TUNNEL_KEY_ATTR_TOS:
        if (size === 1) this.tos = bytes[value];
        break;
      case OVS_TUNNEL_KEY_ATTR_TP_SRC:
        if (size === 2) this.srcPort = be16(bytes, value);
        break;
      case OVS_TUNNEL_KEY_ATTR_TP_DST:
        if (size === 2) this.dstPort = be16(bytes, value);
        break;
    }
  }
}
