import { expect } from 'chai';
import fc from 'fast-check';
import type { Bridge } from '../../ts/bridge/index.js';
import { formatActions } from '../../ts/flow/index.js';
import type { Rule } from '../../ts/openflow/index.js';
import type { Policy } from '../../ts/policy/index.js';
import { DELETE_REASONS } from '../../ts/ukey/index.js';
import {
  type DumpScript,
  FlowModel,
  type ModelFlow,
  type OpName,
  type Verdict,
} from '../support/flow-model.js';
import { SlowPathRig } from '../support/slow-path-rig.js';

const RUNS = Number(process.env.FC_RUNS ?? 40);
const SIZE = 100;
/** Sorts of packets, each of which has a flow of its own; the last makes the switch learn a rule. */
const SORTS = 11;
const LEARNS = SORTS - 1;

const CONFIGURATION =
  'add-br br0 -- set-fail-mode br0 secure -- add-port br0 p1 -- add-port br0 p2 -- add-port br0 p3 ' +
  '-- add-bond br0 bond0 p4 p5 bond_mode=balance-slb -- set Interface p4 ofport_request=4 -- set Interface p5 ofport_request=5 ' +
  '-- add-port br0 p6 -- add-port br0 p8 ' +
  '-- add-port br0 to1 -- set Interface to1 type=patch options:peer=to0 ofport_request=20 ' +
  '-- add-port br0 vx -- set Interface vx type=vxlan options:remote_ip=192.0.2.1 options:key=7 ofport_request=21 ' +
  '-- add-br br1 -- set-fail-mode br1 secure -- add-port br1 to0 -- set Interface to0 type=patch options:peer=to1 ' +
  '-- --id=@n create NetFlow targets="127.0.0.1:9" -- set Bridge br0 netflow=@n ' +
  '-- --id=@in get Port p1 -- --id=@out get Port p8 -- --id=@m create Mirror name=m select_src_port=@in output_port=@out -- set Bridge br0 mirrors=@m';
/** Every packet comes to all of them once: two tables, a policy, a group, a tunnel, the other bridge, and NORMAL over the bond. */
const TAIL = 'resubmit(,1),resubmit(,2),group:1,output:20,output:21,NORMAL';
const PORT_OF: Readonly<Record<string, string>> = { A: '2', B: '3' };

const packet = (sort: number) =>
  `udp,in_port=1,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:99,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=1,tp_dst=${2000 + sort}`;

/** What packets of a flow were credited to, in order; '' what an earlier process has to account for. */
type History = string[];

/** A switch, its datapath, and a plain account of what it ought to have counted. */
class World {
  readonly model = new FlowModel();
  rig!: SlowPathRig;
  bridge!: Bridge;
  policy!: Policy;
  /** Packets by the rule of table 1 that they met; those that nobody can know of are not among them. */
  readonly expected = { A: 0, B: 0 } as Record<string, number>;
  readonly rules: Rule[] = [];
  readonly netflow = { packets: 0, bytes: 0 };
  /** Packets of each flow, and how many of them userspace had been told when its ukey ended. */
  readonly #histories = new Map<ModelFlow, History>();
  readonly #known = new Map<ModelFlow, number>();
  /** Sorts of packets that meet rule B of table 1. */
  readonly #special = new Set<number>();
  /** Errors of the operations to come. */
  readonly verdicts: [OpName, Verdict][] = [];

  constructor() {
    this.model.refuse = (op) => {
      const at = this.verdicts.findIndex(([wanted]) => wanted === op);
      return at < 0 ? null : this.verdicts.splice(at, 1)[0][1];
    };
    this.model.watcher = {
      // What came with the old actions and was told to nobody is taken for the new ones'.
      modified: () => {},
      deleted: (flow, isTold) => {
        if (!isTold) this.#lose(flow);
        this.#histories.delete(flow);
      },
    };
    this.#begin();
  }

