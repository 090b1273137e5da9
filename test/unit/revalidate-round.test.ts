import { expect } from 'chai';
import { type FlowDump, OpWriter } from '../../ts/datapath/index.js';
import { FLOW_WORDS } from '../../ts/fields/index.js';
import {
  type Channel,
  MATCHED_BACKWARDS,
  MATCHED_FIRST,
  MATCHED_STALE,
  native,
} from '../../ts/native/index.js';
import { ChangeLog, Revalidator, type RevalidatorContext } from '../../ts/revalidate/index.js';
import { BY_INSTALL, DELETE_REASONS, FlowLimit, UKEY_OPERATIONAL, UkeyTable } from '../../ts/ukey/index.js';
import { FlowRecords, Translator } from '../../ts/xlate/index.js';
import { makeSwitch } from '../support/xlate.js';

/** What a dump shows: packets by ukey. `interrupted`: it ends so. */
interface ScriptedDump {
  readonly flows: ReadonlyMap<number, number>;
  readonly interrupted?: boolean;
  /** Milliseconds that it takes. */
  readonly duration?: number;
}

/** A revalidator over a datapath that shows what the test says, at the time that the test says it is. */
class Rig {
  now = 1_000_000;
  /** How long work seems to take from one look at the clock to the next, milliseconds. */
  perLook = 0;
  readonly ukeys = new UkeyTable(undefined, 4096);
  readonly log = new ChangeLog();
  readonly flowLimit = new FlowLimit();
  readonly dumps: ScriptedDump[] = [];
  readonly credited: number[] = [];
  opened = 0;
  #worked = 0;
  readonly revalidator: Revalidator;
  readonly #matched = native().createMatchedColumns(4);

  constructor() {
    const records = new FlowRecords();
    // Whom packets are credited to is known, and no matter here.
    records.credit = (_ukeys, _ukey, sink) => {
      sink.effect({ type: 'none' } as never);
      return true;
    };
    const { snapshot } = makeSwitch({ ports: [{ ofport: 1 }], flows: ['actions=drop'] });
    const context: Partial<RevalidatorContext> = {
      ukeys: this.ukeys,
      log: this.log,
      records,
      flowLimit: this.flowLimit,
      translator: new Translator(),
      ops: new OpWriter(native().createOpBatch(16, 4096)),
      replies: native().createFlowBatch(16, 4096),
      opsChannel: { exchange: () => 0 } as Partial<Channel> as Channel,
      openDump: () => this.#open(),
      snapshot: () => snapshot,
      countFlows: () => this.ukeys.count,
      now: () => this.now,
      clock: () => (this.#worked += this.perLook),
      sink: (packets) => ({ rule() {}, effect: () => this.credited.push(packets) }) as never,
      ended() {},
      onError: (error) => {
        throw error;
      },
    };
    this.revalidator = new Revalidator(context as RevalidatorContext);
  }

  /** A flow that the datapath has, as far as we know. */
  install(n: number): number {
    const source = {
      ufid: Int32Array.of(n, 1, 2, 3),
      ufidAt: 0,
      key: new Uint8Array(8),
      keyOffset: 0,
      keyLength: 8,
    };
    const rest = {
      mask: new Int32Array(FLOW_WORDS),
      maskBase: 0,
      actions: new Uint8Array(8),
      actionsLength: 8,
    };
    const ukey = this.ukeys.add({ ...source, ...rest, inPort: 1, slow: 0, generation: 1 }, this.now);
    this.ukeys.transition(ukey, UKEY_OPERATIONAL, BY_INSTALL);
    return ukey;
  }

  /** One round, a second later, in which the datapath shows these dumps one after the other. */
  async round(...dumps: ScriptedDump[]): Promise<void> {
    this.now += 1000;
    this.dumps.push(...dumps);
    await this.revalidator.round();
    expect(this.dumps, 'all dumps were asked for').to.have.length(0);
  }

  #open(): FlowDump {
    this.opened++;
    const { flows, interrupted = false, duration = 0 } = this.dumps.shift()!;
    const left = [...flows];
    return {
      batch: native().createFlowBatch(1, 1),
      matched: this.#matched,
      interrupted,
      next: () => -1,
      match: (_columns, round) => {
        if (left.length === 0) this.now += duration;
        return left.length === 0 ? -1 : this.#show(left.splice(0, this.#matched.capacity), round);
      },
      close() {},
      [Symbol.dispose]() {},
    };
  }

