import { type Bridge, BridgeModel } from '../bridge/index.js';
import { type Configuration, vsctl } from '../config/index.js';
import { type Datapath, openDatapath, OpWriter, type UpcallChannel } from '../datapath/index.js';
import { messageOf, SlowpathError } from '../errors/index.js';
import { Exporters } from '../exporters/index.js';
import { native } from '../native/index.js';
import { ChangeLog, Revalidator, type SoundnessCheck } from '../revalidate/index.js';
import { FlowLimit, UkeyTable } from '../ukey/index.js';
import { UpcallHandler, type UpcallProfile } from '../upcall/index.js';
import { FlowRecords, RecircRegistry, type Snapshot, Translator } from '../xlate/index.js';
import { BridgeTables } from './bridge-tables.js';
import { Configurator } from './configurator.js';
import { advanceBridge, EffectApplier } from './effects.js';
import { FlowCacheControl } from './flow-cache-control.js';
import { FlowOptionsInForce } from './flow-options.js';
import { kernelQueuePriority } from './kernel-queues.js';
import { sendLacp } from './lacp-packets.js';
import { announceBonds } from './learning-packets.js';
import { ConfiguredSwitch } from './configured-switch.js';
import { DatapathWatch } from './datapath-watch.js';
import { SwitchEvents } from './events.js';
import { FlowRemovals } from './flow-removed.js';
import type { CloseOptions, SwitchOptions } from './options.js';
import { PacketInDelivery } from './packet-in.js';
import { type PacketOut, PacketOutSender } from './packet-out.js';
import type { InterfaceError } from './port-manager.js';
import type { SwitchStats } from './stats.js';
import { Restart } from './restart.js';
import { makeSnapshot } from './snapshot.js';
import { makeSoundness } from './soundness.js';
import { StartUp } from './start-up.js';
import { teeFlowStats, teeSamples } from './tee.js';
import { type UpcallFilter, type UpcallFollower, UpcallWatch } from './upcall-watch.js';

/** Two ops for each of 64 upcalls, and as much again. */
const makeOps = () => new OpWriter(native().createOpBatch(256, 512 * 1024));
const REPLIES = 256;
const REPLY_BYTES = 1024 * 1024;
/** How often timeouts are looked at, and refused operations while upcalls pause. */
const TICK_MS = 100;

/**
 * A switch: the composition root. It opens the datapath, owns bridges, ports and tables, and runs the slow path and the
 * revalidator over them. All mutable state of the package hangs off a switch.
 */
