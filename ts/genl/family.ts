import { NetlinkError, SlowpathError } from '../errors/index.js';
import {
  AttributeCursor,
  MessageBuilder,
  type NetlinkClient,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLMSG_HDRLEN,
} from '../netlink/index.js';

// Numbers of <linux/genetlink.h>.
const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
const CTRL_ATTR_VERSION = 3;
const CTRL_ATTR_MCAST_GROUPS = 7;
const CTRL_ATTR_MCAST_GRP_NAME = 1;
const CTRL_ATTR_MCAST_GRP_ID = 2;
const CTRL_VERSION = 1;
const NAMES = ['', 'FAMILY_ID', 'FAMILY_NAME', 'VERSION', 'HDRSIZE', 'MAXATTR', 'OPS', 'MCAST_GROUPS'];

/** Bytes before a genetlink family's own header: struct nlmsghdr and struct genlmsghdr. */
export const GENL_HDRLEN = NLMSG_HDRLEN + 4;

/** A generic netlink family as the kernel (or the embedded datapath) numbers it. */
export interface GenlFamily {
  readonly name: string;
  /** Type of its messages. */
  readonly id: number;
  /** What the kernel says; not to be relied on: ovs_vport has stayed 1 through every addition. */
  readonly version: number;
  /** Multicast groups by name. */
  readonly groups: ReadonlyMap<string, number>;
}

/** Where to get a family from when it is missing, by the beginning of its name. */
const advice: readonly (readonly [string, string])[] = [
  [
    'ovs_',
    'load the openvswitch kernel module (modprobe openvswitch) or use the embedded datapath (--datapath netdev)',
  ],
];

/**
 * Looks a family up by name. Error: SlowpathError ERR_NO_FAMILY when there is none (the kernel module that has it is not
 * loaded; the kernel has tried to load it by itself).
 */
export function lookupFamily(client: NetlinkClient, name: string): GenlFamily {
  const request = new MessageBuilder(64)
    .begin(GENL_ID_CTRL, NLM_F_ACK)
    .genl(CTRL_CMD_GETFAMILY, CTRL_VERSION)
    .string(CTRL_ATTR_FAMILY_NAME, name)
    .finish();
  try {
    const info = { op: `look up family ${name}`, family: 'nlctrl', cmd: CTRL_CMD_GETFAMILY };
    return decodeFamily(client.transactOne(request, info).bytes);
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.code !== 'ENOENT') throw error;
    const hint =
      advice.find(([prefix]) => name.startsWith(prefix))?.[1] ?? 'load the kernel module that has it';
    throw new SlowpathError('ERR_NO_FAMILY', `the kernel has no generic netlink family ${name}: ${hint}`, {
      cause: error,
    });
  }
}

/** Names of the families there are. Unlike looking one up, this does not make the kernel load a module. */
export function listFamilies(client: NetlinkClient): Set<string> {
  const request = new MessageBuilder(32)
    .begin(GENL_ID_CTRL, NLM_F_DUMP)
    .genl(CTRL_CMD_GETFAMILY, CTRL_VERSION)
    .finish();
  const info = { op: 'list families', family: 'nlctrl', cmd: CTRL_CMD_GETFAMILY };
  return new Set(client.transact(request, info).map(({ bytes }) => decodeFamily(bytes).name));
}

/** Reads CTRL_CMD_NEWFAMILY, which is also the answer to GETFAMILY. */
export function decodeFamily(message: Uint8Array): GenlFamily {
  let id = 0;
  let name = '';
  let version = 0;
  const groups = new Map<string, number>();
  const cursor = new AttributeCursor(message, Math.min(GENL_HDRLEN, message.length), 'nlctrl', NAMES);
  while (cursor.next()) {
    if (cursor.type === CTRL_ATTR_FAMILY_ID) id = cursor.u16();
    else if (cursor.type === CTRL_ATTR_FAMILY_NAME) name = cursor.string();
    else if (cursor.type === CTRL_ATTR_VERSION) version = cursor.u32();
    else if (cursor.type === CTRL_ATTR_MCAST_GROUPS) decodeGroups(cursor.nested(), groups);
  }
  cursor.check();
  if (id === 0)
    throw new SlowpathError('ERR_NETLINK_MALFORMED', `nlctrl: the answer about ${name} has no FAMILY_ID`);
  return { name, id, version, groups };
}

function decodeGroups(list: AttributeCursor, groups: Map<string, number>): void {
  while (list.next()) {
    let name = '';
    let id = 0;
    const group = list.nested(['', 'MCAST_GRP_NAME', 'MCAST_GRP_ID']);
    while (group.next()) {
      if (group.type === CTRL_ATTR_MCAST_GRP_NAME) name = group.string();
      else if (group.type === CTRL_ATTR_MCAST_GRP_ID) id = group.u32();
    }
    group.check();
    groups.set(name, id);
  }
  list.check();
}