  /** What the addon does; its own tests are native/test/flow_matcher_test.cc. */
  #show(flows: readonly (readonly [number, number])[], round: number): number {
    const { ukeys } = this;
    const matched = this.#matched;
    let count = 0;
    for (const [ukey, packets] of flows) {
      if (ukeys.state.get(ukey) !== UKEY_OPERATIONAL || Math.abs(ukeys.dumpRound.get(ukey)) === round)
        continue;
      matched.ukey[count] = ukey;
      const backwards = packets < ukeys.packets.get(ukey);
      matched.packets[count] = backwards ? packets : packets - ukeys.packets.get(ukey);
      matched.bytes[count] = 60 * matched.packets[count];
      matched.usedBefore[count] = ukeys.used.get(ukey);
      if (matched.packets[count] > 0) ukeys.used.set(ukey, this.now);
      matched.used[count] = ukeys.used.get(ukey);
      matched.flags[count] =
        (ukeys.dumpRound.get(ukey) <= 0 ? MATCHED_FIRST : 0) |
        (ukeys.stale.get(ukey) !== 0 ? MATCHED_STALE : 0) |
        (backwards ? MATCHED_BACKWARDS : 0);
      ukeys.packets.set(ukey, packets);
      ukeys.dumpRound.set(ukey, round);
      ukeys.missed.set(ukey, 0);
      count++;
    }
    matched.counts.set([0, flows.length]);
    return count;
  }

  ended(reason: (typeof DELETE_REASONS)[number]): number {
    return this.ukeys.ends[DELETE_REASONS.indexOf(reason)];
  }
}

