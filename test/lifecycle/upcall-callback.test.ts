import { expect } from 'chai';
import {
  type Datapath,
  openEmbeddedDatapath,
  OpWriter,
  type UpcallChannel,
} from '../../ts/datapath/index.js';
import { native } from '../../ts/native/index.js';
import { eventually } from '../support/eventually.js';
import { failure } from '../support/failure.js';
import { udpFrame } from '../support/frames.js';
import { Lab } from '../support/netns.js';
import { action, udpKey } from '../support/odp.js';
import { needsRoot } from '../support/skip.js';

describe('in the callback of upcalls', () => {
  const lab = new Lab();
  let netns: string;
  let datapath: Datapath;
  let handler: UpcallChannel;
  const ops = new OpWriter(native().createOpBatch(64, 64 * 1024));
  const noHash = new Int32Array(2);

  before(function () {
    needsRoot(this);
    netns = lab.namespace('callback').path;
  });
  after(() => lab.remove());
  beforeEach(() => {
    datapath = openEmbeddedDatapath({ netns });
    handler = datapath.openHandler();
  });
  afterEach(() => datapath.close());

  /** Has the datapath send `count` upcalls. */
  function execute(count: number): number {
    const [key, frame] = [udpKey(0), udpFrame()];
    const actions = action.userspace(handler.portId, Buffer.alloc(20, 7));
    ops.clear();
    const add = (bytes: Uint8Array) => ops.addBytes(bytes, 0, bytes.length);
    const [at, packet, act] = [add(key), add(frame), add(actions)];
    for (let i = 0; i < count; i++)
      ops.execute(at, key.length, packet, frame.length, act, actions.length, 0, noHash, 0);
    return handler.channel.submit(ops.batch, count, handler.batch);
  }

  /** Calls `act` with the first batch; tells how many batches came in all. */
  async function batches(act: () => void): Promise<number> {
    let seen = 0;
    handler.channel.startUpcalls(handler.batch, () => {
      seen += 1;
      if (seen === 1) act();
    });
    execute(60);
    await eventually('a batch comes', () => seen > 0);
    // Time for one that should not come.
    await new Promise((resolve) => setTimeout(resolve, 30));
    return seen;
  }

  it('the channel may be closed: nothing more comes, and using it says why', async () => {
    expect(await batches(() => handler.channel.close())).to.equal(1);
    expect(failure(() => execute(1))).to.equal('EBADF');
    expect(failure(() => handler.channel.receive(handler.batch))).to.equal('EBADF');
    expect(handler.channel.counters().upcalls).to.be.greaterThan(0);
  });

  it('the whole datapath may be closed', async () => {
    expect(await batches(() => datapath.close())).to.equal(1);
    expect(failure(() => execute(1))).to.equal('EBADF');
  });

  it('costly upcalls come in small batches, cheap ones in large ones again', async () => {
    let cost = 4;
    const counts: number[] = [];
    handler.channel.startUpcalls(handler.batch, (count) => {
      counts.push(count);
      const end = performance.now() + count * cost;
      while (performance.now() < end);
    });
    const come = async (total: number) => {
      for (let sent = 0; sent < total; sent += 60) execute(60);
      const expected = counts.reduce((a, b) => a + b, 0) + total;
      await eventually('all come', () => counts.reduce((a, b) => a + b, 0) >= expected);
    };
    await come(240);
    const small = counts.slice(-10);
    expect(Math.max(...small), 'upcalls of four milliseconds each').to.be.at.most(8);
    cost = 0;
    await come(240);
    expect(Math.max(...counts.slice(-5)), 'upcalls that cost nothing').to.be.at.least(32);
  });

  it('the channel may receive and submit', async () => {
    let more = 0;
    await batches(() => {
      execute(3);
      while (more < 3) more += handler.channel.receive(handler.batch);
    });
    expect(more).to.be.at.least(3);
  });

  it('polling may be stopped and begun anew', async () => {
    let second = 0;
    const first = await batches(() => {
      handler.channel.stop();
      handler.channel.startUpcalls(handler.batch, (count) => {
        second += count;
      });
      execute(5);
    });
    expect(first).to.equal(1);
    await eventually('the others come', () => second >= 5);
  });
});
