import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';

import { native } from '../../ts/native/index.js';
import { eventually } from '../support/eventually.js';
import { NETLINK_ROUTE, RTNLGRP_LINK } from '../support/netlink.js';
import { Lab, type Namespace } from '../support/netns.js';
import { root } from '../support/processes.js';
import { needsRoot } from '../support/skip.js';

type Message = { portId?: number; heard?: number };

describe('worker threads', () => {
  const lab = new Lab();
  let there: Namespace;
  let mtu = 1500;
  const notify = () => there.ip(`link set lo mtu ${++mtu}`);

  before(function () {
    needsRoot(this);
    there = lab.namespace('worker');
  });
  after(() => lab.remove());

  const start = async (way: 'polite' | 'busy' | 'exit') => {
    const worker = new Worker(join(root, 'out/test/lifecycle/children/worker.js'), {
      workerData: { netns: there.path, way },
    });
    const [{ portId }] = (await once(worker, 'message')) as [Message];
    return { worker, portId };
  };

  it('two workers and the main thread each have a channel, and all hear', async () => {
    const main = native().openNetlink({
      protocol: NETLINK_ROUTE,
      groups: [RTNLGRP_LINK],
      netns: there.path,
    });
    let heardHere = 0;
    main.startMessages(() => {
      heardHere += 1;
    });
    const workers = await Promise.all([start('polite'), start('polite')]);
    expect(new Set([main.portId, ...workers.map(({ portId }) => portId)]).size).to.equal(3);
    const heard = Promise.all(workers.map(({ worker }) => once(worker, 'message') as Promise<[Message]>));
    notify();
    expect((await heard).map(([message]) => message.heard)).to.deep.equal([1, 1]);
    await Promise.all(workers.map(({ worker }) => worker.terminate()));
    notify();
    await eventually('the main thread has heard both', () => heardHere === 2);
    main.close();
  });

  it('one that polls can be terminated', async () => {
    const { worker } = await start('polite');
    expect(await worker.terminate()).to.equal(1);
  });

  it('one can be terminated in the middle of a callback', async () => {
    const { worker } = await start('busy');
    const heard = once(worker, 'message');
    notify();
    notify();
    await heard;
    expect(await worker.terminate()).to.equal(1);
  });

  it('one can exit in a callback', async () => {
    const { worker } = await start('exit');
    const ended = once(worker, 'exit');
    notify();
    notify();
    expect(await ended).to.deep.equal([7]);
  });

  it('thirty in a row leave no descriptor behind', async () => {
    const { readdirSync } = await import('node:fs');
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const one = async () => (await start('polite')).worker.terminate();
    await one();
    const before = descriptors();
    for (let i = 0; i < 30; i++) await one();
    expect(descriptors()).to.be.at.most(before + 2);
  });
});