  /** A new process. */
  #begin(): void {
    const rig = new SlowPathRig(this.model, CONFIGURATION, { maxIdle: 1e9 });
    this.rig = rig;
    rig.perLook = 1;
    this.bridge = rig.bridge('br0');
    this.#special.clear();
    this.rules.length = 0;
    Object.assign(this.expected, { A: 0, B: 0 });
    Object.assign(this.netflow, { packets: 0, bytes: 0 });
    rig.effects.flowStats = {
      counted: (_flow, packets, bytes) => {
        this.netflow.packets += packets;
        this.netflow.bytes += bytes;
      },
      ended() {},
    };
    this.bridge.fdb.addStatic(0, 0x0200, 0x99, this.bridge.bundles.find(({ name }) => name === 'bond0')!);
    rig.addGroup(this.bridge, 'group_id=1,type=indirect,bucket=output:6');
    this.policy = this.bridge.policy((_pkt, act) => void act.count('seen'), { table: 2 });
    rig.changeFlows(
      this.bridge,
      `add table=0,priority=1,udp actions=${TAIL}\n` +
        `add table=0,priority=2,udp,tp_dst=${2000 + LEARNS} actions=learn(table=9,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]),${TAIL}`,
    );
    this.rules.push(...rig.changeFlows(this.bridge, 'add table=1,priority=1,cookie=0xa actions=output:2'));
    rig.changeFlows(rig.bridge('br1'), 'add actions=resubmit(,3)\nadd table=3 actions=drop');
    rig.ukeys.watcher = {
      installed: (ukey) => {
        const flow = this.#flowOf(ukey);
        if (flow !== undefined && !this.#histories.has(flow)) this.#histories.set(flow, []);
      },
      modified() {},
      deleted: (ukey) => {
        const flow = this.#flowOf(ukey);
        if (flow !== undefined) this.#known.set(flow, rig.ukeys.packets.get(ukey));
      },
    };
  }

