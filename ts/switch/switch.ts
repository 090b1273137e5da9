import {
  type Bridge,
  BridgeModel,
  type BridgePort,
  modPort,
  modTable,
  setFragments,
} from '../bridge/index.js';
import { type Configuration, vsctl } from '../config/index.js';
import {
  type Datapath,
  type DatapathStats,
  openDatapath,
  OpWriter,
  type PortEvent,
  type UpcallChannel,
} from '../datapath/index.js';
import { SlowpathError } from '../errors/index.js';
import { native } from '../native/index.js';
import {
  type FlowMod,
  type FlowSpec,
  type GroupMod,
  type MeterMod,
  parseFlows,
  type TlvEntry,
} from '../openflow/index.js';
import { type RevalidateCounters, Revalidator } from '../revalidate/index.js';
import { FlowLimit, UkeyTable } from '../ukey/index.js';
import { type SampleSink, type UpcallCounters, UpcallHandler } from '../upcall/index.js';
import {
  RecircRegistry,
  type Snapshot,
  type TableMiss,
  type Translation,
  Translator,
} from '../xlate/index.js';
import { advanceBridge, applyEffect } from './apply-effect.js';
import { BridgeTables, type MeterStatistics } from './bridge-tables.js';
import { Configurator } from './configurator.js';
import { announceBonds } from './learning-packets.js';
import type { BridgeOptions, PortOptions, SwitchOptions } from './options.js';
import { PacketInDelivery } from './packet-in.js';
import type { InterfaceError } from './port-manager.js';
import { bridgeWords, portWords } from './words.js';

/** Two ops for each of 64 upcalls, and as much again. */
const OPS = 256;
const OP_BYTES = 512 * 1024;
const REPLIES = 256;
const REPLY_BYTES = 1024 * 1024;
/** How often timeouts are looked at, and refused operations while upcalls pause. */
const TICK_MS = 100;
const NO_SAMPLES: SampleSink = { sample() {} };

/** Figures of a running switch. */
export interface SwitchStats {
  readonly datapath: DatapathStats;
  readonly upcall: Readonly<UpcallCounters>;
  readonly revalidate: Readonly<RevalidateCounters>;
  /** Flows that we know of, by state. */
  readonly ukeys: Readonly<Record<string, number>>;
  /** Flows that may be installed now. */
  readonly flowLimit: number;
  /** Bytes of keys and actions of installed flows, and of the memory held for them. */
  readonly ukeyBytes: number;
  readonly ukeyReservedBytes: number;
  /** Milliseconds that the last dump took. */
  readonly dumpDuration: number;
}

/**
 * A switch: the composition root. It opens the datapath, owns bridges, ports and tables, and runs the slow path and the
 * revalidator over them. All mutable state of the package hangs off a switch.
 */
export class Switch {
  readonly datapath: Datapath;
  readonly #options: SwitchOptions;
  readonly #model = new BridgeModel(kernelQueuePriority);
  readonly #tables = new Map<Bridge, BridgeTables>();
  readonly #configurator: Configurator;
  readonly #ukeys = new UkeyTable();
  readonly #flowLimit: FlowLimit;
  readonly #recirc = new RecircRegistry();
  readonly #packetIns = new PacketInDelivery();
  readonly #handlerChannel: UpcallChannel;
  readonly #opsChannel: UpcallChannel;
  readonly #changesChannel: UpcallChannel;
  readonly #handler: UpcallHandler;
  readonly #revalidator: Revalidator;
  readonly #unwatch: () => void;
  readonly #ticker: NodeJS.Timeout;
  #snapshot: Snapshot;
  #closed = false;
  /** A device appeared that a failed interface may be for; it is tried at the next tick, not once for each message about it. */
  #retryDue = false;

  /** Opens the datapath and starts the slow path. Errors: those of openDatapath. */
  static open(options: SwitchOptions): Switch {
    const datapath = 'openHandler' in options.datapath ? options.datapath : openDatapath(options.datapath);
    try {
      return new Switch(datapath, options);
    } catch (error) {
      datapath.close({ keep: datapath.adopted });
      throw error;
    }
  }

