import { expect } from 'chai';
import type { Row } from '../../ts/config/index.js';
import { emptyConfiguration, vsctl } from '../../ts/config/index.js';
import type { RevalidatePolicy, SoundnessCheck } from '../../ts/revalidate/index.js';
import { FlowOptionsInForce } from '../../ts/switch/flow-options.js';
import { DELETE_REASONS, type DeleteReason } from '../../ts/ukey/index.js';
import { type DumpScript, FlowModel } from '../support/flow-model.js';
import { SlowPathRig } from '../support/slow-path-rig.js';
import { VirtualTimers } from '../support/virtual-timers.js';

const CONFIGURATION =
  'add-br br0 -- set-fail-mode br0 secure -- add-port br0 p1 -- add-port br0 p2 -- add-port br0 p3';
/** Sorts of packets, numbered from 1 on, that have a rule each. */
const SORTS = 250;
const packet = (id: number) => `udp,in_port=1,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_dst=${id}`;

const range = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n);

/** A switch without a network, in a time of its own. */
class Rig extends SlowPathRig {
  readonly timers: VirtualTimers;
  /** When dumps began, since the test began. */
  readonly rounds: number[] = [];
  readonly began = this.now;
  /** What each dump to come is like. */
  script: (round: number) => DumpScript = () => ({});

  constructor(policy: Partial<RevalidatePolicy> = {}) {
    super(new FlowModel(), CONFIGURATION, policy);
    this.timers = new VirtualTimers(this).install();
    const { model } = this;
    const open = model.openDump.bind(model);
    model.openDump = (ukeys) => {
      this.rounds.push(this.now - this.began);
      model.scripts.push(this.script(this.rounds.length));
      this.work(this.dumpsTake);
      return open(ukeys);
    };
    const rules = range(1, SORTS).map((id) => `add priority=1,udp,tp_dst=${id} actions=output:2`);
    this.changeFlows(this.bridge('br0'), rules.join('\n'));
  }

  /** How long dumps take, milliseconds that are worked all the while. */
  dumpsTake = 0;

  /** Packets of these sorts come. */
  send(ids: Iterable<number>, packets = 1): void {
    const misses = [...ids].filter((id) => {
      const flow = this.model.flows.get(id);
      if (flow === undefined) return true;
      flow.packets += packets;
      flow.bytes += 100 * packets;
      flow.used = this.now;
      return false;
    });
    while (misses.length > 0)
      this.miss(misses.splice(0, 64).map((id) => ({ id, packet: packet(id), bytes: 100 })));
  }

  ended(reason: DeleteReason): number {
    return this.ukeys.ends[DELETE_REASONS.indexOf(reason)];
  }
}

