import { type Bridge, BridgeModel, numberPorts } from '../../ts/bridge/index.js';
import { ALL_TABLES } from '../../ts/classifier/index.js';
import { emptyConfiguration, vsctl } from '../../ts/config/index.js';
import { OpWriter } from '../../ts/datapath/index.js';
import {
  F_IN_PORT,
  FLOW_WORDS,
  UPCALL_CMD,
  UPCALL_KEY_LEN,
  UPCALL_KEY_OFF,
  UPCALL_PACKET_LEN,
  UPCALL_PACKET_OFF,
  UPCALL_ROW_WORDS,
  UPCALL_UFID,
  UPCALL_WIRE_LEN,
} from '../../ts/fields/index.js';
import { native } from '../../ts/native/index.js';
import {
  emptyMatch,
  type FlowMod,
  parseFlowMods,
  parseGroupMod,
  type Rule,
} from '../../ts/openflow/index.js';
import { ChangeLog, Revalidator, type RevalidatePolicy } from '../../ts/revalidate/index.js';
import { BridgeTables, EffectApplier } from '../../ts/switch/index.js';
import { DUMMY_SUPPORT } from '../../ts/trace/index.js';
import { FlowLimit, UkeyTable } from '../../ts/ukey/index.js';
import { UpcallHandler } from '../../ts/upcall/index.js';
import {
  FlowRecords,
  type FlowStatsSink,
  RecircRegistry,
  type Snapshot,
  Translator,
} from '../../ts/xlate/index.js';
import type { FlowModel } from './flow-model.js';
import { makeKey } from './xlate.js';

const OVS_PACKET_CMD_MISS = 1;
const NOTHING: FlowStatsSink = { counted() {}, ended() {} };

/** A packet without a flow, as the datapath sends it up. */
export interface Miss {
  /** First word of the flow's id. */
  readonly id: number;
  /** As an OpenFlow match; in_port is the datapath's. */
  readonly packet: string;
  readonly bytes: number;
}

/** The slow path of a switch, all of it, over a model of a datapath's flows: no kernel, no devices, and time is what the test says. */
export class SlowPathRig {
  now = 1_000_000;
  /** How long work seems to take from one look at the clock to the next, milliseconds: 1 makes the revalidator rest all the time. */
  perLook = 0;
  readonly model: FlowModel;
  readonly bridges: BridgeModel;
  readonly ukeys: UkeyTable;
  readonly log = new ChangeLog();
  readonly flowLimit = new FlowLimit();
  readonly handler: UpcallHandler;
  readonly revalidator: Revalidator;
  readonly effects: EffectApplier;
  readonly errors: unknown[] = [];
  readonly #tables = new Map<Bridge, BridgeTables>();
  readonly #batch = native().createUpcallBatch();
  readonly #recirc = new RecircRegistry();
  #generation = 1;
  #worked = 0;

