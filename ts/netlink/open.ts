import { type Addon, type Channel, native, type NetlinkOptions } from '../native/index.js';
import { fromSystemError } from './client.js';
import { namespacePath } from './namespace.js';

/** Which netlink socket to open. */
export interface OpenNetlinkOptions {
  /** NETLINK_GENERIC, NETLINK_ROUTE or NETLINK_SOCK_DIAG. */
  readonly protocol: number;
  /** Multicast groups to join. */
  readonly groups?: readonly number[] | undefined;
  /** Network namespace: name, path or open file descriptor. Default: that of this process. */
  readonly netns?: string | number | undefined;
}

/** Opens a netlink socket. Throws NetlinkError. */
export function openNetlink(
  { protocol, groups, netns }: OpenNetlinkOptions,
  addon: Addon = native(),
): Channel {
  const path = namespacePath(netns);
  const options: NetlinkOptions = {
    protocol,
    ...(groups !== undefined && { groups }),
    ...(path !== undefined && { netns: path }),
  };
  const where = path === undefined ? '' : ` in ${path}`;
  return fromSystem(`open netlink socket${where}`, () => addon.openNetlink(options));
}

/** Runs a call into the addon; a failed system call becomes a NetlinkError of this operation. */
export function fromSystem<T>(op: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw fromSystemError(cause, { op, family: 'netlink', cmd: 0 });
  }
}
