import { NetlinkError, SlowpathError } from '../errors/index.js';
import type { Addon, Channel, FlowBatch } from '../native/index.js';
import { MessageBuilder, type NetlinkClient, RouteClient, RTNLGRP_LINK } from '../netlink/index.js';
import {
  type DatapathClient,
  type DatapathSupport,
  encodeFlowDump,
  FlowClient,
  OVS_VPORT_MCGROUP,
  OVSP_LOCAL,
  type OvsFamilies,
  PacketClient,
  VportClient,
} from '../ovs/index.js';
import type { Connector } from './connector.js';
import type { Dispatch } from './dispatch.js';
import { ChannelFlowDump, DUMP_BATCH_BYTES, DUMP_BATCH_FLOWS, type DumpSlot } from './flow-dump.js';
import { PortWatch } from './port-watch.js';
import { explainAddFailure, toPort, toVportRequest } from './ports.js';
import type {
  Datapath,
  DatapathPort,
  DatapathStats,
  DatapathType,
  DispatchMode,
  DumpOptions,
  FlowDump,
  PortEvent,
  PortRequest,
  UpcallChannel,
} from './types.js';

/** A datapath that has been opened, probed and configured; see open.ts. */
export interface OpenedDatapath {
  readonly type: DatapathType;
  readonly name: string;
  readonly ifindex: number;
  readonly features: number;
  readonly support: DatapathSupport;
  readonly adopted: boolean;
  readonly addon: Addon;
  readonly connector: Connector;
  readonly client: NetlinkClient;
  readonly families: OvsFamilies;
  readonly datapaths: DatapathClient;
  readonly dispatch: Dispatch;
  /** Bytes of receive buffer for each handler. */
  readonly receiveBuffer: number;
}

/** Implements Datapath over any connector. */
export class DatapathProvider implements Datapath {
  readonly type: DatapathType;
  readonly name: string;
  readonly ifindex: number;
  readonly features: number;
  readonly support: DatapathSupport;
  readonly adopted: boolean;
  readonly route: RouteClient;
  readonly flows: FlowClient;
  readonly packets: PacketClient;
  readonly #opened: OpenedDatapath;
  readonly #vports: VportClient;
  readonly #builder = new MessageBuilder(256);
  readonly #handlers = new Set<Channel>();
  readonly #idleDumps: DumpSlot[] = [];
  readonly #busyDumps = new Set<Channel>();
  #watch: PortWatch | null = null;
  #closed = false;

  constructor(opened: OpenedDatapath) {
    const { client, families, ifindex } = opened;
    this.#opened = opened;
    this.type = opened.type;
    this.name = opened.name;
    this.ifindex = ifindex;
    this.features = opened.features;
    this.support = opened.support;
    this.adopted = opened.adopted;
    this.route = new RouteClient(opened.connector.openRoute());
    this.flows = new FlowClient(client, families.flow, ifindex);
    this.packets = new PacketClient(client, families.packet, ifindex);
    this.#vports = new VportClient(client, families.vport, ifindex);
  }

  get dispatch(): DispatchMode {
    return this.#opened.dispatch.mode;
  }

