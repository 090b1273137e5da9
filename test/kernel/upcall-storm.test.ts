import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { type Datapath, openDatapath, type UpcallChannel } from '../../ts/datapath/index.js';
import { eventually } from '../support/eventually.js';
import { Lab, type Namespace } from '../support/netns.js';
import { root } from '../support/processes.js';
import { needsRoot } from '../support/skip.js';

const FRAMES = 4000;
/** Frames between two looks at the channel, while nobody reads: far more than the buffer holds. */
const BURST = 500;

describe('a storm of upcalls into a tiny receive buffer', function () {
  this.timeout(Math.max(this.timeout(), 120_000));
  const lab = new Lab();
  let inside: Namespace;
  let outside: Namespace;
  let datapath: Datapath;
  let handler: UpcallChannel;

  before(function () {
    needsRoot(this);
    inside = lab.namespace('storm');
    outside = lab.namespace('source');
    lab.veth(inside, 'p1', outside, 'h1');
    inside.up('p1');
    outside.up('h1');
    datapath = openDatapath({ type: 'system', name: 'spstorm', netns: inside.path, receiveBuffer: 1 });
    datapath.addPort({ name: 'p1', type: 'system' });
    handler = datapath.openHandler();
    datapath.setUpcallPids([handler.portId]);
  });
  after(async () => {
    datapath?.close();
    await lab.remove();
  });

  /** Sends frames while this process does nothing else. */
  const flood = (count: number, first: number) =>
    execFileSync(`${root}/.cache/bin/traffic`, [
      ...['flood', '--dev', 'h1', '--netns', outside.name, '--count', String(count)],
      ...['--rate', '20000', '--flows', 'distinct', '--first', String(first)],
    ]);

  /** Drops of our socket as the kernel shows them to everybody. */
  const shownDrops = () => {
    const table = inside.run('cat', '/proc/net/netlink').split('\n').slice(1);
    const ours = table
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , pid]) => Number(pid) === handler.portId);
    expect(ours).to.have.length(1);
    return Number(ours[0][8]);
  };

  it('each packet is an upcall or counted as lost, and the service goes on', async () => {
    const { channel, batch } = handler;
    let upcalls = 0;
    channel.startUpcalls(batch, (count) => {
      upcalls += count;
    });
    const before = datapath.stats();
    for (let first = 0; first < FRAMES; first += BURST) {
      flood(BURST, first);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const missed = () => datapath.stats().missed - before.missed;
    await eventually('all packets have missed', () => missed() >= FRAMES);
    await eventually('all are accounted for', () => upcalls + channel.counters().lost >= missed());
    const counters = channel.counters();
    expect(counters.lost, 'lost').to.be.greaterThan(FRAMES / 10);
    expect(counters.overruns, 'overruns').to.be.greaterThan(0);
    expect(upcalls + counters.lost).to.equal(missed());
    expect(counters.upcalls).to.equal(upcalls);
    // The datapath, the socket and the table of sockets tell the same.
    expect(datapath.stats().lost - before.lost).to.equal(counters.lost);
    expect(shownDrops()).to.equal(counters.lost);

    const calm = { upcalls, lost: counters.lost };
    for (let i = 1; i <= 3; i++) {
      flood(1, FRAMES + i);
      await eventually('a packet after the storm', () => upcalls === calm.upcalls + i);
    }
    expect(channel.counters().lost).to.equal(calm.lost);
  });
});