  private constructor(datapath: Datapath, options: SwitchOptions) {
    this.datapath = datapath;
    this.#options = options;
    this.#configurator = new Configurator(datapath, this.#model);
    this.#flowLimit = new FlowLimit(options.flowLimit);
    this.#packetIns.callback = options.onPacketIn ?? null;
    this.#snapshot = this.#makeSnapshot(1);
    this.#handlerChannel = datapath.openHandler();
    this.#opsChannel = datapath.openHandler();
    this.#changesChannel = datapath.openHandler();
    this.#handler = this.#makeHandler();
    this.#revalidator = this.#makeRevalidator();
    this.#handlerChannel.channel.startUpcalls(this.#handlerChannel.batch, (count) =>
      this.#handler.handle(count),
    );
    // Flows that an earlier process left are not ours to explain: begin with none.
    if (datapath.adopted) datapath.flush();
    datapath.setUpcallPids([this.#handlerChannel.portId]);
    this.#unwatch = datapath.portEvents((event) => this.#onPortEvent(event));
    this.#revalidator.start();
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#ticker.unref();
  }

  /** What the switch is configured to be. */
  get configuration(): Configuration {
    return this.#configurator.configuration;
  }

  /** The bridges as translation reads them, and what it reads now; for traces. */
  get model(): BridgeModel {
    return this.#model;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** The bridges by name. */
  get bridges(): ReadonlyMap<string, Bridge> {
    return this.#model.bridges;
  }

  /**
   * Takes over another configuration by what differs from the one there is: what is in both goes on as it was, with numbers, flows, learned addresses
   * and counters. Interfaces that cannot be had are left out, warned of and returned (see `interfaceErrors`), the rest is applied. They are
   * tried again at the next change and when a device of their name appears.
   */
  configure(next: Configuration): readonly InterfaceError[] {
    const before = this.#configurator.failed;
    this.#takeOver(next);
    this.#warnOfInterfaces(before);
    return [...this.#configurator.failed.values()];
  }

  /** Interfaces that the configuration asks for and that cannot be had now, by name. */
  get interfaceErrors(): ReadonlyMap<string, InterfaceError> {
    return this.#configurator.failed;
  }

  #takeOver(next: Configuration): void {
    if (!this.#configurator.takeOver(next)) return;
    this.#reconfigured();
    for (const text of this.#configurator.newlyUnsupported()) this.#warn(text);
  }

  /** Says which interfaces cannot be had, and were not already known for it. */
  #warnOfInterfaces(before: ReadonlyMap<string, InterfaceError>): void {
    for (const { name, error } of this.#configurator.failed.values()) {
      if (before.get(name)?.error.message !== error.message)
        this.#warn(`interface ${name}: ${error.message}`);
    }
  }

  /** A device appeared that failed interfaces may have waited for. */
  #retryInterfaces(): void {
    const before = this.#configurator.failed;
    this.#configurator.retry();
    this.#reconfigured();
    this.#warnOfInterfaces(before);
    for (const name of before.keys()) {
      if (
        !this.#configurator.failed.has(name) &&
        this.#configurator.configuration.named('Interface', name) !== undefined
      )
        this.#warn(`interface ${name} is there now`);
    }
  }

  /** Changes the configuration by ovs-vsctl words (`add-port br0 eth1 tag=10 -- …`). What the commands print, and as configure. */
  vsctl(words: readonly string[]): {
    readonly outputs: readonly string[];
    readonly errors: readonly InterfaceError[];
  } {
    const { configuration, outputs } = vsctl(this.#configurator.configuration, words);
    return { outputs, errors: this.configure(configuration) };
  }

  /** Adds a bridge with its local port, an internal device of the same name. */
  addBridge(name: string, options: BridgeOptions = {}): Bridge {
    if (this.bridges.has(name)) throw new SlowpathError('ERR_BRIDGE_EXISTS', `bridge ${name} exists already`);
    this.#change(bridgeWords(name, options), name);
    return this.bridges.get(name)!;
  }

  /** Adds a port to a bridge. Errors: those of Datapath.addPort, ERR_CONFIG_*, ERR_BAD_OFPORT. */
  addPort(bridge: Bridge, options: PortOptions): BridgePort {
    const { name, ofport } = options;
    if (ofport !== undefined && this.#configurator.ports.takenOfports(bridge.name).has(ofport)) {
      throw new SlowpathError('ERR_BAD_OFPORT', `port ${name}: OpenFlow port number ${ofport} is taken`);
    }
    // A port whose device went is still configured; it is to come back now.
    const words = bridge.portByName(name) === undefined ? ['--if-exists', 'del-port', name, '--'] : [];
    this.#change([...words, ...portWords(bridge.name, options)], name);
    return bridge.portByName(name)!;
  }

  /** Changes the configuration; when the named interface cannot be had, changes it back and throws why. */
  #change(words: readonly string[], name: string): void {
    const before = this.#configurator.configuration;
    this.#takeOver(vsctl(before, words).configuration);
    const failed = this.#configurator.failed.get(name);
    if (failed === undefined) return;
    this.#takeOver(before);
    throw failed.error;
  }

  /** Takes a port out of its bridge and of the datapath. */
  removePort(port: BridgePort): void {
    this.vsctl(['del-port', port.bridge.name, port.bundle.name]);
  }

  /** Adds flows in ovs-ofctl syntax, one a line; all or none. Throws SyntaxProblem with line and column. */
  addFlows(bridge: Bridge, text: string): void {
    const { tlvMap } = bridge;
    const names = { portNames: bridge.portNames(), tableNames: bridge.flowTables.tableNames() };
    this.applyFlows(bridge, parseFlows(text, tlvMap === undefined ? names : { ...names, tlvMap }));
  }

  /** Says which Geneve options flows know as tun_metadataN (ovs-ofctl add-tlv-map). Throws TableError and changes nothing then. */
  setTlvMap(bridge: Bridge, entries: readonly TlvEntry[]): void {
    bridge.setTlvMap(entries);
    this.#changed();
  }

  /** Adds flows; one with the match and priority of another replaces it. */
  applyFlows(bridge: Bridge, flows: readonly FlowSpec[]): void {
    const now = native().monotonicMs();
    const tables = this.tables(bridge);
    for (const flow of flows) tables.addFlow(flow, now);
    this.#changed();
  }

  /** Adds, modifies or deletes flows as ovs-ofctl does. Throws TableError at the first that OpenFlow does not allow; those before it stay. */
  changeFlows(bridge: Bridge, mods: readonly FlowMod[]): void {
    const now = native().monotonicMs();
    const tables = this.tables(bridge);
    try {
      for (const mod of mods) tables.changeFlows(mod, now);
    } finally {
      this.#changed();
    }
  }

  /** Changes the groups of a bridge. Throws TableError. */
  changeGroups(bridge: Bridge, mods: readonly GroupMod[]): void {
    try {
      for (const mod of mods) this.tables(bridge).changeGroups(mod);
    } finally {
      this.#changed();
    }
  }

  /** Changes the meters of a bridge and of the datapath. Throws TableError, ERR_METER_BAND, NetlinkError. */
  changeMeters(bridge: Bridge, mods: readonly MeterMod[]): void {
    try {
      for (const mod of mods) this.tables(bridge).changeMeters(mod, native().monotonicMs());
    } finally {
      this.#changed();
    }
  }

  /** Changes a port as `ovs-ofctl mod-port` does: up, down, receive, no-flood, … Throws ERR_SETTING; NetlinkError when its device refuses. */
  modPort(port: BridgePort, word: string): void {
    modPort(port, word);
    const isLink = word === 'up' || word === 'down';
    if (isLink && port.ifindex !== 0) this.datapath.route.setLinkUp(port.ifindex, word === 'up');
    this.#changed();
  }

  /** How the rules of a bridge see fragments: normal, drop or nx-match, as `ovs-ofctl set-frags` takes it. Throws ERR_SETTING. */
  setFragments(bridge: Bridge, mode: string): void {
    setFragments(bridge, mode);
    this.#changed();
  }

  /** What becomes of packets that no rule of a table matches, as `ovs-ofctl mod-table` takes it. Throws ERR_SETTING. */
  modTable(bridge: Bridge, table: number | 'all', action: TableMiss | 'default'): void {
    modTable(bridge, table, action);
    this.#changed();
  }

  /** Statistics of a meter; undefined when the bridge has none of that number. Throws NetlinkError. */
  meterStats(bridge: Bridge, meterId: number): MeterStatistics | undefined {
    return this.tables(bridge).meterStats(meterId, native().monotonicMs());
  }

  /** The OpenFlow side of a bridge of this switch. */
  tables(bridge: Bridge): BridgeTables {
    const tables = this.#tables.get(bridge);
    if (tables === undefined)
      throw new SlowpathError('ERR_NO_BRIDGE', `bridge ${bridge.name} is not of this switch`);
    return tables;
  }

  /** Tells the revalidator that the configuration changed; needed after changing a port or a bridge in place. */
  configurationChanged(): void {
    this.#changed();
  }

  /** Runs one revalidation round now. */
  revalidate(): Promise<void> {
    return this.#revalidator.round();
  }

  stats(): SwitchStats {
    return {
      datapath: this.datapath.stats(),
      upcall: this.#handler.counters,
      revalidate: this.#revalidator.counters,
      ukeys: this.#ukeys.countByState(),
      flowLimit: this.#flowLimit.limit,
      ukeyBytes: this.#ukeys.arena.liveBytes,
      ukeyReservedBytes: this.#ukeys.arena.reservedBytes,
      dumpDuration: this.#revalidator.dumpDuration,
    };
  }

  /**
   * Stops the slow path and closes the datapath. Without `keep` (the default) flows, ports and a datapath that we made go with
   * it; with `keep` all stays and forwards what is installed. Idempotent.
   */
  async close(options: { readonly keep?: boolean } = {}): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const keep = options.keep ?? false;
    clearInterval(this.#ticker);
    this.#unwatch();
    await this.#revalidator.stop();
    this.#handlerChannel.channel.stop();
    if (!keep) this.#revalidator.purge();
    for (const channel of [this.#handlerChannel, this.#opsChannel, this.#changesChannel]) channel.close();
    this.datapath.close({ keep });
  }

  #makeHandler(): UpcallHandler {
    return new UpcallHandler({
      opsChannel: this.#opsChannel.channel,
      ops: new OpWriter(native().createOpBatch(OPS, OP_BYTES)),
      batch: this.#handlerChannel.batch,
      translator: new Translator(),
      ukeys: this.#ukeys,
      flowLimit: this.#flowLimit,
      snapshot: () => this.#snapshot,
      apply: (translation, packets, bytes, tcpFlags) => this.#apply(translation, packets, bytes, tcpFlags),
      now: () => native().monotonicMs(),
      samples: this.#options.samples ?? NO_SAMPLES,
      packetIns: this.#packetIns,
      observer: this.#options.observer ?? null,
    });
  }

  #makeRevalidator(): Revalidator {
    return new Revalidator(
      {
        openDump: () => this.datapath.openDump({ terse: this.datapath.support.ufid }),
        opsChannel: this.#changesChannel.channel,
        ops: new OpWriter(native().createOpBatch(OPS, OP_BYTES)),
        replies: native().createFlowBatch(REPLIES, REPLY_BYTES),
        translator: new Translator(),
        ukeys: this.#ukeys,
        flowLimit: this.#flowLimit,
        snapshot: () => this.#snapshot,
        apply: (translation, packets, bytes, tcpFlags) => this.#apply(translation, packets, bytes, tcpFlags),
        countFlows: () => this.datapath.stats().flows,
        now: () => native().monotonicMs(),
        onError: (error) => this.#onRevalidationError(error),
      },
      this.#options.policy,
    );
  }

  /** The bridges are others: so are their tables. */
  #reconfigured(): void {
    for (const [bridge, tables] of this.#tables) {
      if (this.bridges.get(bridge.name) === bridge) continue;
      tables.close();
      this.#tables.delete(bridge);
    }
    for (const bridge of this.bridges.values()) {
      if (this.#tables.has(bridge)) continue;
      this.#tables.set(bridge, new BridgeTables(bridge, this.datapath.support, this.datapath.meters));
    }
    this.#changed();
  }

  /** Applies the effects of a translation: credits rules, learns addresses, flows and groups. */
  #apply(translation: Translation, packets: number, bytes: number, tcpFlags: number): void {
    for (let i = 0; i < translation.ruleCount; i++) {
      const rule = translation.rules[i];
      rule.packets += packets;
      rule.bytes += bytes;
    }
    if (translation.effectCount === 0) return;
    const applied = { now: native().monotonicMs(), packets, bytes, tcpFlags };
    for (let i = 0; i < translation.effectCount; i++) {
      if (applyEffect(this.#tables, translation.effects[i], applied)) this.#changed();
    }
  }

  #tick(): void {
    this.#handler.drain();
    if (this.#retryDue) {
      this.#retryDue = false;
      this.#retryInterfaces();
    }
    const now = native().monotonicMs();
    let changed = false;
    for (const tables of this.#tables.values()) {
      if (advanceBridge(tables.bridge, now)) changed = true;
      announceBonds(this.datapath, tables.bridge, (message) => this.#warn(message));
      if (tables.expire(now)) changed = true;
    }
    if (changed) this.#changed();
  }

  #onPortEvent(event: PortEvent): void {
    if (event.type === 'resync') {
      this.#resync();
      return;
    }
    if (event.type === 'device') {
      if (this.#configurator.failed.has(event.name)) this.#retryDue = true;
      return;
    }
    if (event.type === 'lost' || event.type === 'restored' || event.type === 'unrestored') {
      this.#onDatapathEvent(event);
      return;
    }
    const port = this.#model.portsByOdp[event.portNo];
    if (port === undefined || port.name !== event.name) return;
    if (event.type === 'link') {
      if (port.running === event.running) return;
      port.running = event.running;
      port.bundle.bond?.linkChanged(port, event.running);
      if (!event.running && port.bundle.bond === null) port.bridge.fdb.flush(port.bundle);
      this.#changed();
    } else if (event.type === 'removed') {
      this.#configurator.portGone(event.portNo, port.name);
      this.#reconfigured();
      this.#warn(`port ${port.name} left the datapath`);
    }
  }

  /** The datapath, in which no flow of ours is left, has gone or come back. */
  #onDatapathEvent(event: PortEvent): void {
    const { name } = this.datapath;
    if (event.type === 'lost') {
      this.#warn(
        `datapath ${name} is gone, deleted or its module unloaded; it will be made again when it can be`,
      );
      void this.#revalidator.stop();
    } else if (event.type === 'unrestored') {
      this.#warn(`datapath ${name} cannot be made again: ${messageOf(event.error)}`);
    } else {
      void this.#resume();
    }
  }

  #onRevalidationError(error: unknown): void {
    // Of that there is an event, too.
    if (error instanceof SlowpathError && error.code === 'ERR_DATAPATH_LOST') return;
    this.#warn(`revalidation: ${messageOf(error)}`);
  }

