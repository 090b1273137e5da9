import {
  F_TUN_DST,
  F_TUN_ERSPAN_DIR,
  F_TUN_ERSPAN_HWID,
  F_TUN_ERSPAN_IDX,
  F_TUN_ERSPAN_VER,
  F_TUN_FLAGS,
  F_TUN_GBP_FLAGS,
  F_TUN_GBP_ID,
  F_TUN_GTPU_FLAGS,
  F_TUN_GTPU_MSGTYPE,
  F_TUN_ID,
  F_TUN_IPV6_DST,
  F_TUN_IPV6_SRC,
  F_TUN_OPTS,
  F_TUN_OPTS_LEN,
  F_TUN_SRC,
  F_TUN_TOS,
  F_TUN_TP_DST,
  F_TUN_TP_SRC,
  F_TUN_TTL,
  OVS_TUNNEL_KEY_ATTR_CSUM,
  OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT,
  OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS,
  OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS,
  OVS_TUNNEL_KEY_ATTR_ID,
  OVS_TUNNEL_KEY_ATTR_IPV4_DST,
  OVS_TUNNEL_KEY_ATTR_IPV4_SRC,
  OVS_TUNNEL_KEY_ATTR_IPV6_DST,
  OVS_TUNNEL_KEY_ATTR_IPV6_SRC,
  OVS_TUNNEL_KEY_ATTR_OAM,
  OVS_TUNNEL_KEY_ATTR_TOS,
  OVS_TUNNEL_KEY_ATTR_TP_DST,
  OVS_TUNNEL_KEY_ATTR_TP_SRC,
  OVS_TUNNEL_KEY_ATTR_TTL,
  OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS,
} from '../fields/index.js';
import type { ActionsBuffer } from './actions-buffer.js';

/** FLOW_TNL_F_*: bits of tun_flags. */
export const TUN_F_OAM = 1;
export const TUN_F_DF = 2;
export const TUN_F_CSUM = 4;
export const TUN_F_KEY = 8;

/** OVS_VXLAN_EXT_GBP of <linux/openvswitch.h>. */
export const VXLAN_EXT_GBP = 1;

/**
 * Number of OVS_TUNNEL_KEY_ATTR_GTPU_OPTS in OVS 3.1's userspace datapath. Linux has no GTP-U here: it uses the number for
 * IPV4_INFO_BRIDGE, which is empty.
 */
export const TUNNEL_KEY_GTPU_OPTS = 16;

/** Scratch for options; 255 bytes of Geneve options at most, 8 of ERSPAN. */
const scratch = new Uint8Array(256);

/** Appends the OVS_TUNNEL_KEY_ATTR_* attributes of a flow's tunnel fields, in the order OVS writes them. */
export function writeTunnelKey(out: ActionsBuffer, flow: Int32Array, base: number): void {
  const flags = flow[base + F_TUN_FLAGS];
  const idHigh = flow[base + F_TUN_ID];
  const idLow = flow[base + F_TUN_ID + 1];
  if ((flags & TUN_F_KEY) !== 0 || (idHigh | idLow) !== 0) out.be64(OVS_TUNNEL_KEY_ATTR_ID, idHigh, idLow);
  writeBe32(out, OVS_TUNNEL_KEY_ATTR_IPV4_SRC, flow[base + F_TUN_SRC]);
  writeBe32(out, OVS_TUNNEL_KEY_ATTR_IPV4_DST, flow[base + F_TUN_DST]);
  writeIpv6(out, OVS_TUNNEL_KEY_ATTR_IPV6_SRC, flow, base + F_TUN_IPV6_SRC);
  writeIpv6(out, OVS_TUNNEL_KEY_ATTR_IPV6_DST, flow, base + F_TUN_IPV6_DST);
  if (flow[base + F_TUN_TOS] !== 0) out.u8(OVS_TUNNEL_KEY_ATTR_TOS, flow[base + F_TUN_TOS]);
  out.u8(OVS_TUNNEL_KEY_ATTR_TTL, flow[base + F_TUN_TTL]);
  if ((flags & TUN_F_DF) !== 0) out.flag(OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT);
  if ((flags & TUN_F_CSUM) !== 0) out.flag(OVS_TUNNEL_KEY_ATTR_CSUM);
  if (flow[base + F_TUN_TP_SRC] !== 0) out.be16(OVS_TUNNEL_KEY_ATTR_TP_SRC, flow[base + F_TUN_TP_SRC]);
  if (flow[base + F_TUN_TP_DST] !== 0) out.be16(OVS_TUNNEL_KEY_ATTR_TP_DST, flow[base + F_TUN_TP_DST]);
  if ((flags & TUN_F_OAM) !== 0) out.flag(OVS_TUNNEL_KEY_ATTR_OAM);
  writeVxlan(out, flow, base);
  writeGeneve(out, flow, base);
  writeErspan(out, flow, base);
  writeGtpu(out, flow, base);
}

