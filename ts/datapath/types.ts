import type { Channel, FlowBatch, MatchedColumns, UkeyRows, UpcallBatch } from '../native/index.js';
import type { EthtoolClient } from '../genl/index.js';
import type { RouteClient } from '../netlink/index.js';
import type { DatapathMeters } from './meters.js';
import type { DatapathSupport, FlowClient, PacketClient, PacketSample } from '../ovs/index.js';
import type { SampleReader } from './sample-reader.js';

/** 'system' is the openvswitch module of the kernel, 'netdev' the embedded datapath of this process (OVS's own names). */
export type DatapathType = 'system' | 'netdev';

/**
 * How a datapath chooses the handler of an upcall. per-vport: each port has a list of port ids and the packet's hash picks
 * one. per-cpu: the CPU that the packet is on picks one (Linux 5.15 and later; keeps the order of a flow's upcalls).
 */
export type DispatchMode = 'per-vport' | 'per-cpu';

export interface DatapathOptions {
  readonly type: DatapathType;
  /** Name of the datapath and of its local port's device, at most 15 bytes. Default 'ovs-system' or 'ovs-netdev'. */
  readonly name?: string;
  /**
   * Default: on the kernel datapath per-cpu where there is (OVS's tools turn it on whatever we choose, so that per-vport loses
   * upcalls as soon as `ovs-dpctl show` is run), else per-vport.
   */
  readonly dispatch?: DispatchMode;
  /** Receive buffer of each handler channel in bytes. Default DEFAULT_RECEIVE_BUFFER. */
  readonly receiveBuffer?: number;
  /** Network namespace to work in: name (of /run/netns), path, or open file descriptor. Default: that of this process. */
  readonly netns?: string | number;
  /** Embedded datapath only: upcalls that may wait on one channel; more are counted as lost. Default 4096. */
  readonly upcallQueueLength?: number;
}

/** system: an existing network device; internal: a device that the datapath makes; the others are tunnels. */
export type PortType = 'system' | 'internal' | 'vxlan' | 'geneve' | 'gre';

export interface PortRequest {
  readonly name: string;
  readonly type: PortType;
  /** Datapath port number wanted; the datapath chooses when it is left out. */
  readonly portNo?: number;
  /** UDP port of a vxlan or geneve port, host order. Default 4789 or 6081. */
  readonly dstPort?: number;
}

/** Packet and byte counters of a port, as struct ovs_vport_stats. */
export interface PortStats {
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxErrors: number;
  readonly txErrors: number;
  readonly rxDropped: number;
  readonly txDropped: number;
}

export interface DatapathPort {
  readonly name: string;
  readonly type: PortType;
  /** Port number in the datapath: in_port of its upcalls, argument of output. 0 is the local port. */
  readonly portNo: number;
  /** Interface index of its device, 0 when it has none. */
  readonly ifindex: number;
  readonly stats: PortStats;
}

/** Something happened to a port of the datapath, or to its device. */
export type PortEvent =
  | {
      /** The port joined the datapath; reported also for our own addPort. */
      readonly type: 'added';
      readonly portNo: number;
      readonly name: string;
    }
  | {
      /** The port left the datapath, or its device vanished. */
      readonly type: 'removed';
      readonly portNo: number;
      readonly name: string;
    }
  | {
      /** The state of the port's device changed. */
      readonly type: 'link';
      readonly portNo: number;
      readonly name: string;
      /** Administratively enabled (IFF_UP). */
      readonly up: boolean;
      /** Enabled and with carrier (IFF_RUNNING): packets can leave. */
      readonly running: boolean;
    }
  | {
      /** A device that is no port of the datapath appeared or changed. */
      readonly type: 'device';
      readonly name: string;
    }
  | {
      /** Notifications were lost: ask for the ports and links again. */
      readonly type: 'resync';
    }
  | {
      /**
       * The datapath is gone: somebody deleted it, or the kernel module was unloaded. Requests fail with ERR_DATAPATH_LOST until
       * 'restored'.
       */
      readonly type: 'lost';
    }
  | {
      /**
       * The datapath was made again, with the ports that it had (those whose devices are still there; ask for them), the same
       * handlers and no flows. Its internal devices are new and have no addresses.
       */
      readonly type: 'restored';
    }
  | {
      /** The datapath could not be made again for this reason; that goes on being tried. */
      readonly type: 'unrestored';
      readonly error: unknown;
    };

export interface DatapathStats {
  /** Packets that matched a flow. */
  readonly hit: number;
  /** Packets that matched none and became upcalls. */
  readonly missed: number;
  /** Upcalls that found no room in the receive buffer of their handler, or no handler. */
  readonly lost: number;
  /** Flows installed. */
  readonly flows: number;
  /** Distinct masks in use. */
  readonly masks: number;
  /** Masks tried for all lookups together; per packet: maskHits / (hit + missed). */
  readonly maskHits: number;
  /** Lookups that the mask cache answered. */
  readonly cacheHits: number;
}

