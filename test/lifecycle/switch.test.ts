import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { Switch } from '../../ts/switch/index.js';
import { eventually } from '../support/eventually.js';
import { Lab, type Namespace } from '../support/netns.js';
import { nodeScript, root } from '../support/processes.js';
import { needsRoot } from '../support/skip.js';
import { flood } from '../support/traffic.js';

type Message = { upcalls: number };

describe('the end of a switch', function () {
  this.timeout(120_000);
  const lab = new Lab();
  let inside: Namespace;
  let outside: Namespace;

  before(function () {
    needsRoot(this);
    inside = lab.namespace('switch');
    outside = lab.namespace('hosts');
    for (const i of [1, 2]) {
      lab.veth(inside, `p${i}`, outside, `h${i}`);
      inside.up(`p${i}`);
      outside.up(`h${i}`);
    }
  });
  after(() => lab.remove());

  const devices = () =>
    (JSON.parse(inside.run('ip', '-json', 'link', 'show')) as { ifname: string }[]).map(
      ({ ifname }) => ifname,
    );
  const nothingLeft = () => expect(devices()).to.have.members(['lo', 'p1', 'p2']);
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const threads = () => readdirSync('/proc/self/task').length;
  const traffic = (count = 3000) => flood(outside, 'h1', { count, rate: 3000 });

  const startWorker = async () => {
    const worker = new Worker(join(root, 'out/test/lifecycle/children/switch-worker.js'), {
      workerData: { netns: inside.path, ports: ['p1', 'p2'] },
    });
    await once(worker, 'message');
    return worker;
  };

  it('in a worker that is terminated while upcalls flow: the process goes on', async () => {
    const sending = traffic();
    const worker = await startWorker();
    const fresh = flood(outside, 'h1', { count: 3000, rate: 3000, first: 3000 });
    const [{ upcalls }] = (await once(worker, 'message')) as [Message];
    expect(upcalls).to.be.greaterThan(0);
    expect(await worker.terminate()).to.equal(1);
    await Promise.all([sending, fresh]);
    nothingLeft();
    const again = await startWorker();
    again.postMessage('close');
    expect(await once(again, 'exit')).to.deep.equal([0]);
    nothingLeft();
  });

  it('ten workers in a row leave no descriptor and no thread', async () => {
    await (await startWorker()).terminate();
    const before = { descriptors: descriptors(), threads: threads() };
    for (let i = 0; i < 10; i++) await (await startWorker()).terminate();
    nothingLeft();
    expect(descriptors()).to.be.at.most(before.descriptors + 2);
    await eventually('their threads are gone', () => threads() <= before.threads);
  });

  it('closing twice, at the same time and later, while upcalls flow', async () => {
    const open = descriptors();
    let upcalls = 0;
    const theSwitch = Switch.open({
      datapath: { type: 'netdev', netns: inside.path },
      observer: {
        upcall() {
          upcalls += 1;
        },
      },
    });
    const bridge = theSwitch.addBridge('br0', { failMode: 'secure' });
    for (const name of ['p1', 'p2']) theSwitch.addPort(bridge, { name });
    theSwitch.addFlows(bridge, 'udp actions=move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],output:2');
    const sending = traffic(6000);
    await eventually('upcalls flow', () => upcalls > 200);
    await Promise.all([theSwitch.close(), theSwitch.close({ keep: true })]);
    const seen = upcalls;
    nothingLeft();
    await theSwitch.close();
    await sending;
    expect(upcalls, 'upcalls after close').to.equal(seen);
    nothingLeft();
    expect(descriptors()).to.be.at.most(open);
  });

  it('closing in the observer of an upcall', async () => {
    let closed: Promise<void> | undefined;
    const theSwitch = Switch.open({
      datapath: { type: 'netdev', netns: inside.path },
      observer: {
        upcall() {
          closed ??= theSwitch.close();
        },
      },
    });
    const bridge = theSwitch.addBridge('br0');
    for (const name of ['p1', 'p2']) theSwitch.addPort(bridge, { name });
    await traffic(300);
    await eventually('it is closing', () => closed !== undefined);
    await closed;
    nothingLeft();
  });

  for (const [way, code] of [
    ['close', 0],
    ['exit', 0],
    ['throw', 1],
  ] as const) {
    it(`a process ends by itself: ${way}`, async () => {
      const script = nodeScript('out/test/lifecycle/children/switch-exit.js', [inside.path, way]);
      const { code: status, signal, stderr } = await script.exit;
      expect({ status, signal }, stderr).to.deep.equal({ status: code, signal: null });
      await eventually('the devices are gone', () => devices().length === 3);
    });
  }
});