  openHandler(): UpcallChannel {
    const channel = this.#openOpsChannel();
    channel.setReceiveBuffer(this.#opened.receiveBuffer);
    this.#handlers.add(channel);
    const close = (): void => {
      this.#handlers.delete(channel);
      channel.close();
    };
    return { channel, batch: this.#opened.addon.createUpcallBatch(), portId: channel.portId, close };
  }

  setUpcallPids(pids: readonly number[]): void {
    const { dispatch, datapaths } = this.#opened;
    dispatch.apply(pids, this.ifindex, this.features, datapaths, this.#vports);
  }

  upcallPid(portNo: number): number {
    return this.#opened.dispatch.upcallPid(portNo);
  }

  addPort(request: PortRequest): DatapathPort {
    const { dispatch } = this.#opened;
    const wanted = toVportRequest(request, dispatch.portPids(request.portNo ?? 0));
    // The datapath says ENODEV also when it is gone itself; and rtnetlink, unlike it, knows alternative names.
    if (request.type === 'system') this.route.link(request.name);
    let port: DatapathPort;
    try {
      port = toPort(this.#vports.create(wanted));
    } catch (error) {
      throw explainAddFailure(error, request);
    }
    // Its handlers start from another one on than was guessed before its number was known.
    const pids = dispatch.portPids(port.portNo);
    if (!sameNumbers(pids, wanted.upcallPids)) this.#vports.setUpcallPids(port.portNo, pids);
    if (!this.#opened.connector.announcesPorts) this.#watch?.portAdded(port);
    return port;
  }

  delPort(portNo: number): void {
    if (portNo === OVSP_LOCAL) {
      throw new SlowpathError(
        'ERR_LOCAL_PORT',
        `port 0 of ${this.name} is its local port: it goes with the datapath`,
      );
    }
    try {
      this.#vports.remove(portNo);
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== 'ENODEV') throw error;
      throw new SlowpathError('ERR_NO_PORT', `datapath ${this.name} has no port ${portNo}`, { cause: error });
    }
    if (!this.#opened.connector.announcesPorts) this.#watch?.portRemoved(portNo);
  }

  ports(): DatapathPort[] {
    return this.#vports
      .list()
      .map(toPort)
      .sort((a, b) => a.portNo - b.portNo);
  }

  portEvents(callback: (event: PortEvent) => void): () => void {
    this.#watch ??= this.#openWatch();
    const watch = this.#watch;
    watch.add(callback);
    return () => {
      watch.remove(callback);
      if (watch.watched || this.#watch !== watch) return;
      this.#watch = null;
      watch.close();
    };
  }

  stats(): DatapathStats {
    const { hit, missed, lost, flows, masks, maskHits, cacheHits } = this.#opened.datapaths.get(this.ifindex);
    return { hit, missed, lost, flows, masks, maskHits, cacheHits };
  }

  flush(): void {
    this.flows.flush();
  }

  openDump({ terse = false }: DumpOptions = {}): FlowDump {
    const slot = this.#idleDumps.pop() ?? this.#openDumpSlot();
    this.#busyDumps.add(slot.channel);
    const request = encodeFlowDump(this.#builder, this.#opened.families.flow, this.ifindex, terse);
    return new ChannelFlowDump(slot, request, (clean) => {
      this.#busyDumps.delete(slot.channel);
      // What is left of a dump that was given up would come up in the next one.
      if (clean && !this.#closed) this.#idleDumps.push(slot);
      else slot.channel.close();
    });
  }

  async *dumpFlows(options: DumpOptions = {}): AsyncGenerator<{ batch: FlowBatch; count: number }> {
    const dump = this.openDump(options);
    try {
      for (let count = dump.next(); count >= 0; count = dump.next()) {
        if (count > 0) yield { batch: dump.batch, count };
        await new Promise(setImmediate);
      }
    } finally {
      dump.close();
    }
  }

  counters(): Record<string, number> {
    return this.#opened.connector.counters();
  }

  close({ keep = false }: { readonly keep?: boolean } = {}): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch?.close();
    try {
      if (!keep) this.#delete();
    } finally {
      for (const channel of this.#handlers) channel.close();
      for (const channel of this.#busyDumps) channel.close();
      for (const { channel } of this.#idleDumps) channel.close();
      this.route.close();
      this.#opened.client.close();
      this.#opened.connector.close();
    }
  }

  #delete(): void {
    try {
      this.#opened.datapaths.remove(this.ifindex);
    } catch (error) {
      // Somebody else was faster.
      if (!(error instanceof NetlinkError) || error.code !== 'ENODEV') throw error;
    }
  }

  #openOpsChannel(): Channel {
    const { connector, families } = this.#opened;
    const channel = connector.openChannel();
    channel.configureOps({
      dpIfindex: this.ifindex,
      flowFamily: families.flow.id,
      packetFamily: families.packet.id,
    });
    return channel;
  }

  #openDumpSlot(): DumpSlot {
    const channel = this.#openOpsChannel();
    return { channel, batch: this.#opened.addon.createFlowBatch(DUMP_BATCH_FLOWS, DUMP_BATCH_BYTES) };
  }

  #openWatch(): PortWatch {
    const { connector, families } = this.#opened;
    const group = families.vport.groups.get(OVS_VPORT_MCGROUP);
    const sources = {
      dpIfindex: this.ifindex,
      links: connector.openRoute([RTNLGRP_LINK]),
      vports: group === undefined ? null : connector.openGroup(group),
      vportFamily: families.vport.id,
      listPorts: () => this.ports(),
    };
    return new PortWatch(sources, (portNo) => this.#deviceGone(portNo));
  }

  /** The kernel takes the port of a vanished device out by itself; the embedded datapath is told. */
  #deviceGone(portNo: number): void {
    try {
      this.#vports.remove(portNo);
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== 'ENODEV') throw error;
    }
  }
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
