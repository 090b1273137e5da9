import * as ovs from '../../ts/fields/index.js';
import { attr, be16, u16, u32 } from './attributes.js';
import { ipv4, mac } from './frames.js';

/** One 32-bit number in network byte order: a label stack entry. */
const be32 = (value: number) => be16(value >>> 16, value & 0xffff);

/** Datapath actions that put headers around packets, and decide. */
export const headerAction = {
  pushMpls: (entry: number, type = 0x8847) =>
    attr(ovs.OVS_ACTION_ATTR_PUSH_MPLS, Buffer.concat([be32(entry), be16(type, 0)])),
  /** In front of everything; behind the Ethernet header with `flags` 1. */
  addMpls: (entry: number, flags = 0, type = 0x8847) =>
    attr(ovs.OVS_ACTION_ATTR_ADD_MPLS, Buffer.concat([be32(entry), be16(type), u16(flags)])),
  popMpls: (type: number) => attr(ovs.OVS_ACTION_ATTR_POP_MPLS, be16(type)),
  pushEth: (src: string, dst: string) =>
    attr(ovs.OVS_ACTION_ATTR_PUSH_ETH, Buffer.concat([mac(src), mac(dst)])),
  popEth: () => attr(ovs.OVS_ACTION_ATTR_POP_ETH),
  /** MD type 1; the context is 16 bytes. */
  pushNsh: (flags: number, ttl: number, path: number, context: Buffer) => {
    const base = Buffer.concat([Buffer.from([flags, ttl, 1, 3]), be32(path)]);
    const nsh = [attr(ovs.OVS_NSH_KEY_ATTR_BASE, base), attr(ovs.OVS_NSH_KEY_ATTR_MD1, context)];
    return attr(ovs.OVS_ACTION_ATTR_PUSH_NSH, attr(ovs.OVS_KEY_ATTR_NSH, Buffer.concat(nsh)));
  },
  popNsh: () => attr(ovs.OVS_ACTION_ATTR_POP_NSH),
  decTtl: (...expired: Buffer[]) =>
    attr(ovs.OVS_ACTION_ATTR_DEC_TTL, attr(ovs.OVS_DEC_TTL_ATTR_ACTION, Buffer.concat(expired))),
  checkLength: (length: number, greater: Buffer, lessEqual: Buffer) =>
    attr(
      ovs.OVS_ACTION_ATTR_CHECK_PKT_LEN,
      Buffer.concat([
        attr(ovs.OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, u16(length)),
        attr(ovs.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER, greater),
        attr(ovs.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL, lessEqual),
      ]),
    ),
  meter: (id: number) => attr(ovs.OVS_ACTION_ATTR_METER, u32(id)),
};

/** Arguments of the ct action. */
export const ct = {
  action: (...args: Buffer[]) => attr(ovs.OVS_ACTION_ATTR_CT, Buffer.concat(args)),
  clear: () => attr(ovs.OVS_ACTION_ATTR_CT_CLEAR),
  commit: () => attr(ovs.OVS_CT_ATTR_COMMIT),
  force: () => attr(ovs.OVS_CT_ATTR_FORCE_COMMIT),
  zone: (zone: number) => attr(ovs.OVS_CT_ATTR_ZONE, u16(zone)),
  mark: (value: number, mask = 0xffffffff) => attr(ovs.OVS_CT_ATTR_MARK, u32(value, mask)),
  /** The least significant word of the labels. */
  label: (value: number) => attr(ovs.OVS_CT_ATTR_LABELS, u32(value, 0, 0, 0, 0xffffffff, 0, 0, 0)),
  /** For connections that are translated already. */
  nat: (...args: Buffer[]) => attr(ovs.OVS_CT_ATTR_NAT, Buffer.concat(args)),
  source: () => attr(ovs.OVS_NAT_ATTR_SRC),
  destination: () => attr(ovs.OVS_NAT_ATTR_DST),
  addresses: (low: string, high = low) =>
    Buffer.concat([attr(ovs.OVS_NAT_ATTR_IP_MIN, ipv4(low)), attr(ovs.OVS_NAT_ATTR_IP_MAX, ipv4(high))]),
  ports: (low: number, high = low) =>
    Buffer.concat([attr(ovs.OVS_NAT_ATTR_PROTO_MIN, u16(low)), attr(ovs.OVS_NAT_ATTR_PROTO_MAX, u16(high))]),
};
