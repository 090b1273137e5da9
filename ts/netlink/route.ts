import { NetlinkError, SlowpathError } from '../errors/index.js';
import type { Channel } from '../native/index.js';
import { NetlinkClient } from './client.js';
import { NLMSG_HDRLEN } from './constants.js';
import { parseMessages } from './message.js';
import { MessageBuilder } from './message-builder.js';
import { decodeLinkStats, encodeGetLinkStats, type LinkStats } from './link-stats.js';
import {
  decodeNeighbour,
  decodeNextHop,
  encodeGetNeighbour,
  encodeGetRoute,
  type NextHop,
  type RouteQuestion,
  RTM_GETNEIGH,
  RTM_GETROUTE,
} from './next-hop-messages.js';
import {
  decodeAddress,
  decodeLink,
  encodeGetAddresses,
  encodeGetLink,
  encodeGetLinks,
  encodeSetLinkUp,
  type InterfaceAddress,
  type Link,
  RTM_DELLINK,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_NEWADDR,
  RTM_NEWLINK,
} from './route-messages.js';

/** Longest device name in bytes: IFNAMSIZ without the terminating zero. */
export const MAX_INTERFACE_NAME = 15;

const family = 'rtnetlink';
const AF_UNSPEC = 0;

/** Asks rtnetlink about network devices, their addresses, routes and neighbours, and enables devices. */
export class RouteClient implements Disposable {
  readonly #client: NetlinkClient;
  readonly #builder = new MessageBuilder();

  /** Takes over a channel of protocol NETLINK_ROUTE. */
  constructor(channel: Channel) {
    this.#client = new NetlinkClient(channel);
  }