describe('when revalidation happens', () => {
  let rig: Rig;
  const make = (policy: Partial<RevalidatePolicy> = {}) => {
    rig = new Rig(policy);
    return rig;
  };
  afterEach(async () => {
    const stopped = rig.revalidator.stop();
    rig.timers.restore();
    await stopped;
    expect(rig.errors).to.deep.equal([]);
  });

  it('a round begins max-revalidator after the begin of the one before', async () => {
    make();
    rig.send([1]);
    rig.dumpsTake = 200;
    rig.revalidator.start();
    await rig.timers.pass(2100);
    expect(rig.rounds).to.deep.equal([500, 1000, 1500, 2000]);
    expect(rig.revalidator.dumpDuration).to.equal(200);
  });

  it('rounds that take longer follow each other', async () => {
    make();
    rig.send([1]);
    rig.dumpsTake = 700;
    rig.revalidator.start();
    await rig.timers.pass(2700);
    expect(rig.rounds).to.deep.equal([500, 1200, 1900, 2600]);
  });

  it('an idle time that is shorter makes the pause shorter, but not below 100 ms', async () => {
    make({ maxIdle: 300 });
    rig.revalidator.start();
    await rig.timers.pass(1000);
    expect(rig.rounds).to.deep.equal([300, 600, 900]);
    rig.revalidator.setPolicy({ ...rig.revalidator.policy, maxIdle: 0 });
    await rig.timers.pass(300);
    expect(rig.rounds.slice(3)).to.deep.equal([1000, 1100, 1200, 1300]);
  });

  it('begins at once when everything may have changed, and the pause counts from there', async () => {
    make();
    rig.send([1]);
    rig.revalidator.start();
    await rig.timers.pass(520);
    rig.everythingChanged();
    await rig.timers.pass(0);
    expect(rig.rounds).to.deep.equal([500, 520]);
    await rig.timers.pass(600);
    expect(rig.rounds).to.deep.equal([500, 520, 1020]);
    expect(rig.revalidator.counters.translated).to.equal(1);
  });

  it('flows whose rule timed out go at once, and say so where that was its hard timeout', async () => {
    make({ maxIdle: 60_000 });
    const bridge = rig.bridge('br0');
    rig.revalidator.start();
    for (const timeout of ['hard_timeout', 'idle_timeout'] as const) {
      // Before the others, so that flows do not look at ports; those behind it do.
      rig.changeFlows(bridge, `add priority=9,${timeout}=5,udp actions=output:3`);
      rig.send([1]);
      await rig.timers.pass(4900);
      rig.tables(bridge).expire(rig.now);
      await rig.timers.pass(0);
      expect(rig.ukeys.count, timeout).to.equal(1);
      await rig.timers.pass(5100);
      rig.tables(bridge).expire(rig.now);
      await rig.timers.pass(0);
      expect(rig.ukeys.count, timeout).to.equal(0);
    }
    expect([rig.ended('hard_timeout'), rig.ended('wider_mask')]).to.deep.equal([1, 1]);
  });

  it('what concerns few flows is looked into at once, without a round', async () => {
    make();
    rig.send([1, 2]);
    rig.revalidator.start();
    await rig.timers.pass(510);
    rig.changeFlows(rig.bridge('br0'), 'add priority=9,udp,tp_dst=2 actions=output:3');
    await rig.timers.pass(0);
    expect(rig.revalidator.counters).to.include({ translated: 1, modified: 1, rounds: 1 });
    await rig.timers.pass(600);
    expect(rig.rounds).to.deep.equal([500, 1000]);
  });

  it('what changes during a round, or while another asked for one or for a purge, is looked into right after it', async () => {
    make();
    rig.send([1, 2]);
    rig.script = (round) => ({
      between: () => {
        if (round === 1) rig.everythingChanged();
      },
    });
    rig.revalidator.start();
    await rig.timers.pass(500);
    expect(rig.rounds).to.deep.equal([500, 500]);
    rig.script = () => ({
      between: () => rig.changeFlows(rig.bridge('br0'), 'add priority=9,udp,tp_dst=2 actions=output:3'),
    });
    await rig.revalidator.round();
    rig.script = () => ({});
    await rig.timers.pass(0);
    expect(rig.revalidator.counters).to.include({ modified: 1, rounds: 3 });
    await rig.timers.pass(20);
    const purged = rig.revalidator.purge();
    rig.everythingChanged();
    await purged;
    await rig.timers.pass(0);
    expect(rig.rounds).to.deep.equal([500, 500, 500, 520]);
  });

  it('a purge and rounds that are asked for while one is under way all happen, in that order', async () => {
    make();
    rig.send([1, 2]);
    const order: string[] = [];
    rig.perLook = 1;
    rig.script = () => ({ between: () => order.push('round') });
    rig.ukeys.watcher = {
      installed() {},
      modified() {},
      deleted: () => order.push('deleted'),
    };
    const { revalidator } = rig;
    await Promise.all([
      revalidator.round(),
      revalidator.purge(),
      revalidator.round().then(() => rig.send([3])),
      revalidator.round(),
    ]);
    expect(revalidator.counters.rounds).to.equal(3);
    expect(order).to.deep.equal(['round', 'deleted', 'deleted', 'round']);
    expect(rig.ukeys.count).to.equal(1);
  });

  it('whoever waits for a round gets one that began later', async () => {
    make();
    rig.send([1]);
    rig.script = (round) => ({ between: () => round === 1 && rig.send([1]) });
    const first = rig.revalidator.round();
    await Promise.all([first, rig.revalidator.round(), rig.revalidator.purge(), rig.revalidator.round()]);
    expect(rig.rounds).to.have.length(3);
  });

  it('other pauses hold at once: while it waits, and for the wait after a round that is under way', async () => {
    make();
    const pause = (maxRevalidator: number) =>
      rig.revalidator.setPolicy({ ...rig.revalidator.policy, maxRevalidator });
    rig.send([1]);
    rig.revalidator.start();
    await rig.timers.pass(600);
    pause(2000);
    await rig.timers.pass(1000);
    expect(rig.rounds).to.deep.equal([500]);
    pause(1300);
    await rig.timers.pass(200);
    expect(rig.rounds).to.deep.equal([500, 1800]);
    pause(100);
    await rig.timers.pass(0);
    await rig.timers.pass(150);
    expect(rig.rounds).to.deep.equal([500, 1800, 1900]);
    rig.script = () => ({ between: () => pause(10_000) });
    await rig.timers.pass(3000);
    expect(rig.rounds).to.deep.equal([500, 1800, 1900, 2000]);
  });

  it('nothing happens once it is stopped, until it is started again', async () => {
    make();
    rig.revalidator.start();
    await rig.timers.pass(500);
    await rig.revalidator.stop();
    rig.everythingChanged();
    rig.revalidator.setPolicy({ ...rig.revalidator.policy, maxRevalidator: 100 });
    await rig.timers.pass(5000);
    expect(rig.rounds).to.deep.equal([500]);
    rig.revalidator.start();
    await rig.timers.pass(100);
    expect(rig.rounds).to.deep.equal([500, 5600]);
  });

  it('a dump that fails is told, and made up for; a change that it was about is not forgotten', async () => {
    make();
    rig.send([1, 2]);
    rig.revalidator.start();
    await rig.timers.pass(500);
    rig.script = () => {
      throw new Error('no dump');
    };
    rig.everythingChanged();
    await rig.timers.pass(0);
    expect(rig.errors.splice(0).map(String)).to.deep.equal(['Error: no dump']);
    expect(rig.revalidator.counters).to.include({ failed: 1, translated: 0 });
    rig.script = () => ({});
    await rig.timers.pass(500);
    expect(rig.rounds).to.deep.equal([500, 500, 1000]);
    expect(rig.revalidator.counters).to.include({ translated: 2 });
  });

  it('a change whose looking for failed concerns everybody in the next round', async () => {
    make();
    rig.send([1, 2]);
    rig.revalidator.start();
    await rig.timers.pass(510);
    let isBroken = true;
    rig.model.refuse = () => {
      if (isBroken) throw new Error('closed');
      return null;
    };
    rig.changeFlows(rig.bridge('br0'), 'add priority=9,udp,tp_dst=2 actions=output:3');
    await rig.timers.pass(0);
    expect(rig.errors.splice(0)).to.have.length(1);
    isBroken = false;
    await rig.timers.pass(500);
    expect(rig.revalidator.counters).to.include({ modified: 1 });
    expect(rig.model.flows.get(2)!.actions).not.to.deep.equal(rig.model.flows.get(1)!.actions);
  });
});

