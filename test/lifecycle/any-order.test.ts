import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  NETLINK_GENERIC,
  NETLINK_ROUTE,
  NetlinkClient,
  openNetlink,
  RouteClient,
} from '../../ts/api/netlink.js';
import {
  definePolicy,
  MetricsServer,
  policyTable,
  serveControl,
  SlowpathError,
  Switch,
} from '../../ts/index.js';
import { eventually } from '../support/eventually.js';
import { Lab, type Namespace } from '../support/netns.js';
import { needsRoot } from '../support/skip.js';
import { flood } from '../support/traffic.js';

/** What holds a resource, and how it is closed. */
type Closers = Readonly<Record<string, () => unknown>>;

const NAMES = [
  ...['switch', 'datapath', 'dump', 'port', 'bridge', 'bond', 'exporters'],
  ...['policy', 'policy file', 'policy of a bridge', 'listeners', 'upcall follower', 'port events'],
  ...['control', 'metrics', 'route client', 'netlink client'],
] as const;

/** Those that change a switch. */
const CHANGES: ReadonlySet<string> = new Set(['port', 'bridge', 'bond', 'exporters']);

describe('everything that holds a resource', function () {
  this.timeout(180_000);
  const folder = mkdtempSync(join(tmpdir(), 'slowpath-order-'));
  const rundir = process.env.SLOWPATH_RUNDIR;
  const lab = new Lab();
  let inside: Namespace;
  let outside: Namespace;
  before(function () {
    needsRoot(this);
    process.env.SLOWPATH_RUNDIR = folder;
    inside = lab.namespace('order');
    outside = lab.namespace('hosts');
    for (const i of [1, 2, 3, 4]) {
      lab.veth(inside, `p${i}`, outside, `h${i}`);
      inside.up(`p${i}`);
      outside.up(`h${i}`);
    }
    writeFileSync(join(folder, 'policy.mjs'), 'export default (pkt, act) => void act.normal();\n');
  });
  after(async () => {
    if (rundir === undefined) delete process.env.SLOWPATH_RUNDIR;
    else process.env.SLOWPATH_RUNDIR = rundir;
    await lab.remove();
    rmSync(folder, { recursive: true });
  });

  const devices = () =>
    (JSON.parse(inside.run('ip', '-json', 'link', 'show')) as { ifname: string }[])
      .map(({ ifname }) => ifname)
      .sort();
  /** Descriptors, threads, and what else the event loop has to wait for. */
  const held = () => ({
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    sockets: readFileSync('/proc/self/net/unix', 'utf8').split(folder).length,
    handles: process
      .getActiveResourcesInfo()
      .filter((name) => !/^(Timeout|Immediate|TTYWrap|PipeWrap|ProcessWrap|FSReqPromise)$/.test(name))
      .sort(),
  });

  /** Opens one of each. */
  async function openAll(): Promise<Closers> {
    const sw = Switch.open({
      datapath: { type: 'netdev', netns: inside.path },
      policy: { maxRevalidator: 100 },
    });
    const [br0, br1] = ['br0', 'br1'].map((name) => sw.addBridge(name));
    const port = sw.addPort(br0, { name: 'p1' });
    sw.addPort(br1, { name: 'p2' });
    const [member] = sw.addBond(br1, { name: 'bond0', members: ['p3', 'p4'] });
    const targets = ['127.0.0.1:9'];
    sw.setSflow(br0, { targets, sampling: 2, polling: 1 });
    sw.setNetflow(br0, { targets, activeTimeout: 1 });
    sw.setIpfix(br1, { targets, sampling: 2 });
    const policy = br0.policy(
      definePolicy({
        tables: { hosts: policyTable<number, number>() },
        run(pkt, act, { hosts }) {
          hosts.learn(pkt.ethSrc.value ?? 0, pkt.inPort.value ?? 0);
          act.count('all').table(1);
        },
      }),
    );
    const file = await br0.policyFile(join(folder, 'policy.mjs'), { watch: true, table: 1 });
    const late = br1.policy({ later: { deadline: 50 }, run: async (_pkt, act) => void act.normal() });
    for (const name of ['upcalls', 'flow', 'port', 'packetIn', 'warning'] as const)
      sw.events.on(name, () => {});
    const unfollow = sw.followUpcalls({ full: false, upcalls: () => {}, dropped: () => {} });
    const unwatch = sw.datapath.portEvents(() => {});
    const dump = sw.datapath.openDump();
    const control = await serveControl(sw);
    const metrics = await MetricsServer.listen(sw, { port: 0 });
    const route = new RouteClient(openNetlink({ protocol: NETLINK_ROUTE, netns: inside.path }));
    const netlink = new NetlinkClient(openNetlink({ protocol: NETLINK_GENERIC, netns: inside.path }));
    return {
      switch: () => sw[Symbol.asyncDispose](),
      datapath: () => sw.datapath[Symbol.dispose](),
      dump: () => dump[Symbol.dispose](),
      port: () => sw.removePort(port),
      bridge: () => sw.removeBridge(br1),
      bond: () => sw.bridges.get('br1') === undefined || sw.removePort(member),
      exporters: () => {
        sw.setSflow(br0, null);
        sw.setNetflow(br0, null);
      },
      policy: () => policy[Symbol.dispose](),
      'policy file': () => file[Symbol.dispose](),
      'policy of a bridge': () => late.remove(),
      listeners: () => sw.events.close(),
      'upcall follower': unfollow,
      'port events': unwatch,
      control: () => control[Symbol.asyncDispose](),
      metrics: () => metrics[Symbol.asyncDispose](),
      'route client': () => route[Symbol.dispose](),
      'netlink client': () => netlink[Symbol.dispose](),
    };
  }

  /** Opens all, with packets on their way, and closes in this order: each when the one before is closed, or all at once; some twice. */
  async function closeIn(order: readonly (typeof NAMES)[number][], atOnce: boolean): Promise<void> {
    const closers = await openAll();
    expect(Object.keys(closers).sort()).to.deep.equal([...NAMES].sort());
    const sending = flood(outside, 'h1', { count: 200, rate: 4000 });
    const closing: unknown[] = [];
    const closed = new Set<string>();
    for (const name of order) {
      try {
        const ending = closers[name]();
        if (atOnce) closing.push(ending);
        else await ending;
      } catch (error) {
        // To change a switch that is no more is refused.
        expect(
          CHANGES.has(name) && (closed.has('switch') || closed.has('datapath')),
          `${name}: ${error}`,
        ).to.equal(true);
        expect(error).to.be.instanceOf(SlowpathError);
      }
      closed.add(name);
    }
    await Promise.all(closing);
    await sending;
  }

  it('is closed in any order, at once and one after the other, and again, and leaves nothing', async () => {
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    process.on('uncaughtExceptionMonitor', onError);
    try {
      await closeIn(NAMES, false);
      const before = held();
      await fc.assert(
        fc.asyncProperty(
          fc.shuffledSubarray([...NAMES], { minLength: NAMES.length }),
          fc.shuffledSubarray([...NAMES]),
          fc.boolean(),
          async (order, again, atOnce) => {
            const closable = again.filter((name) => !CHANGES.has(name));
            await closeIn([...order, ...closable], atOnce);
            expect(devices()).to.deep.equal(['lo', 'p1', 'p2', 'p3', 'p4']);
            await eventually(
              'nothing is left',
              () => JSON.stringify(held()) === JSON.stringify(before),
            ).catch(() => expect(held()).to.deep.equal(before));
          },
        ),
        { numRuns: Number(process.env.FC_RUNS ?? 12) },
      );
      // Timers that outlive their switch, as those of the control server here, must not mind: each of ours is shorter than this.
      const sw = Switch.open({ datapath: { type: 'netdev', netns: inside.path } });
      await using _control = await serveControl(sw);
      await sw.close();
      expect(() => sw.addBridge('br0'))
        .to.throw(SlowpathError)
        .with.property('code', 'ERR_CLOSED');
      await new Promise((resolve) => setTimeout(resolve, 5500));
      expect(errors).to.deep.equal([]);
    } finally {
      process.off('uncaughtExceptionMonitor', onError);
    }
  });
});