  /** All network devices. */
  links(): Link[] {
    const request = encodeGetLinks(this.#builder);
    const replies = this.#client.transact(request, { op: 'list links', family, cmd: RTM_GETLINK });
    return replies.filter((reply) => reply.type === RTM_NEWLINK).map(decodeLink);
  }

  /** One network device by index or name. Error: ERR_NO_INTERFACE. */
  link(which: number | string): Link {
    if (typeof which === 'string') checkName(which);
    try {
      const request = encodeGetLink(this.#builder, which);
      return decodeLink(
        this.#client.transactOne(request, { op: `get link ${which}`, family, cmd: RTM_GETLINK }),
      );
    } catch (error) {
      throw translate(error, which);
    }
  }

  /** One network device, or null when there is none of that index or name. */
  findLink(which: number | string): Link | null {
    try {
      return this.link(which);
    } catch (error) {
      if (error instanceof SlowpathError && error.code === 'ERR_NO_INTERFACE') return null;
      throw error;
    }
  }

  /** The counters of a network device by index. Error: ERR_NO_INTERFACE. */
  linkStats(ifindex: number): LinkStats {
    try {
      const request = encodeGetLinkStats(this.#builder, ifindex);
      const info = { op: `statistics of link ${ifindex}`, family, cmd: RTM_GETLINK };
      return decodeLinkStats(this.#client.transactOne(request, info));
    } catch (error) {
      throw translate(error, ifindex);
    }
  }

  /** All addresses, of one device if `ifindex` is given. */
  addresses(ifindex?: number): InterfaceAddress[] {
    const request = encodeGetAddresses(this.#builder);
    const replies = this.#client.transact(request, { op: 'list addresses', family, cmd: RTM_GETADDR });
    return replies
      .filter((reply) => reply.type === RTM_NEWADDR)
      .map(decodeAddress)
      .filter((address) => address !== null)
      .filter((address) => ifindex === undefined || address.ifindex === ifindex);
  }

  /** Whom the kernel would give a packet now; null when it does not leave this host as it is, or there is no route. */
  nextHop(question: RouteQuestion): NextHop | null {
    const request = encodeGetRoute(this.#builder, question);
    const info = { op: 'get route', family, cmd: RTM_GETROUTE };
    return unlessRefused(() => decodeNextHop(this.#client.transactOne(request, info), question.destination));
  }

  /** The link-layer address of a neighbour, six bytes on Ethernet; null when the kernel knows none. Does not make it look for one. */
  neighbour(hop: NextHop): Uint8Array | null {
    const request = encodeGetNeighbour(this.#builder, hop);
    const info = { op: 'get neighbour', family, cmd: RTM_GETNEIGH };
    return unlessRefused(() => decodeNeighbour(this.#client.transactOne(request, info)));
  }

  /** Enables or disables a device. Errors: ERR_NO_INTERFACE, ERR_NO_CAP_NET_ADMIN. */
  setLinkUp(which: number | string, up: boolean): void {
    const ifindex = typeof which === 'number' ? which : this.link(which).ifindex;
    const request = encodeSetLinkUp(this.#builder, ifindex, up);
    const op = `set link ${which} ${up ? 'up' : 'down'}`;
    try {
      this.#client.transact(request, { op, family, cmd: RTM_NEWLINK });
    } catch (error) {
      throw translate(error, which);
    }
  }

  close(): void {
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** What a link watcher reports: a device is new or changed, is gone, or notifications were lost (list the links again). */
export type LinkEvent =
  | { readonly type: 'link'; readonly link: Link }
  | { readonly type: 'gone'; readonly link: Link }
  | { readonly type: 'resync' };

/**
 * Reports link changes that arrive on a channel that has joined RTNLGRP_LINK. The channel is the watcher's from then on;
 * `channel.stop()` or closing it ends the watch.
 */
export function watchLinks(channel: Channel, callback: (event: LinkEvent) => void): void {
  let overruns = channel.counters().overruns;
  channel.startMessages((datagram) => {
    for (const message of parseMessages(datagram)) {
      // Other families announce their own affairs with the same messages: AF_BRIDGE that a device left a bridge.
      if (message.bytes[NLMSG_HDRLEN] !== AF_UNSPEC) continue;
      if (message.type === RTM_NEWLINK) callback({ type: 'link', link: decodeLink(message) });
      else if (message.type === RTM_DELLINK) callback({ type: 'gone', link: decodeLink(message) });
    }
    // The kernel queues what it could before it reports an overrun, so a datagram always follows a loss.
    const now = channel.counters().overruns;
    if (now !== overruns) {
      overruns = now;
      callback({ type: 'resync' });
    }
  });
}

/** Throws ERR_BAD_INTERFACE_NAME for a name that no device can have: the kernel would say only ERANGE or EINVAL. */
export function checkName(name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes > 0 && bytes <= MAX_INTERFACE_NAME && !/[/:\s\0]/.test(name) && name !== '.' && name !== '..')
    return;
  throw new SlowpathError(
    'ERR_BAD_INTERFACE_NAME',
    `'${name}' cannot be an interface name: 1 to ${MAX_INTERFACE_NAME} bytes without '/', ':' and white space`,
  );
}

/** What the kernel answers, or null when it has no such object. */
function unlessRefused<T>(ask: () => T): T | null {
  try {
    return ask();
  } catch (error) {
    if (error instanceof NetlinkError && error.source === 'kernel') return null;
    throw error;
  }
}

function translate(error: unknown, which: number | string): unknown {
  if (!(error instanceof NetlinkError)) return error;
  if (error.code === 'ENODEV') {
    return new SlowpathError(
      'ERR_NO_INTERFACE',
      `there is no network interface ${typeof which === 'number' ? `with index ${which}` : `'${which}'`}`,
      { cause: error },
    );
  }
  return needsCapability(error) ?? error;
}

/** The advice for a request that was refused with EPERM or EACCES; null for other errors. */
export function needsCapability(error: unknown): SlowpathError | null {
  if (!(error instanceof NetlinkError) || (error.code !== 'EPERM' && error.code !== 'EACCES')) return null;
  return new SlowpathError(
    'ERR_NO_CAP_NET_ADMIN',
    `${error.op}: not permitted; run as root, or give the process CAP_NET_ADMIN (and CAP_NET_RAW for the embedded datapath)`,
    { cause: error },
  );
}
