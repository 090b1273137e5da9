import { expect } from 'chai';
import fc from 'fast-check';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type PolicyActions,
  type PolicyPacket,
  definePolicy,
  policyTable,
  type PolicySource,
} from '../../ts/policy/index.js';
import { type CheckReport, checkPolicy, UnsoundPolicyError } from '../../ts/testing/index.js';
import { root } from '../support/processes.js';

const example = async (name: string): Promise<PolicySource> =>
  (await import(pathToFileURL(join(root, 'examples', name, 'policy.mjs')).href)).default;

/** Tests of a packet, and what may be decided. */
const TESTS: readonly ((pkt: PolicyPacket) => boolean)[] = [
  (pkt) => pkt.isTcp,
  (pkt) => pkt.isTagged,
  (pkt) => pkt.ipv4Dst.inPrefix('10.0.0.0/9'),
  (pkt) => pkt.ipv4Src.inAny(['10.1.0.0/16', '192.168.7.0/24']),
  (pkt) => pkt.ipv6Dst.inPrefix('fd00:1::/35'),
  (pkt) => pkt.ipv6Src.in(['fd00::1', 'fd00::2', 'fe80::1']),
  (pkt) => pkt.tpDst.in([22, 80, 443]),
  (pkt) => pkt.tpSrc.between(1000, 3000),
  (pkt) => pkt.udpDst.equals(53),
  (pkt) => pkt.tcpFlags.has('syn'),
  (pkt) => pkt.ethSrc.in(['02:00:00:00:00:01', '02:00:00:00:00:02']),
  (pkt) => pkt.ethDst.matches('02:00:00:00:00:04', 0xff0000000004),
  (pkt) => pkt.vlanVid.bits(3) === 1,
  (pkt) => pkt.arpTpa.equals('10.0.0.1'),
  (pkt) => pkt.icmpType.equals(8) || pkt.ndTarget.inPrefix('fd00::/16'),
  (pkt) => pkt.ipTtl.between(0, 4),
  (pkt) => pkt.ctState.has('trk') && pkt.ctState.has('new'),
  (pkt) => pkt.hash('ethSrc', 'ipv4Src') % 3 === 0,
];
const ACTIONS: readonly ((act: PolicyActions, pkt: PolicyPacket) => unknown)[] = [
  (act) => act.output('p2'),
  (act) => act.normal(),
  (act) => act.flood(),
  (act) => act.drop('because'),
  (act) => act.count('counted'),
  (act) => act.set.ipDscp(10),
  (act) => act.set.ipv4Dst('10.0.0.9'),
  (act) => act.pushVlan({ vid: 5 }),
  (act) => act.popVlan(),
  (act) => act.decTtl(),
  (act) => act.ct({ zone: 1, commit: true }),
  (act, pkt) => pkt.recircId.value === 0 && act.ct({ zone: 1, resume: true }),
  (act) => act.table(3),
  (act) => act.clone((copy) => copy.set.ethDst('02:00:00:00:00:03').output(3)),
];

/** A tree of tests with actions at its ends. */
interface Tree {
  readonly test: number;
  readonly yes: Tree | readonly number[];
  readonly no: Tree | readonly number[];
}
const index = (list: readonly unknown[]) => fc.integer({ min: 0, max: list.length - 1 });
const { tree } = fc.letrec<{ tree: Tree | readonly number[]; leaf: readonly number[]; node: Tree }>(
  (tie) => ({
    tree: fc.oneof({ maxDepth: 5, depthSize: 'large' }, tie('leaf'), tie('node')),
    leaf: fc.array(index(ACTIONS), { maxLength: 3 }),
    node: fc.record({ test: index(TESTS), yes: tie('tree'), no: tie('tree') }),
  }),
);

function follow(at: Tree | readonly number[], pkt: PolicyPacket, act: PolicyActions): void {
  if ('test' in at) follow(TESTS[at.test](pkt) ? at.yes : at.no, pkt, act);
  else for (const action of at) ACTIONS[action](act, pkt);
}

