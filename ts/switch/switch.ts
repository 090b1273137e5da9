import {
  type Datapath,
  type DatapathPort,
  type DatapathStats,
  openDatapath,
  OpWriter,
  type PortEvent,
  type UpcallChannel,
} from '../datapath/index.js';
import { SlowpathError } from '../errors/index.js';
import { native } from '../native/index.js';
import { type FlowSpec, OFPP_LOCAL, parseFlows } from '../openflow/index.js';
import { type RevalidateCounters, Revalidator } from '../revalidate/index.js';
import { FlowLimit, UkeyTable } from '../ukey/index.js';
import { type SampleSink, type UpcallCounters, UpcallHandler } from '../upcall/index.js';
import { RecircRegistry, type Snapshot, type Translation, Translator } from '../xlate/index.js';
import { Bridge, type BridgeOptions, BridgePort } from './bridge.js';
import { applyFinTimeout, applyLearnedFlow } from './flow-effects.js';
import type { PortOptions, SwitchOptions } from './options.js';
import { PacketInDelivery } from './packet-in.js';

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
  readonly bridges = new Map<string, Bridge>();
  readonly #options: SwitchOptions;
  readonly #ukeys = new UkeyTable();
  readonly #flowLimit: FlowLimit;
  readonly #recirc = new RecircRegistry();
  readonly #packetIns = new PacketInDelivery();
  readonly #handlerChannel: UpcallChannel;
  readonly #opsChannel: UpcallChannel;
  readonly #changesChannel: UpcallChannel;
  readonly #handler: UpcallHandler;
  readonly #revalidator: Revalidator;
  readonly #portsByOdp: (BridgePort | undefined)[] = [];
  readonly #unwatch: () => void;
  readonly #ticker: NodeJS.Timeout;
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
    this.datapath = datapath;
    this.#options = options;
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

  /** Adds a bridge with its local port, an internal device of the same name. */
  addBridge(name: string, options: BridgeOptions = {}): Bridge {
    if (this.bridges.has(name)) throw new SlowpathError('ERR_BRIDGE_EXISTS', `bridge ${name} exists already`);
    const bridge = new Bridge(name, options);
    this.bridges.set(name, bridge);
    try {
      this.addPort(bridge, { name, type: 'internal', ofport: OFPP_LOCAL });
    } catch (error) {
      this.bridges.delete(name);
      throw error;
    }
    return bridge;
  }

  /** Adds a port to a bridge. Errors: those of Datapath.addPort, ERR_BAD_VLAN, ERR_BAD_OFPORT. */
  addPort(bridge: Bridge, options: PortOptions): BridgePort {
    const added = this.#obtainPort(options);
    try {
      const ofport = options.ofport ?? bridge.freeOfport();
      const port = new BridgePort(
        bridge,
        options.name,
        ofport,
        added.portNo,
        added.ifindex,
        this.datapath.route.findLink(options.name)?.running ?? false,
        options,
      );
      bridge.addPort(port);
      this.#portsByOdp[port.odpPort] = port;
      this.#changed();
      return port;
    } catch (error) {
      this.datapath.delPort(added.portNo);
      throw error;
    }
  }

  /** Adds the port to the datapath, or takes the one that an earlier process left there. */
  #obtainPort({ name, type = 'system' }: PortOptions): DatapathPort {
    const left = this.datapath.adopted ? this.datapath.ports().find((port) => port.name === name) : undefined;
    if (left?.type === type && this.#portsByOdp[left.portNo] === undefined) return left;
    return this.datapath.addPort({ name, type });
  }

  /** Takes a port out of its bridge and of the datapath. */
  removePort(port: BridgePort): void {
    port.bridge.removePort(port);
    this.#portsByOdp[port.odpPort] = undefined;
    this.#changed();
    this.datapath.delPort(port.odpPort);
  }

  /** Adds flows in ovs-ofctl syntax, one a line; all or none. Throws SyntaxProblem with line and column. */
  addFlows(bridge: Bridge, text: string): void {
    this.applyFlows(bridge, parseFlows(text, { portNames: bridge.portNames() }));
  }

  /** Adds flows; one with the match and priority of another replaces it. */
  applyFlows(bridge: Bridge, flows: readonly FlowSpec[]): void {
    const now = native().monotonicMs();
    for (const flow of flows) {
      const result = bridge.flowTables.add(flow);
      if (result.outcome === 'overlap') continue;
      if (result.outcome === 'replaced') bridge.timeouts.forget(result.old);
      bridge.timeouts.watch(result.rule, now);
    }
    this.#changed();
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

  /** Applies the effects of a translation: credits rules, learns addresses and flows. `tcpFlags`: of the packets, ORed. */
  #apply(translation: Translation, packets: number, bytes: number, tcpFlags: number): void {
    for (let i = 0; i < translation.ruleCount; i++) {
      const rule = translation.rules[i];
      rule.packets += packets;
      rule.bytes += bytes;
    }
    for (let i = 0; i < translation.effectCount; i++) {
      const effect = translation.effects[i];
      if (effect.type === 'learn_flow') {
        if (applyLearnedFlow(effect, native().monotonicMs())) this.#changed();
      } else if (effect.type === 'fin_timeout') {
        if (applyFinTimeout(effect, tcpFlags, native().monotonicMs())) this.#changed();
      }
      if (effect.type !== 'learn') continue;
      const { fdb } = effect.bridge as Bridge;
      fdb.advance(native().monotonicMs());
      if (fdb.apply(effect)) this.#changed();
    }
  }

  #tick(): void {
    this.#handler.drain();
    const now = native().monotonicMs();
    let changed = false;
    for (const bridge of this.bridges.values()) {
      const { generation } = bridge.fdb;
      bridge.fdb.advance(now);
      if (bridge.fdb.generation !== generation) changed = true;
      for (const rule of bridge.timeouts.expired(now)) if (bridge.flowTables.remove(rule)) changed = true;
    }
    if (changed) this.#changed();
  }

  #onPortEvent(event: PortEvent): void {
    if (event.type === 'resync') {
      this.#resync();
      return;
    }
    if (event.type === 'lost' || event.type === 'restored' || event.type === 'unrestored') {
      this.#onDatapathEvent(event);
      return;
    }
    const port = this.#portsByOdp[event.portNo];
    if (port === undefined || port.name !== event.name) return;
    if (event.type === 'link') {
      if (port.mayForward === event.running) return;
      port.mayForward = event.running;
      if (!event.running) port.bridge.fdb.flush(port.bundle);
    } else if (event.type === 'removed') {
      port.bridge.removePort(port);
      this.#portsByOdp[port.odpPort] = undefined;
      this.#warn(`port ${port.name} left the datapath`);
    } else {
      return;
    }
    this.#changed();
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
    const present = new Map(this.datapath.ports().map((port) => [port.portNo, port]));
    for (const port of this.#portsByOdp) {
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
      portsByOdp: this.#portsByOdp,
      support: this.datapath.support,
      recirc: this.#recirc,
      vlanLimit: this.datapath.support.maxVlanHeaders,
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
