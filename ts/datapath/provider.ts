import { NetlinkError, SlowpathError } from '../errors/index.js';
import type { Addon, Channel, FlowBatch } from '../native/index.js';
import { MessageBuilder, NetlinkClient, RouteClient, RTNLGRP_LINK } from '../netlink/index.js';
import {
  type DatapathClient,
  type DatapathSupport,
  encodeFlowDump,
  FlowClient,
  MeterClient,
  OVS_METER_FAMILY,
  OVS_VPORT_MCGROUP,
  OVSP_LOCAL,
  type OvsFamilies,
  ovsFamiliesPresent,
  PacketClient,
  type PacketSample,
  VportClient,
} from '../ovs/index.js';
import type { Connector } from './connector.js';
import type { Dispatch } from './dispatch.js';
import { ChannelFlowDump, DUMP_BATCH_BYTES, DUMP_BATCH_FLOWS, type DumpSlot } from './flow-dump.js';
import { EthtoolClient, listFamilies, lookupFamily } from '../genl/index.js';
import { DatapathMeters } from './meters.js';
import { PortWatch } from './port-watch.js';
import { Recovery } from './recovery.js';
import { readSamples, type SampleReader } from './sample-reader.js';
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

/** A datapath that is there, probed and configured. Families and interface index change when it is made again. */
export interface EstablishedDatapath {
  readonly ifindex: number;
  readonly features: number;
  readonly support: DatapathSupport;
  readonly adopted: boolean;
  readonly families: OvsFamilies;
  readonly datapaths: DatapathClient;
  readonly dispatch: Dispatch;
}

/** What a provider works with; see open.ts. */
export interface OpenedDatapath {
  readonly type: DatapathType;
  readonly name: string;
  readonly addon: Addon;
  readonly connector: Connector;
  readonly client: NetlinkClient;
  /** Bytes of receive buffer for each handler. */
  readonly receiveBuffer: number;
  readonly established: EstablishedDatapath;
  /** Opens or makes the datapath of that name once more; null for one that is only looked at. */
  readonly establish: (() => EstablishedDatapath) | null;
}

/** Implements Datapath over any connector. */
export class DatapathProvider implements Datapath {
  readonly type: DatapathType;
  readonly name: string;
  readonly route: RouteClient;
  readonly #opened: OpenedDatapath;
  readonly #builder = new MessageBuilder(256);
  readonly #handlers = new Set<Channel>();
  readonly #idleDumps: DumpSlot[] = [];
  readonly #busyDumps = new Set<Channel>();
  readonly #sampleReaders = new Set<SampleReader>();
  readonly #callbacks = new Set<(event: PortEvent) => void>();
  /** Ports to make again, should the datapath have to be. */
  readonly #requests = new Map<number, PortRequest>();
  readonly #recovery: Recovery;
  #established: EstablishedDatapath;
  #flows!: FlowClient;
  #packets!: PacketClient;
  #vports!: VportClient;
  #upcallPids: readonly number[] = [];
  /** Not asked for yet while undefined. */
  #meters: DatapathMeters | null | undefined;
  #watch: PortWatch | null = null;
  /** Opened when somebody asks. */
  #ethtool: EthtoolClient | null = null;
  #closed = false;