describe('policies are sound', function () {
  this.timeout(180_000);
  const isThorough = ({ megaflows, flips }: CheckReport) => {
    expect(megaflows).to.be.greaterThan(20);
    expect(flips).to.be.greaterThan(1000);
  };

  it('the learning switch', async () =>
    isThorough(await checkPolicy(await example('learning-switch'), { packets: 150 })));
  it('the firewall', async () => isThorough(await checkPolicy(await example('firewall'), { packets: 200 })));

  it('the load balancer', async () => {
    const backend = (n: number, healthy: boolean) => ({ mac: `02:00:00:00:00:0${n}`, port: n, healthy });
    const report = await checkPolicy(await example('load-balancer'), {
      packets: 200,
      state: (tables) => {
        const { backends } = tables as unknown as Record<string, Map<string, unknown>>;
        backends
          .set('10.0.0.2', backend(2, true))
          .set('10.0.0.3', backend(3, true))
          .set('10.0.0.4', backend(4, false));
      },
      examples: ['in_port=1,tcp,nw_src=10.0.0.1,nw_dst=10.0.0.100,tcp_src=1000,tcp_dst=80'],
    });
    isThorough(report);
    expect(report.recirculated).to.be.greaterThan(0);
  });

  it('the rate limit', async () => {
    const report = await checkPolicy(await example('rate-limit'), {
      packets: 150,
      meters: ['meter=1,pktps,band=type=drop,rate=100'],
      state: (tables) => {
        const { tenants } = tables as unknown as Record<string, Map<string, unknown>>;
        tenants.set('10.0.0.1', { tenant: 'a', meter: 1 }).set('10.0.0.2', { tenant: 'b', meter: 1 });
      },
      examples: ['in_port=1,udp,nw_src=10.0.0.1', 'in_port=1,udp,nw_src=10.0.0.2'],
    });
    isThorough(report);
    expect(report.stateChanges).to.be.greaterThan(0);
  });

  it('whatever they are built of', async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.integer({ min: 1, max: 1000 }), async (one, seed) => {
        const source = (pkt: PolicyPacket, act: PolicyActions) => follow(one, pkt, act);
        await checkPolicy(source, { seed, packets: 30, flows: ['table=3,tcp actions=output:4'] });
      }),
      { numRuns: Number(process.env.FC_RUNS ?? 15) },
    );
  });

  it('of second tags and options of tunnels', async () => {
    const report = await checkPolicy(
      (pkt, act) => {
        if (pkt.innerVlanVid.between(100, 199)) act.popVlan().output('p2');
        else if (pkt.innerVlanPcp.equals(5)) act.output('p3');
        else if (pkt.tunMetadata(0).equals(0x1234)) act.output('p2');
        else if (pkt.tunMetadata(1).matches(0x10, 0xff))
          act.openflow('set_field:9->tun_metadata0').output('p4');
        else if (pkt.tunMetadata(1).present) act.flood();
      },
      {
        packets: 300,
        tlvMap: '{class=0x102,type=1,len=4}->tun_metadata0,{class=0x102,type=2,len=8}->tun_metadata1',
        examples: ['in_port=1,tun_src=10.0.0.1,tun_dst=10.0.0.2,tun_metadata1=0x510,udp'],
      },
    );
    isThorough(report);
  });

  it('async ones', async () => {
    const report = await checkPolicy(
      definePolicy({
        tables: { ports: policyTable<number, number>({ initial: [[80, 2]] }) },
        async run(pkt, act, { ports }) {
          const port = pkt.tpDst.value;
          await Promise.resolve();
          const to = port === undefined ? undefined : ports.get(port);
          if (to !== undefined) act.output(to);
          else if (pkt.isArp) act.flood();
        },
      }),
      { packets: 60 },
    );
    expect(report.megaflows).to.be.greaterThan(10);
  });

  describe('unsound ones are found', () => {
    const caught = async (source: PolicySource): Promise<UnsoundPolicyError> => {
      const found = await checkPolicy(source).catch((error: unknown) => error);
      expect(found).to.be.instanceOf(UnsoundPolicyError);
      return found as UnsoundPolicyError;
    };

    it('that look at time or chance', async () => {
      let n = 0;
      const { message, change } = await caught((_pkt, act) => void (n++ % 2 === 0 && act.output(2)));
      expect(change).to.match(/asked a second time/);
      expect(message).to.match(
        /policy policy does not decide by what it reads.*\n {2}packet .*\n {2}megaflow .*\n {2}decides {3}\S+/,
      );
    });

    it('that remember packets outside of their tables', async () => {
      const seen = new Set<number>();
      await caught((pkt, act) => {
        const source = pkt.ethSrc.value!;
        if (seen.has(source)) act.output(2);
        seen.add(source);
      });
    });

    it('that read a table past what notes it', async () => {
      let tables: { get(key: number): number | undefined } | undefined;
      const source = definePolicy({
        tables: { hosts: policyTable<number, number>() },
        run(pkt, act) {
          const port = tables?.get(pkt.ethDst.value!);
          if (port !== undefined) act.output(port);
        },
      });
      const found = await checkPolicy(source, {
        state: ({ hosts }) => {
          for (let i = 0; i < 8; i++) hosts.set(0x020000000000 + i, 1 + (i % 3));
          tables = hosts;
        },
      }).catch((error: unknown) => error);
      expect((found as UnsoundPolicyError).change).to.match(/^state.hosts has no entry \d+ any more/);
    });

    it('that throw, unless they may', async () => {
      const throws = (pkt: PolicyPacket) => {
        if (pkt.udpDst.equals(53)) throw new Error('a bug');
      };
      const found = await checkPolicy(throws).catch((error: unknown) => error);
      expect(found).to.have.property('code', 'ERR_POLICY_THREW');
      expect((found as Error).message).to.match(/threw for .*tp_dst=53.*a bug/);
      await checkPolicy(throws, { mayThrow: true, packets: 100 });
    });
  });
});