/** A channel that receives upcalls and takes flow operations, with the batch it receives into. */
export interface UpcallChannel extends Disposable {
  /** Ready for submit and exchange. */
  readonly channel: Channel;
  readonly batch: UpcallBatch;
  /** Port id that dispatch and userspace actions name. */
  readonly portId: number;
  /** Idempotent. Take its id out of setUpcallPids first, or its upcalls are lost. */
  close(): void;
}

/** One dump of all flows, in batches. Not a snapshot: flows that come and go meanwhile may be missed or seen twice. */
export interface FlowDump extends Disposable {
  /** What `next` filled; valid until the following `next`. */
  readonly batch: FlowBatch;
  /** The dump ended early because the table changed; flows may be missing. Known when `next` has returned -1. */
  readonly interrupted: boolean;
  /** Fetches the next flows into `batch`: their number (0 is possible), or -1 at the end. Throws NetlinkError. */
  next(): number;
  /** What `match` filled; valid until the following `match`. */
  readonly matched: MatchedColumns;
  /**
   * Fetches the next flows, matched to ukeys, as Channel.dumpMatch: the number of those in `matched`, with the others in `batch`, or -1
   * at the end. Throws NetlinkError.
   */
  match(ukeys: UkeyRows, round: number, since: number): number;
  /** Gives the channel back, also in the middle. Idempotent; happens by itself at the end. */
  close(): void;
}

export interface DumpOptions {
  /** Only ufid and statistics; needs support.ufid. Default false. */
  readonly terse?: boolean;
}

/** A datapath: kernel and embedded differ only in how their channels are opened. */
export interface Datapath extends Disposable {
  readonly type: DatapathType;
  readonly name: string;
  /** Interface index of the datapath, which heads every message to it. Another after 'restored'. */
  readonly ifindex: number;
  readonly dispatch: DispatchMode;
  readonly support: DatapathSupport;
  /** OVS_DP_F_* bits in force. */
  readonly features: number;
  /** The datapath was there before, left by an earlier process: it may have ports and flows. */
  readonly adopted: boolean;
  /** Opens a channel for one handler. It receives nothing until setUpcallPids names it. */
  openHandler(): UpcallChannel;
  /**
   * Makes the port ids the receivers of upcalls, on all ports that there are and that will be added. An empty list ends
   * upcalls: misses are dropped and counted by the datapath.
   */
  setUpcallPids(pids: readonly number[]): void;
  /** Port id that a userspace action of a flow from `portNo` must name; PER_CPU_PID where the datapath chooses. */
  upcallPid(portNo: number): number;
  /** Errors: ERR_NO_INTERFACE, ERR_PORT_BUSY, ERR_PORT_UNSUITABLE, ERR_NO_CAP_NET_ADMIN, else NetlinkError. */
  addPort(request: PortRequest): DatapathPort;
  /** Flows that name the port stay installed and drop. Errors: ERR_NO_PORT, ERR_LOCAL_PORT. */
  delPort(portNo: number): void;
  /** Devices and addresses in the datapath's network namespace: link state of ports, setting internal ports up. */
  readonly route: RouteClient;
  /** Link modes of network devices there. */
  readonly ethtool: EthtoolClient;
  /** In order of port number. */
  ports(): DatapathPort[];
  /** Watches ports and their devices until the returned function is called. Several may watch. */
  portEvents(callback: (event: PortEvent) => void): () => void;
  /**
   * Reads the packets that psample actions take, of all datapaths of the network namespace, and in the kernel those of other senders (act_sample of tc(8), drivers),
   * until the reader is closed. Error: ERR_NO_FAMILY when the kernel's module psample is not there.
   */
  followSamples(callback: (sample: PacketSample) => void): SampleReader;
  stats(): DatapathStats;
  /** Deletes all flows. */
  flush(): void;
  /** Single flow operations, each waiting for its answer: tools and tests. The slow path submits batches on a channel. */
  readonly flows: FlowClient;
  /** Execution of single packets, waiting for the verdict. */
  readonly packets: PacketClient;
  /** null when the datapath has no meters (Linux before 4.15, the embedded one). */
  readonly meters: DatapathMeters | null;
  /** Begins a dump that the caller steps through. */
  openDump(options?: DumpOptions): FlowDump;
  /**
   * The same as an async generator, giving the event loop a turn between batches. What it yields is valid until the
   * generator is resumed.
   */
  dumpFlows(options?: DumpOptions): AsyncGenerator<{ readonly batch: FlowBatch; readonly count: number }>;
  /** Named counters of the datapath itself; the kernel has none beside stats(). */
  counters(): Record<string, number>;
  /** Closes what it opened. Without `keep` (the default) the datapath with its ports and flows is deleted. Idempotent. */
  close(options?: { readonly keep?: boolean }): void;
}

/** Netlink port id that stands for "the handler of the CPU" in per-cpu dispatch (OVS: DPIF_NETLINK_PER_CPU_PID). */
export const PER_CPU_PID = 0xffffffff;

/** Receive buffer asked for each handler: some thousand upcalls of full-size packets. */
export const DEFAULT_RECEIVE_BUFFER = 4 << 20;
