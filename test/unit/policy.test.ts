import { expect } from 'chai';
import fc from 'fast-check';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  definePolicy,
  type Policy,
  policyTable,
  StateTable,
  type TableDeclarations,
} from '../../ts/policy/index.js';
import { policyTag } from '../../ts/xlate/index.js';
import { eventually } from '../support/eventually.js';
import { PolicyBench } from '../support/policy.js';

const TCP = 'tcp,dl_src=50:54:00:00:00:01,nw_src=10.0.0.1,nw_dst=10.0.0.2,tcp_src=1000,tcp_dst=80';
const udp = (port: number) => `udp,nw_src=10.0.0.1,udp_dst=${port}`;

/** Tag that flows have which read the entry. */
function tagOf<T extends TableDeclarations>(
  { bridge }: PolicyBench<T>,
  table: StateTable<string, unknown>,
  key?: string,
): number {
  return policyTag(bridge, table.kind, table.tagOf(key));
}

describe('policy', () => {
  it('stands in the place of a table, and gives it back', () => {
    const bench = new PolicyBench((_pkt, act) => void act.output(2), { flows: ['actions=output:3'] });
    expect(bench.changes).to.deep.equal(['table 0']);
    expect(bench.decide(TCP).actions).to.equal('2');
    bench.policy.remove();
    expect(bench.changes).to.deep.equal(['table 0', 'table 0']);
    expect(bench.decide(TCP).actions).to.equal('3');
  });

  it('one table of many, reached by rules', () => {
    const bench = new PolicyBench(
      (pkt, act) => void (pkt.reg1.equals(5) && act.output(2)),
      { flows: ['actions=load:5->NXM_NX_REG1[],resubmit(,9),output:3'] },
      9,
    );
    expect(bench.decide(TCP).actions).to.equal('2,3');
    expect(bench.changes).to.deep.equal(['table 9']);
  });

  it('what is no policy is refused', () => {
    const bench = new PolicyBench(() => {});
    const refused = (source: unknown, table = 0) =>
      expect(() => bench.bridge.policy(source as never, { table })).to.throw();
    refused(null).with.property('code', 'ERR_POLICY');
    refused({}).with.property('code', 'ERR_POLICY');
    refused({ run: () => {}, tables: { x: {} } }).with.property('code', 'ERR_POLICY');
    refused(() => {}, 254).with.property('code', 'ERR_BAD_TABLE');
    expect(() => policyTable({ maxEntries: 0 }))
      .to.throw()
      .with.property('code', 'ERR_POLICY_TABLE');
    expect(() => policyTable({ idleTimeout: -1 }))
      .to.throw()
      .with.property('code', 'ERR_POLICY_TABLE');
    expect(bench.policy.stats.replacements).to.equal(0);
  });

  it('packets are credited to the policy, to names and to reasons; replacing keeps them', () => {
    const bench = new PolicyBench((pkt, act) => {
      if (pkt.tcpDst.equals(80)) act.count('web').count('all').output(2);
      else act.drop('no');
    });
    expect(bench.credits(bench.decide(TCP))).to.deep.equal(['web', 'all', 'policy policy']);
    expect(bench.credits(bench.decide(udp(1)))).to.deep.equal(['no', 'policy policy']);
    const { translation } = bench.decide(TCP);
    for (const rule of translation.rules.slice(0, translation.ruleCount)) (rule.heir ?? rule).packets += 3;
    expect(bench.policy.counters.web.packets).to.equal(3);
    bench.bridge.policy((_pkt, act) => void act.count('web'));
    expect(bench.policy.counters.web.packets).to.equal(3);
    expect(bench.policy.stats).to.deep.include({ replacements: 1, decided: { packets: 3, bytes: 0 } });
  });

  it('equal decisions are one rule, so that nothing is made for the second packet', () => {
    const bench = new PolicyBench(
      (pkt, act) =>
        void act.set
          .ipv4Dst('10.0.0.9')
          .ct({ commit: true })
          .output(pkt.isTcp ? 2 : 3),
    );
    const last = () => bench.decide(TCP).translation.rules[0];
    expect(last()).to.equal(last());
    expect(bench.decide(udp(1)).translation.rules[0]).not.to.equal(last());
  });

  describe('state', () => {
    const tables = { hosts: policyTable<string, number>({ initial: [['a', 2]] }) };

    it('an entry that was read, there or not, is what the decision depends on, and nothing else', () => {
      const bench = new PolicyBench(
        definePolicy({ tables, run: (_pkt, act, { hosts }) => void act.output(hosts.get('a') ?? 3) }),
      );
      const { hosts } = bench.policy.tables;
      const loose = hosts as unknown as StateTable<string, unknown>;
      expect(bench.decide(TCP).actions).to.equal('2');
      expect(bench.dependsOn(tagOf(bench, loose, 'a'))).to.equal(true);
      expect(bench.dependsOn(tagOf(bench, loose, 'b'))).to.equal(false);
      expect(bench.dependsOn(tagOf(bench, loose))).to.equal(false);
      bench.changes.length = 0;
      hosts.set('a', 2);
      expect(bench.changes).to.deep.equal([]);
      hosts.delete('a');
      expect(bench.changes).to.deep.equal([tagOf(bench, loose, 'a'), tagOf(bench, loose)]);
      expect(bench.decide(TCP).actions).to.equal('3');
    });

    it('size and entries depend on all of it', () => {
      const bench = new PolicyBench(
        definePolicy({
          tables,
          run: (_pkt, act, { hosts }) => void act.output([...hosts.entries()].length + hosts.size),
        }),
      );
      expect(bench.decide(TCP).actions).to.equal('2');
      expect(
        bench.dependsOn(tagOf(bench, bench.policy.tables.hosts as unknown as StateTable<string, unknown>)),
      ).to.equal(true);
    });

    it('what packets teach is an effect, the same object for the same entry', () => {
      const bench = new PolicyBench(
        definePolicy({
          tables,
          run: (pkt, act, { hosts }) => {
            hosts.learn(pkt.ethSrc.text!, pkt.inPort.value!);
            if (pkt.isTcp) hosts.forget('a');
            act.output(2);
          },
        }),
      );
      const first = bench.decide(udp(1));
      expect([...bench.policy.tables.hosts.entries()]).to.deep.equal([['a', 2]]);
      bench.apply(first);
      expect(bench.policy.tables.hosts.get('00:00:00:00:00:00')).to.equal(1);
      const { effects } = bench.decide(udp(2)).translation;
      const [effect] = effects;
      expect(bench.decide(udp(2)).translation.effects[0]).to.equal(effect);
      bench.apply(bench.decide(TCP));
      expect(bench.policy.tables.hosts.has('a')).to.equal(false);
    });

    it('is kept by name when the policy is replaced, with the bounds of the new one', () => {
      const bench = new PolicyBench(definePolicy({ tables, run: () => {} }));
      bench.policy.tables.hosts.set('b', 3);
      const next = bench.policy.replace(
        definePolicy({
          tables: {
            hosts: policyTable<string, number>({ maxEntries: 1 }),
            more: policyTable<string, number>(),
          },
          run: () => {},
        }),
      );
      expect([...next.tables.hosts.entries()]).to.deep.equal([['b', 3]]);
      expect(next.tables.more.size).to.equal(0);
    });

    it('a policy that writes while it decides is stopped', () => {
      let policy: Policy<typeof tables> | undefined;
      const bench = new PolicyBench(
        definePolicy({ tables, run: () => void policy?.tables.hosts.set('x', 1) }),
      );
      policy = bench.policy;
      bench.decide(TCP);
      expect(bench.policy.stats.lastError).to.match(/^table hosts was written while the policy decided/);
    });

    it('is bounded, and entries that are not written again grow old', () => {
      let now = 0;
      const changed: number[] = [];
      const table = new StateTable<number, string>(
        't',
        1,
        { maxEntries: 3, idleTimeout: 1 },
        (what) => changed.push(what),
        () => now,
      );
      for (let i = 0; i < 5; i++) table.set(i, `${i}`);
      expect([...table.entries()].map(([key]) => key)).to.deep.equal([2, 3, 4]);
      expect(table.evicted).to.equal(2);
      now = 900;
      table.apply(table.effectOf(2, '2'));
      now = 1500;
      table.expire();
      expect([...table.entries()]).to.deep.equal([[2, '2']]);
      table.clear();
      expect(table.size).to.equal(0);
    });
  });

  describe('that throws', () => {
    it('drops the packet and its like, is counted once and told once', () => {
      let calls = 0;
      const bench = new PolicyBench((pkt, act) => {
        if (pkt.udpDst.equals(1)) {
          calls++;
          throw new Error('a bug');
        }
        act.output(2);
      });
      const first = bench.decide(udp(1));
      expect(first.actions).to.equal('drop');
      expect(bench.credits(first)).to.deep.equal(['policy policy: failed', 'policy policy']);
      const again = bench.decide(`${udp(1)},udp_src=7`);
      expect({ ...again, translation: null }).to.deep.equal({ ...first, translation: null });
      expect(bench.decide(udp(2)).actions).to.equal('2');
      expect(calls).to.equal(1);
      expect(bench.policy.stats).to.include({ throws: 1 });
      expect(bench.warnings).to.have.length(1);
      expect(bench.warnings[0]).to.match(
        /^bridge br0: policy policy threw for .*tp_dst=1: a bug \(at .*policy\.test/,
      );
    });

    it('is asked again after a second, when its flows are looked at again', async () => {
      let broken = true;
      const bench = new PolicyBench((_pkt, act) => {
        if (broken) throw new Error('a bug');
        act.output(2);
      });
      bench.decide(TCP);
      broken = false;
      expect(bench.decide(TCP).actions).to.equal('drop');
      const { words, length } = bench.trail;
      const tags = [...words.subarray(0, length)];
      bench.changes.length = 0;
      await eventually('a second is over', () => {
        bench.policy.advance();
        return bench.changes.length > 0;
      });
      expect(tags).to.include(bench.changes[0]);
      expect(bench.decide(TCP).actions).to.equal('2');
    });

    it('what it wanted counted and written before does not happen', () => {
      const bench = new PolicyBench(
        definePolicy({
          tables: { t: policyTable<string, number>() },
          run: (_pkt, act, { t }) => {
            act.count('x').output(2);
            t.learn('a', 1);
            throw new Error('a bug');
          },
        }),
      );
      const decided = bench.decide(TCP);
      expect(bench.credits(decided)).to.deep.equal(['policy policy: failed', 'policy policy']);
      expect(decided.translation.effectCount).to.equal(0);
    });

    it('a promise from a policy that did not say so is a mistake', () => {
      const bench = new PolicyBench(() => Promise.resolve());
      expect(bench.decide(TCP).actions).to.equal('drop');
      expect(bench.policy.stats.lastError).to.match(/^the policy gave back a promise/);
    });
  });

  describe('that is async', () => {
    /** Answers when told to; port 2 for odd UDP ports. */
    function slow(later: object = {}) {
      const waiting: ((error?: Error) => void)[] = [];
      const bench = new PolicyBench(
        definePolicy({
          tables: { t: policyTable<string, number>() },
          later: { meanwhile: (act) => void act.count('meanwhile').output(3), ...later },
          async run(pkt, act, { t }) {
            const known = t.get('port') ?? 2;
            if (pkt.udpDst.bits(0xf0) === undefined) return;
            await new Promise<void>((resolve, reject) =>
              waiting.push((error) => (error === undefined ? resolve() : reject(error))),
            );
            if (pkt.udpDst.bits(1) === 1) act.count('odd').output(known);
          },
        }),
      );
      return { bench, waiting };
    }

    it('is asked once for packets that look alike; the answer is for those that are alike in all it read', async () => {
      const { bench, waiting } = slow();
      expect(bench.decide(udp(0x11)).actions).to.equal('3');
      expect(bench.credits(bench.decide(udp(0x12)))).to.deep.equal(['meanwhile', 'policy policy']);
      expect(bench.policy.stats.later).to.deep.include({ asked: 1, pending: 1 });
      const { words, length } = bench.trail;
      const tags = [...words.subarray(0, length)];
      bench.changes.length = 0;
      waiting[0]();
      await nextTurn();
      expect(tags).to.include.members(bench.changes.filter((one) => tags.includes(one as number)));
      expect(bench.changes.some((one) => tags.includes(one as number))).to.equal(true);
      const answered = bench.decide(udp(0x13));
      expect(answered).to.include({ actions: '2', megaflow: 'eth,udp,in_port=1,tp_dst=0x11/0xf1' });
      expect(bench.credits(answered)).to.deep.equal(['odd', 'policy policy']);
      expect(bench.decide(udp(0x12)).actions).to.equal('3');
      expect(bench.policy.stats.later).to.deep.include({ asked: 2, answered: 1, pending: 1, answers: 1 });
    });

    it('megaflows of packets that wait leave out those that are answered', async () => {
      const { bench, waiting } = slow();
      bench.decide(udp(0x11));
      waiting[0]();
      await nextTurn();
      const waits = bench.decide(udp(0x12));
      expect(waits).to.include({ actions: '3', megaflow: 'eth,udp,in_port=1,tp_dst=0x10/0xf1' });
    });

    it('a change of what it read asks again, and the answer before stands in', async () => {
      const { bench, waiting } = slow();
      bench.decide(udp(0x11));
      waiting[0]();
      await nextTurn();
      bench.policy.tables.t.set('port', 1 + 2);
      expect(bench.decide(udp(0x11)).actions).to.equal('2');
      expect(waiting).to.have.length(2);
      waiting[1]();
      await nextTurn();
      expect(bench.decide(udp(0x11)).actions).to.equal('3');
    });

    it('an answer that was outdated before it came is asked for again', async () => {
      const { bench, waiting } = slow();
      bench.decide(udp(0x11));
      bench.policy.tables.t.set('port', 3);
      waiting[0]();
      await nextTurn();
      bench.decide(udp(0x11));
      expect(waiting).to.have.length(2);
    });

    it('replaced, it asks the new one, and goes by what the old one answered meanwhile', async () => {
      const { bench, waiting } = slow();
      bench.decide(udp(0x11));
      waiting[0]();
      await nextTurn();
      let answer = () => {};
      bench.policy.replace(
        definePolicy({
          later: {},
          run: async (_pkt, act) => {
            await new Promise<void>((resolve) => (answer = resolve));
            act.output(3);
          },
        }),
      );
      expect(bench.decide(udp(0x11)).actions).to.equal('2');
      answer();
      await nextTurn();
      expect(bench.decide(udp(0x11)).actions).to.equal('3');
    });

    it('after the deadline it goes by what is said for meanwhile, and an answer that comes late is taken', async () => {
      const { bench, waiting } = slow({ deadline: 1 });
      bench.decide(udp(0x11));
      await eventually('the deadline is over', () => {
        bench.policy.advance();
        return bench.policy.stats.later?.expired === 1;
      });
      expect(bench.decide(udp(0x11)).actions).to.equal('3');
      waiting[0]();
      await nextTurn();
      expect(bench.decide(udp(0x11)).actions).to.equal('2');
    });

    it('a rejection is a throw', async () => {
      const { bench, waiting } = slow();
      bench.decide(udp(0x11));
      waiting[0](new Error('no answer'));
      await nextTurn();
      const decided = bench.decide(udp(0x11));
      expect(bench.credits(decided)[0]).to.equal('policy policy: failed');
      expect(bench.policy.stats).to.include({ throws: 1 });
      expect(bench.warnings[0]).to.contain('no answer');
    });

    it('questions are bounded', () => {
      const { bench } = slow({ maxPending: 2 });
      for (const port of [0x11, 0x21, 0x31, 0x41]) expect(bench.decide(udp(port)).actions).to.equal('3');
      expect(bench.policy.stats.later).to.deep.include({ asked: 2, pending: 2, busy: 2 });
    });

    it('answers are bounded: the oldest goes and is asked for again', async () => {
      const { bench, waiting } = slow({ maxAnswers: 2 });
      for (const [i, port] of [0x11, 0x21, 0x31].entries()) {
        bench.decide(udp(port));
        waiting[i]();
        await nextTurn();
      }
      expect(bench.policy.stats.later).to.deep.include({ answers: 2 });
      expect(bench.decide(udp(0x31)).actions).to.equal('2');
      bench.decide(udp(0x11));
      expect(waiting).to.have.length(4);
    });

    it('traces ask nobody', () => {
      const { bench, waiting } = slow();
      expect(bench.trace(`in_port=1,${udp(0x11)}`)).to.match(/policy policy\n +-> not answered yet/);
      expect(waiting).to.have.length(0);
    });
  });

  it('a trace shows what was looked at, read, counted, learned and done', () => {
    const bench = new PolicyBench(
      definePolicy({
        name: 'edge',
        tables: { hosts: policyTable<string, number>({ initial: [['a', 1]] }) },
        run(pkt, act, { hosts }) {
          hosts.get('a');
          hosts.learn('b', 7);
          if (pkt.ipv4Dst.inPrefix('10.0.0.0/16')) act.count('inside').set.ipDscp(10).output('p2');
        },
      }),
    );
    const lines = bench
      .trace(`in_port=1,${TCP}`)
      .split('\n')
      .map((line) => line.trim());
    expect(lines.slice(lines.indexOf('0. policy edge'), lines.indexOf('0. policy edge') + 7)).to.deep.equal([
      '0. policy edge',
      '-> looks at nw_dst=10.0.0.0/16',
      '-> reads hosts["a"]: 1',
      '-> learns hosts["b"]: 7',
      '-> counts inside',
      'set_field:10->ip_dscp',
      'output:2',
    ]);
    expect(bench.policy.tables.hosts.has('b')).to.equal(false);
  });

  it('decides the same again, whatever came between', () => {
    const ports = fc.array(fc.integer({ min: 0, max: 65535 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(ports, ports, (wanted, asked) => {
        const set = new Set(wanted);
        const bench = new PolicyBench((pkt, act) => void (pkt.udpDst.in(set) && act.output(2)));
        for (const port of [...asked, ...wanted, ...asked])
          expect(bench.decide(udp(port)).actions).to.equal(set.has(port) ? '2' : 'drop');
      }),
      { numRuns: 20 },
    );
  });
});