  #flowOf(ukey: number): ModelFlow | undefined {
    return this.model.flows.get(this.rig.ukeys.ufid[this.rig.ukeys.ufidAt(ukey)]);
  }

  /** Nobody will know of what the flow counted since userspace was told last. */
  #lose(flow: ModelFlow): void {
    const { ukeys } = this.rig;
    const ukey = ukeys.find(flow.ufid, 0);
    const known = ukey >= 0 ? ukeys.packets.get(ukey) : (this.#known.get(flow) ?? 0);
    for (const label of this.#histories.get(flow)?.splice(known) ?? [])
      if (label !== '') this.expected[label]--;
  }

  /** Packets come. */
  send(sorts: readonly number[]): void {
    const misses = sorts.filter((sort) => !this.#hit(sort));
    if (misses.length === 0) return;
    for (const sort of misses) this.expected[this.#special.has(sort) ? 'B' : 'A']++;
    this.rig.miss(misses.map((sort) => ({ id: sort + 1, packet: packet(sort), bytes: SIZE })));
  }

  #hit(sort: number): boolean {
    const flow = this.model.flows.get(sort + 1);
    if (flow === undefined) return false;
    flow.packets++;
    flow.bytes += SIZE;
    flow.used = this.rig.now;
    const ports = formatActions(flow.actions).split(',');
    const label = ports.includes(PORT_OF.B) ? 'B' : 'A';
    expect(ports, 'what packets meet').to.include(PORT_OF[label]);
    this.#histories.get(flow)!.push(label);
    this.expected[label]++;
    return true;
  }

  /** The rule that takes packets of a sort elsewhere comes or goes. */
  change(sort: number): void {
    const rule = `table=1,priority=5,cookie=0xb,udp,tp_dst=${2000 + sort}`;
    if (sort === LEARNS) this.rig.everythingChanged();
    else if (this.#special.delete(sort))
      this.rig.changeFlows(this.bridge, `delete ${rule.replace(/priority=5,cookie=0xb,/, '')}`);
    else {
      this.#special.add(sort);
      this.rules.push(...this.rig.changeFlows(this.bridge, `add ${rule} actions=output:3`));
    }
  }

  /** Flows from here on look at a field that those before did not. */
  look(sort: number): void {
    this.rig.changeFlows(this.bridge, `add table=1,priority=9,udp,nw_ttl=${7 + sort} actions=output:2`);
  }

  async round(...scripts: DumpScript[]): Promise<void> {
    this.rig.now += 1000;
    this.model.scripts.push(...scripts);
    await this.rig.revalidator.round();
    this.model.scripts.length = 0;
  }

  /** Somebody else deletes a flow, or all. */
  vanish(sort: number | null): void {
    for (const flow of [...this.model.flows.values()]) {
      if (sort !== null && flow.ufid[0] !== sort + 1) continue;
      this.#lose(flow);
      this.#histories.delete(flow);
      this.model.flows.delete(flow.ufid[0]);
    }
  }

  /** Somebody else clears a flow's counters, which a dump shows before they are where they were. */
  async clear(sort: number): Promise<void> {
    await this.round();
    const flow = this.model.flows.get(sort + 1);
    if (flow === undefined || flow.packets < 2) return;
    this.#histories.set(flow, []);
    Object.assign(flow, { packets: 0, bytes: 0 });
    this.send([sort]);
    const { backwards } = this.rig.revalidator.counters;
    await this.round();
    expect(this.rig.revalidator.counters.backwards).to.equal(backwards + 1);
  }

  /** The process is killed; packets come meanwhile; another takes over. */
  async restart(meanwhile: readonly number[]): Promise<void> {
    for (const sort of meanwhile) this.#hit(sort);
    this.#begin();
    for (const flow of this.model.flows.values())
      this.#histories.set(
        flow,
        Array.from({ length: flow.packets }, () => ''),
      );
    await this.rig.revalidator.adopt();
    await this.rig.revalidator.stop();
    expect(this.rig.revalidator.counters.adopted).to.equal(this.model.flows.size);
    // Which is due at once: until then nobody knows what the actions of those flows stood for.
    await this.round();
  }

  /** All that was to be told has been told: everybody has counted what he should. */
  async check(): Promise<void> {
    this.verdicts.length = 0;
    this.rig.handler.drain();
    await this.round();
    await this.round();
    const { rig, bridge, expected } = this;
    const packets = expected.A + expected.B;
    const both = { packets, bytes: packets * SIZE };
    const of = (label: string) =>
      this.rules
        .filter(({ cookieLow }) => cookieLow === Number(`0x${label}`))
        .reduce((sum, rule) => sum + rule.packets, 0);
    expect({ A: of('a'), B: of('b') }, 'rules of table 1').to.deep.equal(expected);
    const sumOf = (rules: readonly Rule[]) => ({
      packets: rules.reduce((sum, rule) => sum + rule.packets, 0),
      bytes: rules.reduce((sum, rule) => sum + rule.bytes, 0),
    });
    const own = rig.rules(bridge);
    expect(sumOf(own.filter(({ table }) => table === 0)), 'rules of table 0').to.deep.equal(both);
    for (const table of [0, 1])
      expect(bridge.flowTables.counter(table), `table ${table}`).to.deep.equal({
        matched: packets,
        missed: 0,
      });
    expect(this.policy.counters.seen ?? { packets: 0, bytes: 0 }, 'the policy').to.deep.equal(both);
    const tables = rig.tables(bridge);
    expect(tables.bucketCounters.get(bridge.groups.get(1)!.buckets[0]), 'the bucket').to.deep.equal(both);
    expect(tables.mirrorCounters.get('m'), 'the mirror').to.deep.equal(both);
    const sent = { rxPackets: 0, rxBytes: 0, txPackets: packets, txBytes: packets * SIZE };
    expect(bridge.portByName('to1')!.counted, 'the patch port').to.deep.equal(sent);
    expect(bridge.portByName('vx')!.counted, 'the tunnel').to.deep.equal(sent);
    const other = rig.bridge('br1');
    expect(other.portByName('to0')!.counted, 'its peer').to.include({ rxPackets: packets, txPackets: 0 });
    expect(
      rig.rules(other).map((rule) => rule.packets),
      'rules of the other bridge',
    ).to.deep.equal([packets, packets]);
    const bond = bridge.bundles.find(({ name }) => name === 'bond0')!.bond!;
    expect(
      [...bond.entryBytes].reduce((sum, bytes) => sum + bytes, 0),
      'the bond',
    ).to.equal(packets * SIZE);
    expect(this.netflow, 'NetFlow').to.deep.equal(both);
    const isLearned = packets > 0 || rig.revalidator.counters.adopted > 0;
    expect(bridge.fdb.size, 'addresses').to.equal(isLearned ? 2 : 1);
    expect(this.rig.errors).to.deep.equal([]);
  }
}

type Step = (world: World) => unknown;
const sort = fc.integer({ min: 0, max: SORTS - 1 });
const sorts = fc.array(sort, { minLength: 1, maxLength: 12 });

const seldom = <T>(of: fc.Arbitrary<T>) =>
  fc.oneof({ arbitrary: fc.constant(null), weight: 3 }, { arbitrary: of, weight: 1 });

/** A dump with what may go wrong with it, and what happens while it is read. */
const dump: fc.Arbitrary<(world: World) => DumpScript> = fc
  .record({
    hides: seldom(fc.integer({ min: 2, max: 4 })),
    interruptedAfter: seldom(fc.integer({ min: 0, max: 6 })),
    early: fc.boolean(),
    change: fc.option(sort, { nil: null }),
    traffic: sorts,
  })
  .map(({ hides, interruptedAfter, early, change, traffic }) => (world) => {
    let isChanged = false;
    return {
      early,
      ...(hides === null ? {} : { hides: (id: number) => id % hides === 0 }),
      ...(interruptedAfter === null ? {} : { interruptedAfter }),
      between: () => {
        world.send(traffic);
        if (change !== null && !isChanged) world.change(change);
        isChanged = true;
      },
    };
  });

const STEPS: Readonly<Record<string, fc.Arbitrary<Step>>> = {
  packets: sorts.map(
    (some): Step =>
      (world) =>
        world.send(some),
  ),
  'a change': sort.map(
    (one): Step =>
      (world) =>
        world.change(one),
  ),
  'a wider look': sort.map(
    (one): Step =>
      (world) =>
        world.look(one),
  ),
  'a change of everything': fc.constant<Step>((world) => world.rig.everythingChanged()),
  'a round': fc.array(dump, { minLength: 1, maxLength: 3 }).map(
    (scripts): Step =>
      (world) =>
        world.round(...scripts.map((script) => script(world))),
  ),
  'four dumps that miss some': fc.integer({ min: 2, max: 3 }).map(
    (n): Step =>
      async (world) => {
        for (let i = 0; i < 4; i++) await world.round({ hides: (id) => id % n === 0 });
      },
  ),
  'a purge': fc.constant<Step>((world) => world.rig.revalidator.purge()),
  'a flow that somebody else deletes': fc.option(sort, { nil: null }).map(
    (one): Step =>
      (world) =>
        world.vanish(one),
  ),
  'counters that somebody else clears': sort.map(
    (one): Step =>
      (world) =>
        world.clear(one),
  ),
  'a restart': sorts.map(
    (some): Step =>
      (world) =>
        world.restart(some),
  ),
  refusals: fc
    .array(
      fc.oneof(
        fc.constantFrom<[OpName, Verdict]>(
          ['put', { errno: 'EEXIST' }],
          ['put', { errno: 'ENOSPC' }],
          ['put', { errno: 'ENODEV' }],
          ['modify', { errno: 'EINVAL' }],
          ['delete', { errno: 'EIO' }],
          ['delete', { errno: 'ETIMEDOUT', isDone: true }],
        ),
      ),
      { minLength: 1, maxLength: 4 },
    )
    .map(
      (some): Step =>
        (world) =>
          world.verdicts.push(...some),
    ),
  'a look for refusals': fc.constant<Step>((world) => world.rig.handler.drain()),
};
const step = fc.oneof(
  { arbitrary: STEPS.packets.map((run) => ({ name: 'packets', run })), weight: 8 },
  ...Object.entries(STEPS).map(([name, of]) => ({ arbitrary: of.map((run) => ({ name, run })), weight: 2 })),
);

describe('revalidation: each packet is credited once to everyone whom it concerns', () => {
  async function play(steps: readonly { readonly name: string; readonly run: Step }[]): Promise<World> {
    const world = new World();
    for (const { run } of steps) {
      await run(world);
      world.rig.now += 10;
    }
    await world.check();
    return world;
  }

  it('whatever happens: sent = credited + what nobody can know of', async function () {
    this.timeout(240_000);
    const seen = { modified: 0, ends: new Set<string>() };
    const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const { rig } = await play(steps);
      seen.modified += rig.revalidator.counters.modified;
      for (const [i, count] of rig.ukeys.ends.entries()) if (count > 0) seen.ends.add(DELETE_REASONS[i]);
    });
    await fc.assert(property, { numRuns: RUNS });
    expect(seen.modified).to.be.greaterThan(0);
    expect([...seen.ends]).to.include.members([
      'purge',
      'removed_by_others',
      'failed_install',
      'changed_translation',
      'wider_mask',
    ]);
  });
});