  async #resume(): Promise<void> {
    await this.#revalidator.stop();
    if (this.#closed) return;
    if (this.datapath.adopted) this.datapath.flush();
    this.#revalidator.forgetAll();
    this.#resync();
    this.#changed();
    this.#revalidator.start();
    this.#warn(`datapath ${this.datapath.name} is there again, with ports and without flows`);
  }

  /** Notifications were lost: compares our ports with the datapath's. */
  #resync(): void {
    this.#retryDue = this.#configurator.failed.size > 0;
    const present = new Map(this.datapath.ports().map((port) => [port.portNo, port]));
    for (const port of [...this.#model.portsByOdp]) {
      if (port === undefined) continue;
      const found = present.get(port.odpPort);
      if (found === undefined || found.name !== port.name) {
        this.#onPortEvent({ type: 'removed', portNo: port.odpPort, name: port.name });
      } else {
        const { up = false, running = false } = this.datapath.route.findLink(port.name) ?? {};
        this.#onPortEvent({ type: 'link', portNo: port.odpPort, name: port.name, up, running });
      }
    }
  }

  #changed(): void {
    this.#snapshot = this.#makeSnapshot(this.#snapshot.generation + 1);
    this.#revalidator.poke();
  }

  #makeSnapshot(generation: number): Snapshot {
    return {
      generation,
      portsByOdp: this.#model.portsByOdp,
      tunnels: this.#model.tunnelPorts,
      support: this.datapath.support,
      recirc: this.#recirc,
      vlanLimit: Math.min(this.#model.vlanLimit, this.datapath.support.maxVlanHeaders),
      queuePriority: kernelQueuePriority,
      upcallPid: (odpPort) => this.datapath.upcallPid(odpPort),
    };
  }

  #warn(message: string): void {
    this.#options.onWarning?.(message);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** skb_priority of a queue as the kernel's HTB and HFSC number their classes (OVS: dpif_netlink_queue_to_priority). */
function kernelQueuePriority(queue: number): number {
  return queue >= 0 && queue < 0xf000 ? (1 << 16) | (queue + 1) : -1;
}