  constructor(opened: OpenedDatapath) {
    this.#opened = opened;
    this.type = opened.type;
    this.name = opened.name;
    this.route = new RouteClient(opened.connector.openRoute());
    this.#established = opened.established;
    this.#makeClients();
    this.#recovery = new Recovery({
      isGone: () => this.#isGone(),
      onLost: () => this.#onLost(),
      restore: () => this.#restore(),
      onRestored: () => this.#emit({ type: 'restored' }),
      onFailure: (error) => this.#emit({ type: 'unrestored', error }),
    });
  }

  get ifindex(): number {
    return this.#established.ifindex;
  }

  get features(): number {
    return this.#established.features;
  }

  get support(): DatapathSupport {
    return this.#established.support;
  }

  get adopted(): boolean {
    return this.#established.adopted;
  }

  get flows(): FlowClient {
    return this.#flows;
  }

  get packets(): PacketClient {
    return this.#packets;
  }

  get meters(): DatapathMeters | null {
    if (this.#meters === undefined) this.#meters = this.#openMeters();
    return this.#meters;
  }

  #openMeters(): DatapathMeters | null {
    if (!listFamilies(this.#opened.client).has(OVS_METER_FAMILY)) return null;
    const features = this.#ask(() => this.#meterClient().features());
    return new DatapathMeters(features, () => (this.#recovery.lost ? null : this.#meterClient()));
  }

  #meterClient(): MeterClient {
    const { client } = this.#opened;
    return new MeterClient(client, lookupFamily(client, OVS_METER_FAMILY), this.ifindex);
  }

  get ethtool(): EthtoolClient {
    this.#ethtool ??= new EthtoolClient(new NetlinkClient(this.#opened.connector.openGeneric()));
    return this.#ethtool;
  }

  get dispatch(): DispatchMode {
    return this.#established.dispatch.mode;
  }

  openHandler(): UpcallChannel {
    const channel = this.#openOpsChannel();
    channel.setReceiveBuffer(this.#opened.receiveBuffer);
    this.#handlers.add(channel);
    const close = (): void => {
      this.#handlers.delete(channel);
      channel.close();
    };
    const batch = this.#opened.addon.createUpcallBatch();
    return { channel, batch, portId: channel.portId, close, [Symbol.dispose]: close };
  }

  setUpcallPids(pids: readonly number[]): void {
    this.#upcallPids = [...pids];
    this.#ask(({ dispatch, datapaths, ifindex, features }) =>
      dispatch.apply(pids, ifindex, features, datapaths, this.#vports),
    );
  }

  upcallPid(portNo: number): number {
    return this.#established.dispatch.upcallPid(portNo);
  }

  addPort(request: PortRequest): DatapathPort {
    const { dispatch } = this.#ask((established) => established);
    const wanted = toVportRequest(request, dispatch.portPids(request.portNo ?? 0));
    // The datapath says ENODEV also when it is gone itself; and rtnetlink, unlike it, knows alternative names.
    if (request.type === 'system') this.route.link(request.name);
    let port: DatapathPort;
    try {
      port = this.#ask(() => toPort(this.#vports.create(wanted)));
    } catch (error) {
      throw explainAddFailure(error, request);
    }
    // Its handlers start from another one on than was guessed before its number was known.
    const pids = dispatch.portPids(port.portNo);
    if (!sameNumbers(pids, wanted.upcallPids)) this.#vports.setUpcallPids(port.portNo, pids);
    this.#requests.set(port.portNo, { ...request, portNo: port.portNo });
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
    this.#requests.delete(portNo);
    // It went with the datapath, and does not come back.
    if (this.#recovery.lost) return;
    try {
      this.#vports.remove(portNo);
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== 'ENODEV') throw error;
      throw new SlowpathError('ERR_NO_PORT', `datapath ${this.name} has no port ${portNo}`, { cause: error });
    }
    if (!this.#opened.connector.announcesPorts) this.#watch?.portRemoved(portNo);
  }

  ports(): DatapathPort[] {
    const ports = this.#ask(() => this.#vports.list()).map(toPort);
    return ports.sort((a, b) => a.portNo - b.portNo);
  }

  portEvents(callback: (event: PortEvent) => void): () => void {
    if (!this.#recovery.lost) this.#watch ??= this.#openWatch();
    this.#callbacks.add(callback);
    return () => {
      this.#callbacks.delete(callback);
      if (this.#callbacks.size === 0) this.#closeWatch();
    };
  }

  followSamples(callback: (sample: PacketSample) => void): SampleReader {
    const { client, connector } = this.#opened;
    const reader: SampleReader = readSamples(
      client,
      (group) => connector.openGroup(group),
      callback,
      () => this.#sampleReaders.delete(reader),
    );
    this.#sampleReaders.add(reader);
    return reader;
  }

  stats(): DatapathStats {
    const { hit, missed, lost, flows, masks, maskHits, cacheHits } = this.#ask(({ datapaths, ifindex }) =>
      datapaths.get(ifindex),
    );
    return { hit, missed, lost, flows, masks, maskHits, cacheHits };
  }

  flush(): void {
    this.#ask(() => this.flows.flush());
  }

  openDump({ terse = false }: DumpOptions = {}): FlowDump {
    const { families } = this.#ask((established) => established);
    const slot = this.#idleDumps.pop() ?? this.#openDumpSlot();
    this.#busyDumps.add(slot.channel);
    const request = encodeFlowDump(this.#builder, families.flow, this.ifindex, terse);
    return new ChannelFlowDump(slot, request, (clean) => {
      this.#busyDumps.delete(slot.channel);
      // What is left of a dump that was given up would come up in the next one.
      if (clean && !this.#closed) this.#idleDumps.push(slot);
      else slot.channel.close();
      if (!clean && !this.#closed) this.#recovery.suspect();
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
    const { lost } = this.#recovery;
    this.#recovery.close();
    this.#closeWatch();
    this.#callbacks.clear();
    try {
      if (!keep && !lost) this.#delete();
    } finally {
      for (const channel of this.#handlers) channel.close();
      this.#closeDumps();
      for (const reader of this.#sampleReaders) reader.close();
      this.route.close();
      this.#ethtool?.close();
      this.#opened.client.close();
      this.#opened.connector.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #delete(): void {
    try {
      this.#established.datapaths.remove(this.ifindex);
    } catch (error) {
      // Somebody else was faster.
      if (!meansGone(error)) throw error;
    }
  }

  #closeDumps(): void {
    for (const channel of this.#busyDumps) channel.close();
    for (const { channel } of this.#idleDumps.splice(0)) channel.close();
  }

  #closeWatch(): void {
    this.#watch?.close();
    this.#watch = null;
  }

  #makeClients(): void {
    const { families, ifindex } = this.#established;
    const { client } = this.#opened;
    this.#flows = new FlowClient(client, families.flow, ifindex);
    this.#packets = new PacketClient(client, families.packet, ifindex);
    this.#vports = new VportClient(client, families.vport, ifindex);
  }

  /** Runs requests to the datapath. Throws ERR_DATAPATH_LOST while it is gone, also when only this shows that it is. */
  #ask<T>(requests: (established: EstablishedDatapath) => T): T {
    if (this.#recovery.lost) throw this.#lostError();
    try {
      return requests(this.#established);
    } catch (error) {
      throw meansGone(error) && this.#recovery.suspect() ? this.#lostError(error) : error;
    }
  }

  #lostError(cause?: unknown): SlowpathError {
    return new SlowpathError(
      'ERR_DATAPATH_LOST',
      `datapath ${this.name} is gone: it was deleted, or the openvswitch module was unloaded; it is made again as soon as the ` +
        'module is there',
      { cause },
    );
  }

  #isGone(): boolean {
    // The embedded datapath is part of this process; one that is only looked at is not ours to restore.
    if (this.#closed || this.type !== 'system' || this.#opened.establish === null) return false;
    try {
      return this.#established.datapaths.get(this.ifindex).name !== this.name;
    } catch (error) {
      // No answer proves nothing; the next suspicion will ask again.
      if (error instanceof NetlinkError) return meansGone(error);
      throw error;
    }
  }

  #onLost(): void {
    this.#closeWatch();
    this.#closeDumps();
    this.#emit({ type: 'lost' });
  }

  /** Makes the datapath again as it was; see RecoveryHooks.restore. The handlers' sockets, and so their port ids, are the same. */
  #restore(): boolean {
    const { client, establish } = this.#opened;
    if (establish === null || !ovsFamiliesPresent(client)) return false;
    this.#established = establish();
    this.#makeClients();
    for (const channel of this.#handlers) this.#configure(channel);
    const { dispatch, datapaths } = this.#established;
    dispatch.apply(this.#upcallPids, this.ifindex, this.features, datapaths, this.#vports);
    for (const [portNo, request] of this.#requests) {
      if (!this.#restorePort(request)) this.#requests.delete(portNo);
    }
    this.#meters?.restore(this.#meterClient());
    if (this.#callbacks.size > 0) this.#watch = this.#openWatch();
    return true;
  }

  /** False when the port cannot be made, as when its device is gone. */
  #restorePort(request: PortRequest): boolean {
    try {
      this.#vports.create(toVportRequest(request, this.#established.dispatch.portPids(request.portNo ?? 0)));
      return true;
    } catch (error) {
      if (error instanceof NetlinkError && error.source === 'kernel') return error.code === 'EEXIST';
      throw error;
    }
  }

  #emit(event: PortEvent): void {
    if (event.type === 'removed') this.#requests.delete(event.portNo);
    for (const callback of this.#callbacks) callback(event);
  }

  #openOpsChannel(): Channel {
    const channel = this.#opened.connector.openChannel();
    this.#configure(channel);
    return channel;
  }

  #configure(channel: Channel): void {
    const { families, ifindex } = this.#established;
    channel.configureOps({
      dpIfindex: ifindex,
      flowFamily: families.flow.id,
      packetFamily: families.packet.id,
    });
  }

  #openDumpSlot(): DumpSlot {
    const channel = this.#openOpsChannel();
    const { addon } = this.#opened;
    const batch = addon.createFlowBatch(DUMP_BATCH_FLOWS, DUMP_BATCH_BYTES);
    return { channel, batch, matched: addon.createMatchedColumns(DUMP_BATCH_FLOWS) };
  }

  #openWatch(): PortWatch {
    const { connector } = this.#opened;
    const { families } = this.#established;
    const group = families.vport.groups.get(OVS_VPORT_MCGROUP);
    const sources = {
      dpIfindex: this.ifindex,
      links: connector.openRoute([RTNLGRP_LINK]),
      vports: group === undefined || !connector.announcesPorts ? null : connector.openGroup(group),
      vportFamily: families.vport.id,
      listPorts: () => this.#knownPorts(),
      datapathGone: () => this.#recovery.suspect(),
      portGone: (portNo: number) => this.#deviceGone(portNo),
    };
    return new PortWatch(sources, (event) => this.#emit(event));
  }

  /** The ports of the datapath; those that an earlier process left are remembered, too. */
  #knownPorts(): DatapathPort[] {
    const ports = this.#vports.list().map(toPort);
    for (const { portNo, name, type } of ports) {
      if (portNo !== OVSP_LOCAL && !this.#requests.has(portNo))
        this.#requests.set(portNo, { name, type, portNo });
    }
    return ports;
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

/** The kernel knows no such datapath (ENODEV), or no such family (ENOENT). */
function meansGone(error: unknown): boolean {
  return (
    error instanceof NetlinkError &&
    error.source === 'kernel' &&
    (error.code === 'ENODEV' || error.code === 'ENOENT')
  );
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