export class Switch extends ConfiguredSwitch implements AsyncDisposable {
  override readonly datapath: Datapath;
  readonly #options: SwitchOptions;
  readonly #log = new ChangeLog();
  readonly #model = new BridgeModel(kernelQueuePriority, {
    rule: (bridge, { table, match, timedOut }) =>
      this.#log.rule(bridge, table, match, this.#nextGeneration(), timedOut),
    tag: (tag) => this.#log.tag(tag, this.#nextGeneration()),
    everything: () => this.changed(),
    hold: () => this.#startUp.hold(),
    warn: (text) => this.#warn(text),
  });
  readonly #tables = new Map<Bridge, BridgeTables>();
  readonly #configurator: Configurator;
  readonly #effects = new EffectApplier(this.#tables);
  readonly #records = new FlowRecords();
  readonly #ukeys = new UkeyTable(this.#records);
  readonly #flowLimit: FlowLimit;
  readonly #flowOptions: FlowOptionsInForce;
  readonly #recirc = new RecircRegistry();
  readonly #packetIns: PacketInDelivery;
  readonly #exporters: Exporters;
  readonly #removals = new FlowRemovals(() => this.#snapshot.generation);
  readonly #packetOuts = new PacketOutSender();
  readonly #upcallWatch: UpcallWatch;
  /** What happens, for who wants to know. */
  readonly events: SwitchEvents;
  readonly #handlerChannel: UpcallChannel;
  readonly #opsChannel: UpcallChannel;
  readonly #changesChannel: UpcallChannel;
  readonly #handler: UpcallHandler;
  readonly #revalidator: Revalidator;
  readonly #soundness: SoundnessCheck;
  /** Control of what is installed in the datapath, as ovs-appctl's upcall/ and revalidator/ commands have it. */
  readonly cache: FlowCacheControl;
  readonly #watch: DatapathWatch;
  readonly #ticker: NodeJS.Timeout;
  readonly #restart: Restart | null;
  readonly #startUp: StartUp;
  #snapshot: Snapshot;
  #closed = false;

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
    super();
    this.datapath = datapath;
    this.#options = options;
    this.#configurator = new Configurator(datapath, this.#model);
    this.#flowLimit = new FlowLimit(options.flowLimit);
    this.#packetIns = new PacketInDelivery(options.onPacketIn);
    this.#snapshot = this.#makeSnapshot(1);
    this.#exporters = new Exporters({
      datapath,
      bridges: this.bridges,
      ukeys: this.#ukeys,
      snapshot: () => this.#snapshot,
      now: () => native().monotonicMs(),
      warn: (message) => this.#warn(message),
    });
    this.#effects.flowStats = teeFlowStats(this.#exporters.flowStats, options.flowStats);
    this.#handlerChannel = datapath.openHandler();
    this.#opsChannel = datapath.openHandler();
    this.#changesChannel = datapath.openHandler();
    this.#revalidator = this.#makeRevalidator();
    this.#soundness = makeSoundness(
      ...([options, this.#ukeys, this.#revalidator, () => this.#snapshot] as const),
      (text) => this.#warn(text),
    );
    this.#handler = this.#makeHandler();
    this.#flowOptions = new FlowOptionsInForce(
      ...([this.#flowLimit, this.#revalidator, this.#soundness, options] as const),
    );
    this.cache = new FlowCacheControl(this.#handler, this.#revalidator, this.#flowOptions, this.#ukeys);
    this.#upcallWatch = this.#makeUpcallWatch();
    this.events = new SwitchEvents({
      followUpcalls: (follower) => this.followUpcalls(follower),
      followFlows: (listener) => this.cache.follow(listener),
      followPacketIns: (callback) => this.#packetIns.follow(callback),
      followRemovals: (callback) => this.#removals.follow(callback),
      followSamples: (callback) => this.#exporters.local.follow(callback),
    });
    datapath.setUpcallPids([this.#handlerChannel.portId]);
    this.#watch = this.#makeWatch();
    this.#restart = Restart.open(options, datapath, this.#recirc, this.#model, (text) => this.#warn(text));
    this.#startUp = new StartUp({
      ...{ datapath, revalidator: this.#revalidator, restart: this.#restart, adopt: options.adopt !== false },
      configuration: () => this.configuration,
      handlePackets: ({ channel, batch } = this.#handlerChannel) => {
        channel.startUpcalls(batch, (count) => this.#handler.handle(count));
        this.changed();
      },
      onError: (error) => this.#onRevalidationError(error),
    });
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#ticker.unref();
  }

  override get configuration(): Configuration {
    return this.#configurator.configuration;
  }

  /** The bridges as translation reads them, and what it reads now; for traces. */
  get model(): BridgeModel {
    return this.#model;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Where upcalls come from, how many come at a time, and how long their stages take. */
  get upcallProfile(): UpcallProfile {
    return this.#handler.profile;
  }

  /** From now on the stages of one batch of upcalls in 16 are timed (`upcallProfile.stages`). */
  timeUpcalls(): void {
    this.#handler.profile.timed = () => native().measureReceive();
  }

  override get bridges(): ReadonlyMap<string, Bridge> {
    return this.#model.bridges;
  }

  /**
   * Takes over another configuration by what differs from the one there is: what is in both goes on as it was, with numbers, flows, learned addresses
   * and counters. Interfaces that cannot be had are left out, warned of and returned (see `interfaceErrors`), the rest is applied. They are
   * tried again at the next change and when a device of their name appears. Throws ERR_CLOSED.
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
    if (this.#closed) throw new SlowpathError('ERR_CLOSED', 'the switch is closed');
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
  override vsctl(words: readonly string[]): {
    readonly outputs: readonly string[];
    readonly errors: readonly InterfaceError[];
  } {
    const { configuration, outputs } = vsctl(this.#configurator.configuration, words);
    return { outputs, errors: this.configure(configuration) };
  }

  protected override change(words: readonly string[], interfaces: readonly string[]): void {
    const before = this.#configurator.configuration;
    this.#takeOver(vsctl(before, words).configuration);
    const failed = interfaces.flatMap((name) => this.#configurator.failed.get(name) ?? []);
    if (failed.length === 0) return;
    this.#takeOver(before);
    throw failed[0].error;
  }

  protected override takenOfports(bridge: string): ReadonlySet<number> {
    return this.#configurator.ports.takenOfports(bridge);
  }

  /** Sends a packet as if it had come with its actions. Throws SyntaxProblem, ERR_PACKET_OUT, ERR_NO_PORT, NetlinkError. */
  packetOut(bridge: Bridge, packetOut: PacketOut): void {
    this.#packetOuts.send(this.datapath, this.#snapshot, bridge, packetOut, this.#effects.apply);
  }

  /** Tells upcalls, a batch at a time, until the returned function is called. Throws SyntaxProblem for a match that is none. */
  followUpcalls(follower: UpcallFollower, filter: UpcallFilter = {}): () => void {
    return this.#upcallWatch.follow(follower, filter);
  }

  /** The OpenFlow side of a bridge of this switch. */
  override tables(bridge: Bridge): BridgeTables {
    const tables = this.#tables.get(bridge);
    if (tables === undefined)
      throw new SlowpathError('ERR_NO_BRIDGE', `bridge ${bridge.name} is not of this switch`);
    return tables;
  }

  /** Tells the revalidator that the configuration changed; needed after changing a port or a bridge in place. */
  configurationChanged(): void {
    this.changed();
  }

  /** Runs one revalidation round now. */
  async revalidate(): Promise<void> {
    if (await this.#startUp.begun()) await this.#revalidator.round();
  }

  /** sFlow, IPFIX and NetFlow of the bridges that the configuration asks for. */
  get exporters(): Exporters {
    return this.#exporters;
  }

  stats(): SwitchStats {
    return {
      datapath: this.datapath.stats(),
      upcall: this.#handler.counters,
      revalidate: this.#revalidator.counters,
      ukeys: this.#ukeys.countByState(),
      flowLimit: this.#flowLimit.limit,
      flowsAverage: this.#flowLimit.average,
      flowsPeak: this.#flowLimit.peak,
      ukeyBytes: this.#ukeys.arena.liveBytes,
      ukeyReservedBytes: this.#ukeys.arena.reservedBytes,
      dumpDuration: this.#revalidator.dumpDuration,
      exporters: this.#exporters.counters(),
    };
  }

  /**
   * Stops the slow path and closes the datapath. Without `keep` (the default) flows, ports and a datapath that we made go with
   * it; with `keep` all stays and forwards what is installed, until the next process takes it over; with 'ports' only flows go. Idempotent.
   */
  async close({ keep = false }: CloseOptions = {}): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#ticker);
    this.#watch.close();
    this.#soundness.close();
    const begun = this.#startUp.close();
    await this.#revalidator.stop();
    await begun;
    this.#handlerChannel.channel.stop();
    if (keep !== true) await this.#revalidator.purge();
    this.#removals.settled(this.#snapshot.generation);
    this.events.close();
    // What flows counted last has been told now.
    this.#exporters.close();
    this.#restart?.close({ keep: keep === true });
    for (const channel of [this.#handlerChannel, this.#opsChannel, this.#changesChannel]) channel.close();
    // Flows that were never taken over are not ours to purge, but to leave they are not, either.
    if (keep === 'ports') this.datapath.flush();
    this.datapath.close({ keep: keep !== false });
  }

  /** Closes the switch with all that it made: `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Flows in the datapath; those that we know of when it is gone. */
  #countFlows(): number {
    try {
      return this.datapath.stats().flows;
    } catch (error) {
      if (error instanceof SlowpathError && error.code === 'ERR_DATAPATH_LOST') return this.#ukeys.count;
      throw error;
    }
  }

  /** What the slow path and the revalidator share. */
  #shared() {
    return {
      ops: makeOps(),
      translator: this.#options.makeTranslator?.() ?? new Translator(),
      ukeys: this.#ukeys,
      records: this.#records,
      flowLimit: this.#flowLimit,
      snapshot: () => this.#snapshot,
      apply: this.#effects.apply,
      beforeSubmit: () => this.#restart?.flush(),
      countFlows: () => this.#countFlows(),
      now: () => native().monotonicMs(),
    };
  }

  #makeHandler(): UpcallHandler {
    return new UpcallHandler({
      ...this.#shared(),
      opsChannel: this.#opsChannel.channel,
      batch: this.#handlerChannel.batch,
      samples: teeSamples(this.#exporters, this.#options.samples),
      packetIns: this.#packetIns,
      observer: this.#options.observer ?? null,
      onInstalled: this.#soundness.installed,
    });
  }

  #makeRevalidator(): Revalidator {
    const context = {
      ...this.#shared(),
      reserveRecirc: (id: number) => this.#recirc.reserve(id),
      openFullDump: () => this.datapath.openDump(),
      openDump: () => this.datapath.openDump({ terse: this.cache.tersely && this.datapath.support.ufid }),
      opsChannel: this.#changesChannel.channel,
      replies: native().createFlowBatch(REPLIES, REPLY_BYTES),
      sink: this.#effects.of,
      ended: this.#effects.ended,
      log: this.#log,
      settled: (generation: number) => this.#removals.settled(generation),
      waits: () => this.#handlerChannel.channel.waiting,
      onError: (error: unknown) => this.#onRevalidationError(error),
    };
    return new Revalidator(context, this.#options.policy);
  }

  #makeWatch(): DatapathWatch {
    return new DatapathWatch({
      ...{ datapath: this.datapath, model: this.#model },
      ...{ configurator: this.#configurator, revalidator: this.#revalidator },
      changed: (tag) => (tag === undefined ? this.changed() : this.#log.tag(tag, this.#nextGeneration())),
      reconfigured: () => this.#reconfigured(),
      warn: (message) => this.#warn(message),
      tell: (event) => this.events.emit('port', event),
    });
  }

  #makeUpcallWatch(): UpcallWatch {
    const observer = this.#options.observer ?? null;
    const activate = (next: typeof observer) => (this.#handler.observer = next);
    return new UpcallWatch(observer, this.bridges, () => this.#snapshot, activate);
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
      const tables = new BridgeTables(bridge, this.datapath.support, this.datapath.meters);
      tables.removals = this.#removals;
      this.#tables.set(bridge, tables);
    }
    this.#exporters.configure(this.configuration);
    this.#flowOptions.configure(this.configuration.root);
    this.#restart?.noteBridges();
    this.#startUp.consider();
    this.changed();
  }

  #tick(): void {
    this.#handler.drain();
    if (this.#watch.retryDue) {
      this.#watch.retryDue = false;
      this.#retryInterfaces();
    }
    const now = native().monotonicMs();
    this.#exporters.tick(now);
    let changed = false;
    for (const tables of this.#tables.values()) {
      if (advanceBridge(tables.bridge, now)) changed = true;
      const warn = (message: string) => this.#warn(message);
      sendLacp(this.datapath, tables.bridge, warn);
      announceBonds(this.datapath, tables.bridge, warn);
      tables.expire(now);
    }
    if (changed) this.changed();
  }

  #onRevalidationError(error: unknown): void {
    // Of that there is an event, too.
    if (error instanceof SlowpathError && error.code === 'ERR_DATAPATH_LOST') return;
    this.#warn(`revalidation: ${messageOf(error)}`);
  }

  /** Something changed that may concern any flow. */
  protected override changed(): void {
    this.#log.everything(this.#nextGeneration());
  }

  /** Something changed: what is translated from now on knows it, and the revalidator is about to look for what does not. */
  #nextGeneration(): number {
    const generation = this.#snapshot.generation + 1;
    this.#snapshot = this.#makeSnapshot(generation);
    this.#revalidator.poke();
    return generation;
  }

  #makeSnapshot(generation: number): Snapshot {
    return makeSnapshot(generation, this.#model, this.datapath, this.#recirc);
  }

  #warn(message: string): void {
    this.#options.onWarning?.(message);
    this.events.emit('warning', message);
  }
}
