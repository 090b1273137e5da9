import { NetlinkError } from '../errors/index.js';
import type { Addon, Channel, EmbeddedDatapath } from '../native/index.js';
import {
  fromSystem,
  genericPortIds,
  genericPortIdsFromProc,
  NETLINK_GENERIC,
  NETLINK_ROUTE,
  NETLINK_SOCK_DIAG,
  NetlinkClient,
  openNetlink,
} from '../netlink/index.js';

/** How channels to a datapath are opened: the one thing in which the two datapaths differ. */
export interface Connector {
  /** Ports that come and go are announced to the vport multicast group. */
  readonly announcesPorts: boolean;
  /** A channel for requests, operations and upcalls. Throws NetlinkError. */
  openChannel(): Channel;
  /** A channel that gets the messages of a multicast group. Throws NetlinkError. */
  openGroup(group: number): Channel;
  /** A channel of rtnetlink in the datapath's network namespace, in multicast groups if any. */
  openRoute(groups?: readonly number[]): Channel;
  /** A channel of the kernel's generic netlink in that namespace: what asks about network devices. */
  openGeneric(): Channel;
  /**
   * Those of the upcall port ids that belong to open sockets: someone may be reading them. All of them when that cannot be
   * found out.
   */
  liveAmong(portIds: readonly number[]): number[];
  counters(): Record<string, number>;
  /** Ends the datapath where it lives in this process. Idempotent. */
  close(): void;
}

/** The kernel's datapath in a network namespace: channels are netlink sockets. */
export class KernelConnector implements Connector {
  readonly announcesPorts = true;
  readonly #addon: Addon;
  readonly #netns: string | undefined;

  constructor(addon: Addon, netns: string | undefined) {
    this.#addon = addon;
    this.#netns = netns;
  }

  openChannel(): Channel {
    return openNetlink({ protocol: NETLINK_GENERIC, netns: this.#netns }, this.#addon);
  }

  openGroup(group: number): Channel {
    return openNetlink({ protocol: NETLINK_GENERIC, netns: this.#netns, groups: [group] }, this.#addon);
  }

  openRoute(groups?: readonly number[]): Channel {
    return openNetlink({ protocol: NETLINK_ROUTE, netns: this.#netns, groups }, this.#addon);
  }

  openGeneric(): Channel {
    return openNetlink({ protocol: NETLINK_GENERIC, netns: this.#netns }, this.#addon);
  }

  liveAmong(portIds: readonly number[]): number[] {
    const wanted = portIds.filter((id) => id !== 0);
    if (wanted.length === 0) return [];
    const open = this.#netns === undefined ? genericPortIdsFromProc() : this.#askDiag();
    return open === null ? wanted : wanted.filter((id) => open.has(id));
  }

  counters(): Record<string, number> {
    return {};
  }

  close(): void {}

  /** Port ids in use in another network namespace; null when the kernel has no netlink_diag. */
  #askDiag(): Set<number> | null {
    let client: NetlinkClient | null = null;
    try {
      client = new NetlinkClient(
        openNetlink({ protocol: NETLINK_SOCK_DIAG, netns: this.#netns }, this.#addon),
      );
      return genericPortIds(client);
    } catch (error) {
      if (error instanceof NetlinkError) return null;
      throw error;
    } finally {
      client?.close();
    }
  }
}

/** The embedded datapath of this process: channels are queues to its thread. */
export class EmbeddedConnector implements Connector {
  readonly announcesPorts = false;
  readonly #addon: Addon;
  readonly #netns: string | undefined;
  readonly #embedded: EmbeddedDatapath;

  constructor(addon: Addon, netns: string | undefined, upcallQueueLength: number | undefined) {
    this.#addon = addon;
    this.#netns = netns;
    const options = {
      ...(netns !== undefined && { netns }),
      ...(upcallQueueLength && { upcallQueueLength }),
    };
    this.#embedded = fromSystem('open embedded datapath', () => addon.openEmbedded(options));
  }

  openChannel(): Channel {
    return fromSystem('open channel', () => this.#embedded.openChannel());
  }

  openGroup(group: number): Channel {
    return fromSystem('open channel', () => this.#embedded.openChannel({ groups: [group] }));
  }

  openRoute(groups?: readonly number[]): Channel {
    return openNetlink({ protocol: NETLINK_ROUTE, netns: this.#netns, groups }, this.#addon);
  }

  openGeneric(): Channel {
    return openNetlink({ protocol: NETLINK_GENERIC, netns: this.#netns }, this.#addon);
  }

  liveAmong(): number[] {
    return [];
  }

  counters(): Record<string, number> {
    return this.#embedded.counters();
  }

  close(): void {
    this.#embedded.close();
  }
}
