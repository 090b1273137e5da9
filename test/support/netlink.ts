/** Netlink messages as bytes, for tests that speak to a channel below ts/netlink. Little-endian hosts. */

export const NETLINK_ROUTE = 0;
export const NETLINK_GENERIC = 16;
export const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
export const NLM_F_DUMP = 0x300;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const RTM_GETLINK = 18;
export const RTNLGRP_LINK = 1;
/** Generic netlink's controller, and what it is asked. */
export const GENL_ID_CTRL = 16;
export const CTRL_CMD_GETFAMILY = 3;
export const CTRL_ATTR_FAMILY_ID = 1;
export const CTRL_ATTR_FAMILY_NAME = 2;

/** A message with its nlmsghdr; sequence number and port id are left 0. */
export function message(type: number, flags: number, payload: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(16 + payload.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(NLM_F_REQUEST | flags, 6);
  bytes.set(payload, 16);
  return new Uint8Array(bytes);
}

/** An attribute with its padding. */
export function attribute(type: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4 + ((payload.length + 3) & ~3));
  bytes.writeUInt16LE(4 + payload.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(payload, 4);
  return bytes;
}

/** What is asked of the controller about a family. */
export function getFamily(name: string, flags = NLM_F_ACK): Uint8Array {
  const header = Buffer.from([CTRL_CMD_GETFAMILY, 1, 0, 0]);
  return message(
    GENL_ID_CTRL,
    flags,
    Buffer.concat([header, attribute(CTRL_ATTR_FAMILY_NAME, Buffer.from(`${name}\0`))]),
  );
}

/** RTM_GETLINK for all links. */
export function dumpLinks(): Uint8Array {
  return message(RTM_GETLINK, NLM_F_DUMP, Buffer.alloc(16));
}

/** Fields of a message's header, and its error when it is an NLMSG_ERROR (positive, 0 acknowledges). */
export function parse(bytes: Uint8Array): {
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly pid: number;
  readonly errno: number | undefined;
  readonly payload: Buffer;
} {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = buffer.readUInt16LE(4);
  return {
    length: buffer.readUInt32LE(0),
    type,
    flags: buffer.readUInt16LE(6),
    seq: buffer.readUInt32LE(8),
    pid: buffer.readUInt32LE(12),
    errno: type === NLMSG_ERROR ? -buffer.readInt32LE(16) || 0 : undefined,
    payload: buffer.subarray(16),
  };
}

/** The attributes of `bytes` by type; of several of a type the last. */
export function attributes(bytes: Uint8Array): Map<number, Buffer> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= buffer.length; ) {
    const length = buffer.readUInt16LE(at);
    found.set(buffer.readUInt16LE(at + 2) & 0x3fff, buffer.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}
