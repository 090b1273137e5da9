import { readFileSync } from 'node:fs';
import { NETLINK_GENERIC, NLM_F_DUMP, NLMSG_HDRLEN } from './constants.js';
import type { NetlinkClient } from './client.js';
import { MessageBuilder } from './message-builder.js';

// Numbers of <linux/sock_diag.h> and <linux/netlink_diag.h>.
const SOCK_DIAG_BY_FAMILY = 20;
const AF_NETLINK = 16;
/** Bytes of struct netlink_diag_req: u8 family, u8 protocol, pad, u32 inode, u32 show, u32 cookie[2]. */
const NETLINK_DIAG_REQ = 20;
/** Where struct netlink_diag_msg, after four bytes, has the port id. */
const PORT_ID = NLMSG_HDRLEN + 4;

/** Port ids of all generic netlink sockets of the client's network namespace; the client is of NETLINK_SOCK_DIAG. */
export function genericPortIds(client: NetlinkClient): Set<number> {
  const header = new Uint8Array(NETLINK_DIAG_REQ);
  header[0] = AF_NETLINK;
  header[1] = NETLINK_GENERIC;
  const request = new MessageBuilder(64).begin(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP).header(header).finish();
  const info = { op: 'list netlink sockets', family: 'sock_diag', cmd: SOCK_DIAG_BY_FAMILY };
  const ids = client
    .transact(request, info)
    .map(({ bytes }) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(PORT_ID, true));
  return new Set(ids);
}

/** The same for the network namespace of the calling thread, from /proc, which needs no kernel module. */
export function genericPortIdsFromProc(path = '/proc/thread-self/net/netlink'): Set<number> {
  const ids = new Set<number>();
  // Columns: sk Eth Pid Groups …; "Eth" is the protocol.
  for (const line of readFileSync(path, 'utf8').split('\n').slice(1)) {
    const [, protocol, portId] = line.trim().split(/\s+/);
    if (Number(protocol) === NETLINK_GENERIC) ids.add(Number(portId));
  }
  return ids;
}