function writeBe32(out: ActionsBuffer, type: number, value: number): void {
  if (value !== 0) out.be32(type, value);
}

function writeIpv6(out: ActionsBuffer, type: number, flow: Int32Array, at: number): void {
  if ((flow[at] | flow[at + 1] | flow[at + 2] | flow[at + 3]) === 0) return;
  putWords(flow, at, 4);
  out.attribute(type, scratch, 0, 16);
}

/** `count` words from `at` on into `scratch`, big-endian. */
function putWords(flow: Int32Array, at: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const word = flow[at + i];
    scratch[4 * i] = word >>> 24;
    scratch[4 * i + 1] = word >>> 16;
    scratch[4 * i + 2] = word >>> 8;
    scratch[4 * i + 3] = word;
  }
}

function writeVxlan(out: ActionsBuffer, flow: Int32Array, base: number): void {
  const id = flow[base + F_TUN_GBP_ID];
  const flags = flow[base + F_TUN_GBP_FLAGS];
  if ((id | flags) === 0) return;
  const start = out.begin(OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS);
  out.u32(VXLAN_EXT_GBP, ((flags & 0xff) << 16) | (id & 0xffff));
  out.end(start);
}

function writeGeneve(out: ActionsBuffer, flow: Int32Array, base: number): void {
  const length = Math.min(flow[base + F_TUN_OPTS_LEN] & 0xffff, 255) & ~3;
  if (length === 0) return;
  putWords(flow, base + F_TUN_OPTS, length >> 2);
  out.attribute(OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS, scratch, 0, length);
}

/** OVS's struct gtpu_metadata: flags and message type, of which neither is 0. */
function writeGtpu(out: ActionsBuffer, flow: Int32Array, base: number): void {
  scratch[0] = flow[base + F_TUN_GTPU_FLAGS];
  scratch[1] = flow[base + F_TUN_GTPU_MSGTYPE];
  if (scratch[0] !== 0 && scratch[1] !== 0) out.attribute(TUNNEL_KEY_GTPU_OPTS, scratch, 0, 2);
}

/**
 * struct erspan_metadata of <linux/erspan.h>: version (host order int32), then the index (be32), or for version 2 a be32
 * timestamp, be16 sgt and two bytes with the hardware id (bits 4 to 9) and the direction (bit 3).
 */
function writeErspan(out: ActionsBuffer, flow: Int32Array, base: number): void {
  const version = flow[base + F_TUN_ERSPAN_VER];
  if (version !== 1 && version !== 2) return;
  scratch.fill(0, 0, 12);
  scratch[0] = version;
  if (version === 1) {
    const index = flow[base + F_TUN_ERSPAN_IDX];
    for (let i = 0; i < 4; i++) scratch[4 + i] = index >>> (24 - 8 * i);
    out.attribute(OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS, scratch, 0, 12);
    return;
  }
  const hwid = flow[base + F_TUN_ERSPAN_HWID];
  scratch[10] = (hwid >>> 4) & 0x03;
  scratch[11] = ((hwid & 0x0f) << 4) | ((flow[base + F_TUN_ERSPAN_DIR] & 1) << 3);
  out.attribute(OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS, scratch, 0, 12);
}
