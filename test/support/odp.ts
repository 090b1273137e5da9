import * as ovs from '../../ts/fields/index.js';
import { attr, be16, u32 } from './attributes.js';
import { ipv4, MAC_A, MAC_B, mac } from './frames.js';

/** Key attributes, as <linux/openvswitch.h> lays them out. */
export const key = {
  recircId: (id: number) => attr(ovs.OVS_KEY_ATTR_RECIRC_ID, u32(id)),
  dpHash: (hash: number) => attr(ovs.OVS_KEY_ATTR_DP_HASH, u32(hash)),
  inPort: (port: number) => attr(ovs.OVS_KEY_ATTR_IN_PORT, u32(port)),
  ethernet: (src = MAC_A, dst = MAC_B) =>
    attr(ovs.OVS_KEY_ATTR_ETHERNET, Buffer.concat([mac(src), mac(dst)])),
  etherType: (type: number) => attr(ovs.OVS_KEY_ATTR_ETHERTYPE, be16(type)),
  vlan: (tci: number) => attr(ovs.OVS_KEY_ATTR_VLAN, be16(tci)),
  encap: (...attributes: Buffer[]) => attr(ovs.OVS_KEY_ATTR_ENCAP, Buffer.concat(attributes)),
  /** struct ovs_key_ipv4: addresses, protocol, tos, ttl, fragment type. */
  ipv4: (src: string, dst: string, protocol: number, tos: number, ttl: number, fragment = 0) =>
    attr(
      ovs.OVS_KEY_ATTR_IPV4,
      Buffer.concat([ipv4(src), ipv4(dst), Buffer.from([protocol, tos, ttl, fragment])]),
    ),
  udp: (src: number, dst: number) => attr(ovs.OVS_KEY_ATTR_UDP, be16(src, dst)),
  tcp: (src: number, dst: number) => attr(ovs.OVS_KEY_ATTR_TCP, be16(src, dst)),
  tcpFlags: (flags: number) => attr(ovs.OVS_KEY_ATTR_TCP_FLAGS, be16(flags)),
};

/** Datapath actions. */
export const action = {
  output: (port: number) => attr(ovs.OVS_ACTION_ATTR_OUTPUT, u32(port)),
  userspace: (pid: number, userdata?: Uint8Array) =>
    attr(
      ovs.OVS_ACTION_ATTR_USERSPACE,
      Buffer.concat([
        attr(ovs.OVS_USERSPACE_ATTR_PID, u32(pid)),
        ...(userdata ? [attr(ovs.OVS_USERSPACE_ATTR_USERDATA, userdata)] : []),
      ]),
    ),
  /** The TCI must have bit 0x1000 (OVS's "tag present"). */
  pushVlan: (tci: number, tpid = 0x8100) => attr(ovs.OVS_ACTION_ATTR_PUSH_VLAN, be16(tpid, tci)),
  popVlan: () => attr(ovs.OVS_ACTION_ATTR_POP_VLAN),
  set: (attribute: Buffer) => attr(ovs.OVS_ACTION_ATTR_SET, attribute),
  /** `attribute` is a key attribute; its mask has the same type and length. */
  setMasked: (attribute: Buffer, mask: Buffer) => {
    const size = attribute.readUInt16LE(0) - 4;
    const both = Buffer.concat([attribute.subarray(4, 4 + size), mask.subarray(4, 4 + size)]);
    return attr(ovs.OVS_ACTION_ATTR_SET_MASKED, attr(attribute.readUInt16LE(2), both));
  },
  /** OVS_HASH_ALG_L4 with a basis. */
  hash: (basis: number) => attr(ovs.OVS_ACTION_ATTR_HASH, u32(0, basis)),
  recirc: (id: number) => attr(ovs.OVS_ACTION_ATTR_RECIRC, u32(id)),
  /** Probability of 2^32. */
  sample: (probability: number, ...actions: Buffer[]) =>
    attr(
      ovs.OVS_ACTION_ATTR_SAMPLE,
      Buffer.concat([
        attr(ovs.OVS_SAMPLE_ATTR_PROBABILITY, u32(probability)),
        attr(ovs.OVS_SAMPLE_ATTR_ACTIONS, Buffer.concat(actions)),
      ]),
    ),
  clone: (...actions: Buffer[]) => attr(ovs.OVS_ACTION_ATTR_CLONE, Buffer.concat(actions)),
  /** Largest length in bytes, for the next output. */
  truncate: (length: number) => attr(ovs.OVS_ACTION_ATTR_TRUNC, u32(length)),
};

/** Key of `udpFrame` with its default addresses, arriving at `inPort`; all that Linux wants in it. */
export function udpKey(inPort: number, srcPort = 1000, dstPort = 2000): Buffer {
  return Buffer.concat([
    key.recircId(0),
    key.inPort(inPort),
    key.ethernet(),
    key.etherType(0x0800),
    key.ipv4('10.0.0.1', '10.0.0.2', 17, 0, 64),
    key.udp(srcPort, dstPort),
  ]);
}

/** Mask for a key: all bits of the attributes whose types are named, none of the others. */
export function maskOf(attributes: Buffer, types: readonly number[]): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < attributes.length; ) {
    const length = attributes.readUInt16LE(at);
    const type = attributes.readUInt16LE(at + 2);
    if (types.includes(type)) parts.push(attr(type, Buffer.alloc(length - 4, 0xff)));
    at += (length + 3) & ~3;
  }
  return Buffer.concat(parts);
}