  /** `words`: ovs-vsctl's. */
  constructor(model: FlowModel, words: string, policy: Partial<RevalidatePolicy> = {}) {
    this.model = model;
    this.bridges = new BridgeModel((queue) => queue, {
      rule: (bridge, { table, match, timedOut }) =>
        this.log.rule(bridge, table, match, this.#changed(), timedOut),
      tag: (tag) => this.log.tag(tag, this.#changed()),
      everything: () => this.everythingChanged(),
      hold: () => () => {},
      warn: () => {},
    });
    const records = new FlowRecords();
    this.ukeys = new UkeyTable(records, 65_536);
    this.effects = new EffectApplier(this.#tables);
    this.effects.flowStats = NOTHING;
    const shared = {
      ukeys: this.ukeys,
      records,
      flowLimit: this.flowLimit,
      snapshot: () => this.snapshot,
      apply: this.effects.apply,
      countFlows: () => model.flows.size,
      now: () => this.now,
    };
    this.revalidator = new Revalidator(
      {
        ...shared,
        ops: new OpWriter(native().createOpBatch(16, 64 * 1024)),
        translator: new Translator(),
        opsChannel: model.changesChannel,
        replies: native().createFlowBatch(16, 64 * 1024),
        openDump: () => model.openDump(this.ukeys),
        openFullDump: () => model.openDump(this.ukeys),
        reserveRecirc: (id) => this.#recirc.reserve(id),
        sink: this.effects.of,
        ended: this.effects.ended,
        log: this.log,
        clock: () => (this.#worked += this.perLook),
        onError: (error) => this.errors.push(error),
      },
      policy,
    );
    this.handler = new UpcallHandler({
      ...shared,
      ops: new OpWriter(native().createOpBatch(256, 256 * 1024)),
      translator: new Translator(),
      opsChannel: model.handlerChannel,
      batch: this.#batch,
      samples: { sample() {} },
      packetIns: { deliver: () => true },
      observer: null,
    });
    const { configuration } = vsctl(emptyConfiguration(), words.split(' '));
    const numbers = numberPorts(configuration);
    this.bridges.configure(configuration, (row) => numbers.get(row.text('name')) ?? null);
    for (const bridge of this.bridges.bridges.values())
      this.#tables.set(bridge, new BridgeTables(bridge, DUMMY_SUPPORT, null));
  }

  get snapshot(): Snapshot {
    return {
      ...{ generation: this.#generation, support: DUMMY_SUPPORT, recirc: this.#recirc },
      portsByOdp: this.bridges.portsByOdp,
      tunnels: this.bridges.tunnelPorts,
      vlanLimit: this.bridges.vlanLimit,
      queuePriority: (queue) => queue,
      upcallPid: () => 0,
    };
  }

  bridge(name: string): Bridge {
    return this.bridges.bridges.get(name)!;
  }

  tables(bridge: Bridge): BridgeTables {
    return this.#tables.get(bridge)!;
  }

  /** Changes flows as ovs-ofctl's words say (`add …`, `modify …`, `delete …`); those that were added. */
  changeFlows(bridge: Bridge, text: string): Rule[] {
    return parseFlowMods(text).flatMap((mod: FlowMod) => [
      ...this.tables(bridge).changeFlows(mod, this.now).added,
    ]);
  }

  addGroup(bridge: Bridge, text: string): void {
    this.tables(bridge).changeGroups(parseGroupMod(text, 'add'), this.now);
  }

  rules(bridge: Bridge): Rule[] {
    return bridge.flowTables.select({ table: ALL_TABLES, match: emptyMatch() });
  }

  everythingChanged(): void {
    this.log.everything(this.#changed());
  }

  /** Time passes, and is worked all the while. */
  work(milliseconds: number): void {
    this.now += milliseconds;
    this.#worked += milliseconds;
  }

  /** Has the handler handle upcalls, 64 at most. */
  miss(misses: readonly Miss[]): void {
    const { rows, keys, slab } = this.#batch;
    let at = 0;
    for (const [row, { id, packet, bytes }] of misses.entries()) {
      const base = row * UPCALL_ROW_WORDS;
      const key = makeKey(packet);
      rows.fill(0, base, base + UPCALL_ROW_WORDS);
      keys.set(key, row * FLOW_WORDS);
      rows[base + UPCALL_CMD] = OVS_PACKET_CMD_MISS;
      rows[base + UPCALL_KEY_OFF] = at;
      rows[base + UPCALL_KEY_LEN] = native().encodeKey(key, 0, slab, at);
      at += (rows[base + UPCALL_KEY_LEN] + 7) & ~7;
      rows[base + UPCALL_PACKET_OFF] = at;
      rows[base + UPCALL_PACKET_LEN] = 64;
      slab.fill(0, at, at + 64);
      at += 64;
      rows[base + UPCALL_WIRE_LEN] = bytes;
      rows.set([id, key[F_IN_PORT], 2, 3], base + UPCALL_UFID);
    }
    this.handler.handle(misses.length);
  }

  #changed(): number {
    this.#generation++;
    this.revalidator.poke();
    return this.#generation;
  }
}