/** Turns that the event loop takes while something is done. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let done = false;
  const turn = () => {
    if (done) return;
    turns++;
    setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  done = true;
  return turns;
}

const shows = (...flows: readonly (readonly [number, number])[]): ScriptedDump => ({ flows: new Map(flows) });

describe('revalidation rounds', () => {
  it('credit each packet once, over batches, rounds and repeated dumps', async () => {
    const rig = new Rig();
    const all = Array.from({ length: 10 }, (_, n) => rig.install(n));
    await rig.round(
      { ...shows(...all.slice(0, 3).map((ukey) => [ukey, 5] as const)), interrupted: true },
      {
        flows: new Map(all.map((ukey) => [ukey, 5])),
      },
    );
    expect(rig.credited).to.deep.equal(Array(10).fill(5));
    await rig.round({ flows: new Map(all.map((ukey, n) => [ukey, n === 4 ? 12 : 5])) });
    expect(rig.credited.slice(10)).to.deep.equal([7]);
    expect(rig.revalidator.counters).to.include({ rounds: 2, interrupted: 1, dumped: 23, missed: 0 });
  });

  it('count counters that ran backwards, and believe what they say from 0 on', async () => {
    const rig = new Rig();
    const a = rig.install(1);
    await rig.round(shows([a, 10]));
    await rig.round(shows([a, 4]));
    await rig.round(shows([a, 6]));
    expect(rig.credited).to.deep.equal([10, 4, 2]);
    expect(rig.revalidator.counters.backwards).to.equal(1);
  });

  it('credit once what a flow counted while dumps did not show it', async () => {
    const rig = new Rig();
    const a = rig.install(1);
    await rig.round(shows([a, 3]));
    await rig.round(shows());
    await rig.round(shows());
    await rig.round(shows([a, 9]));
    expect(rig.credited).to.deep.equal([3, 6]);
    expect(rig.revalidator.counters.missed).to.equal(2);
    expect(rig.ukeys.missed.get(a)).to.equal(0);
  });

  it('give a flow up that four dumps did not show, and not one that was seen meanwhile', async () => {
    const rig = new Rig();
    const [a, b] = [rig.install(1), rig.install(2)];
    await rig.round(shows([a, 1], [b, 1]));
    for (let i = 0; i < 3; i++) await rig.round(shows([b, 1]));
    expect([rig.ukeys.missed.get(a), rig.ukeys.missed.get(b)]).to.deep.equal([3, 0]);
    await rig.round(shows([a, 1], [b, 1]));
    expect(rig.ukeys.missed.get(a), 'seen again').to.equal(0);
    for (let i = 0; i < 3; i++) await rig.round(shows([b, 2 + i]));
    expect(rig.ended('removed_by_others')).to.equal(0);
    await rig.round(shows([b, 9]));
    expect(rig.ended('removed_by_others')).to.equal(1);
    expect(rig.ukeys.count).to.equal(1);
  });

  it('take nothing for gone because of dumps that were interrupted, and try three times', async () => {
    const rig = new Rig();
    const a = rig.install(1);
    await rig.round(shows([a, 1]));
    const cut: ScriptedDump = { flows: new Map(), interrupted: true };
    for (let i = 0; i < 6; i++) await rig.round(cut, cut, cut);
    expect(rig.opened).to.equal(1 + 6 * 3);
    expect(rig.ukeys.missed.get(a)).to.equal(0);
    expect(rig.revalidator.counters.interrupted).to.equal(18);
  });

  it('do not miss flows that came after the dump had begun', async () => {
    const rig = new Rig();
    rig.dumps.push({
      get flows() {
        rig.now += 1;
        rig.install(7);
        return new Map();
      },
    });
    rig.now += 1000;
    await rig.revalidator.round();
    expect(rig.revalidator.counters.missed).to.equal(0);
  });

  it('do not take what a dump shows of a flow that had its id before for its own', async () => {
    const rig = new Rig();
    const old = rig.install(1);
    await rig.round(shows([old, 5]));
    // The datapath put the flow into an answer, and then it gave way to another, before the answer was read.
    await rig.round({
      get flows() {
        rig.ukeys.close(old, DELETE_REASONS.indexOf('wider_mask'), BY_INSTALL);
        return new Map([[rig.install(1), 5]]);
      },
    });
    expect(rig.credited).to.deep.equal([5]);
    await rig.round(shows([rig.ukeys.find(Int32Array.of(1, 1, 2, 3), 0), 2]));
    expect(rig.credited).to.deep.equal([5, 2]);
    expect(rig.revalidator.counters).to.include({ missed: 0, backwards: 0 });
  });

  it('delete what was idle, and everything above twice the limit', async () => {
    const rig = new Rig();
    const [a, b] = [rig.install(1), rig.install(2)];
    for (let i = 1; i <= 10; i++) await rig.round(shows([a, i], [b, 0]));
    expect(rig.ended('idle')).to.equal(0);
    await rig.round(shows([a, 11], [b, 0]));
    expect(rig.ended('idle')).to.equal(1);
    for (let n = 10; n < 15; n++) rig.install(n);
    rig.flowLimit.limit = 2;
    const flows = new Map<number, number>();
    for (let i = 0; i < rig.ukeys.end; i++) if (rig.ukeys.state.get(i) === UKEY_OPERATIONAL) flows.set(i, 50);
    await rig.round({ flows });
    expect(rig.ended('over_limit_flush')).to.equal(6);
    expect(rig.ukeys.count).to.equal(0);
  });

  it('let others have their turn while they take long: looks at flows, translations, changes, a purge, a new datapath', async () => {
    const rig = new Rig();
    const installed = () => {
      const flows = Array.from({ length: 2000 }, (_, n) => [rig.install(n), 1] as const);
      return { flows: new Map(flows) };
    };
    const flows = installed();
    // A dump shows four at a time.
    expect(await turnsDuring(() => rig.round(flows)), 'no time passes').to.be.below(20);
    rig.perLook = 1;
    expect(await turnsDuring(() => rig.round(flows)), 'a dump').to.be.at.least(2000 / 4 / 4);
    // What is translated again goes, for nobody can read its key.
    for (let ukey = 0; ukey < rig.ukeys.end; ukey++) rig.ukeys.stale.set(ukey, 1);
    expect(await turnsDuring(() => rig.round(flows)), 'translations').to.be.at.least(2000 / 4);
    expect(rig.ukeys.count).to.equal(0);
    installed();
    rig.log.tag(2, 2);
    expect(await turnsDuring(() => rig.round(shows())), 'flows that a change concerns').to.be.at.least(
      2000 / 4,
    );
    expect(rig.ukeys.count).to.equal(0);
    installed();
    expect(await turnsDuring(() => rig.revalidator.purge()), 'a purge').to.be.at.least(5);
    expect(rig.ukeys.count).to.equal(0);
    installed();
    const forget = () => rig.revalidator.forgetAll();
    expect(await turnsDuring(forget), 'what a lost datapath had').to.be.at.least(5);
    expect(rig.ukeys.count).to.equal(0);
  });

  it('forget what a lost datapath had, and not what came since', async () => {
    const rig = new Rig();
    rig.perLook = 1;
    for (let n = 0; n < 1000; n++) rig.install(n);
    const forgotten = rig.revalidator.forgetAll();
    rig.now++;
    const since = rig.install(1000);
    await forgotten;
    expect(rig.ukeys.count).to.equal(1);
    expect(rig.ukeys.state.get(since)).to.equal(UKEY_OPERATIONAL);
  });

  it('tell how long the dump took from its begin to its end', async () => {
    const rig = new Rig();
    await rig.round({ ...shows(), duration: 700 });
    expect(rig.revalidator.dumpDuration).to.equal(700);
  });
});