describe('limits and their options, while they change', () => {
  let rig: Rig;
  let options: FlowOptionsInForce;
  const root = (...settings: string[]): Row =>
    vsctl(
      emptyConfiguration(),
      settings.length === 0
        ? ['init']
        : ['set', 'Open_vSwitch', '.', ...settings.map((one) => `other_config:${one}`)],
    ).configuration.root;
  const set = (...settings: string[]) => options.configure(root(...settings));
  beforeEach(() => {
    rig = new Rig();
    options = new FlowOptionsInForce(rig.flowLimit, rig.revalidator, { every: 0 } as SoundnessCheck, {});
    rig.revalidator.start();
  });
  afterEach(async () => {
    const stopped = rig.revalidator.stop();
    rig.timers.restore();
    await stopped;
    expect(rig.errors).to.deep.equal([]);
  });

  it('max-idle: what was not used for longer goes in the next round', async () => {
    rig.send([1, 2]);
    await rig.timers.pass(9900);
    rig.send([2]);
    await rig.timers.pass(200);
    expect([rig.ended('idle'), rig.ukeys.count]).to.deep.equal([0, 2]);
    await rig.timers.pass(500);
    expect([rig.ended('idle'), rig.ukeys.count]).to.deep.equal([1, 1]);
    set('max-idle=60000');
    await rig.timers.pass(50_000);
    expect(rig.ukeys.count).to.equal(1);
    set('max-idle=1000');
    await rig.timers.pass(500);
    expect([rig.ended('idle'), rig.ukeys.count]).to.deep.equal([2, 0]);
  });

  it('max-revalidator: from 100 ms on', async () => {
    set('max-revalidator=100');
    await rig.timers.pass(350);
    expect(rig.rounds, 'there was none before').to.deep.equal([0, 100, 200, 300]);
    set('max-revalidator=1000');
    await rig.timers.pass(1000);
    expect(rig.rounds.slice(4)).to.deep.equal([1300]);
    set('max-revalidator=99');
    await rig.timers.pass(1000);
    expect(rig.rounds.slice(5), 'as if it were not there').to.deep.equal([1800, 2300]);
    set('max-revalidator=many');
    await rig.timers.pass(500);
    expect(rig.rounds.slice(7)).to.deep.equal([2800]);
  });

  it('min-revalidate-pps: after slow dumps, flows of fewer packets a second that a change concerns go', async () => {
    rig.dumpsTake = 250;
    rig.send([1, 2, 3]);
    await rig.timers.pass(1000);
    const slow = (...packets: number[]) => {
      for (const [i, count] of packets.entries()) rig.send([i + 1], count);
    };
    slow(1, 4, 20);
    rig.everythingChanged();
    await rig.timers.pass(250);
    expect(
      rig.ended('too_expensive'),
      '5 a second by default: 1 and 4 in a second and a half are less',
    ).to.equal(2);
    expect(rig.revalidator.counters.translated).to.equal(1);
    rig.send([4, 5]);
    await rig.timers.pass(1000);
    set('min-revalidate-pps=1');
    rig.send([3, 4, 5], 2);
    rig.everythingChanged();
    await rig.timers.pass(250);
    expect(rig.ended('too_expensive')).to.equal(2);
    expect(rig.revalidator.counters.translated).to.equal(4);
    set('min-revalidate-pps=1000');
    await rig.timers.pass(1000);
    rig.send([3, 4, 5], 50);
    rig.everythingChanged();
    await rig.timers.pass(250);
    expect(rig.ended('too_expensive')).to.equal(5);
    rig.dumpsTake = 199;
    rig.send([6]);
    await rig.timers.pass(1000);
    rig.everythingChanged();
    await rig.timers.pass(250);
    expect(rig.ended('too_expensive'), 'cheap rounds translate all').to.equal(5);
  });

  it('the flow limit grows by 1,000 a round while dumps are quick, and falls when they are slow', async () => {
    expect(rig.flowLimit.limit).to.equal(10_000);
    rig.send(range(1, SORTS));
    rig.dumpsTake = 10;
    await rig.timers.pass(1600);
    expect(rig.flowLimit.limit, 'a larger table would be dumped in a second, too').to.equal(13_000);
    set('flow-limit=14500');
    await rig.timers.pass(1000);
    expect(rig.flowLimit.limit, 'and not beyond flow-limit').to.equal(14_500);
    rig.dumpsTake = 1400;
    await rig.timers.pass(1500);
    expect(rig.flowLimit.limit).to.equal(Math.trunc((14_500 * 3) / 4));
    rig.dumpsTake = 3100;
    await rig.timers.pass(3000);
    expect(rig.flowLimit.limit).to.equal(Math.trunc(10_875 / 3));
    await rig.timers.pass(20_000);
    expect(rig.flowLimit.limit, 'but not below 1,000').to.equal(1000);
    expect(rig.ukeys.count).to.equal(0);
  });

  it('flow-limit: no more are installed, idle ones make room after 100 ms, above twice the limit all go', async () => {
    rig.send(range(1, 64));
    set('flow-limit=40');
    expect(rig.flowLimit.limit).to.equal(40);
    await rig.timers.pass(120);
    const { flow_limit } = rig.handler.counters;
    rig.send([100, 101]);
    expect(rig.handler.counters.flow_limit - flow_limit).to.equal(2);
    expect(rig.model.flows.size).to.equal(64);
    await rig.timers.pass(280);
    rig.send(range(1, 30));
    await rig.timers.pass(100);
    expect([rig.ended('flow_limit'), rig.ended('idle'), rig.ukeys.count]).to.deep.equal([34, 0, 30]);
    await rig.timers.pass(1000);
    expect(rig.ukeys.count, 'below the limit idle ones have their 10 s').to.equal(30);
    rig.send([100, 101]);
    expect(rig.ukeys.count).to.equal(32);
    set('flow-limit=15');
    await rig.timers.pass(500);
    expect([rig.ended('over_limit_flush'), rig.ukeys.count]).to.deep.equal([32, 0]);
    set();
    expect(rig.flowLimit.max).to.equal(200_000);
    await rig.timers.pass(500);
    expect(rig.flowLimit.limit, 'a round makes it 1,000 at least').to.equal(1000);
    rig.send([7]);
    expect(rig.ukeys.count).to.equal(1);
  });
});
