import { expect } from 'chai';
import { dumpFlowLines, type FlowDump } from '../../ts/datapath/index.js';
import { NetlinkError, SlowpathError } from '../../ts/errors/index.js';
import { type Channel, native } from '../../ts/native/index.js';
import { MessageBuilder, NetlinkClient, NLM_F_ACK, RouteClient } from '../../ts/netlink/index.js';
import { NETLINK_ROUTE } from '../support/netlink.js';
import { Lab, type Namespace } from '../support/netns.js';
import type { Child } from '../support/processes.js';
import { needsRoot } from '../support/skip.js';

const RTM_NEWLINK = 16;
const IFLA_MTU = 4;
const LOOPBACK = 1;

describe('faults of real netlink sockets', function () {
  this.timeout(120_000);
  const lab = new Lab();
  let there: Namespace;
  let channel: Channel;

  before(function () {
    needsRoot(this);
    there = lab.namespace('faults');
  });
  after(() => lab.remove());
  beforeEach(() => {
    channel = native().openNetlink({ protocol: NETLINK_ROUTE, netns: there.path });
  });
  afterEach(() => channel.close());

  /** struct ifinfomsg for link `index`. */
  const linkRequest = (type: number, flags: number, index: number) =>
    new MessageBuilder().begin(type, flags).header(ifinfomsg(index));

  it("the kernel's own words about a refusal reach the user", () => {
    const info = { op: 'set MTU of lo', family: 'rtnetlink', cmd: RTM_NEWLINK };
    // One byte where four are wanted: the kernel's attribute policy speaks.
    const request = linkRequest(RTM_NEWLINK, NLM_F_ACK, LOOPBACK).bytes(IFLA_MTU, new Uint8Array(1)).finish();
    const error = refused(() => new NetlinkClient(channel).transact(request, info));
    expect(error).to.include({
      source: 'kernel',
      family: 'rtnetlink',
      op: 'set MTU of lo',
      cmd: RTM_NEWLINK,
    });
    expect(error.code).to.be.oneOf(['ERANGE', 'EINVAL']);
    expect(error.extAck?.message).to.match(/attribute/i);
    expect(error.message).to.equal(
      `set MTU of lo: ${error.code} (the kernel refused): ${error.extAck?.message}`,
    );
  });

  it('a dump during which links come and go is asked for again, until it is whole', async () => {
    const links = 150;
    const make = Array.from({ length: links / 2 }, (_, i) => `link add s${i}a type veth peer name s${i}b`);
    there.run('sh', '-c', `ip -batch - <<'END'\n${make.join('\n')}\nEND`);
    const churn = Array.from(
      { length: 200 },
      () => 'link add gone type veth peer name gone2\nlink del gone\n',
    ).join('');
    const changing: Child = lab.keep(there.start('ip', ['-batch', '-'], churn));
    let ended = false;
    void changing.exit.then(() => {
      ended = true;
    });
    const route = new RouteClient(channel);
    let [asked, whole, givenUp] = [0, 0, 0];
    while (!ended) {
      asked += 1;
      try {
        // All that stay are there, and none twice.
        const names = route.links().map(({ name }) => name);
        expect(new Set(names).size).to.equal(names.length);
        expect(names.filter((name) => /^s\d/.test(name))).to.have.length(links);
        whole += 1;
      } catch (error) {
        if (!(error instanceof SlowpathError) || error.code !== 'ERR_DUMP_INTERRUPTED') throw error;
        givenUp += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(whole, `${givenUp} of ${asked} were given up`).to.be.greaterThan(0);
    expect(channel.counters().sent, 'requests, with those of dumps that were begun anew').to.be.greaterThan(
      asked,
    );
    expect(route.links()).to.have.length(links + 1);
  });
});

describe('a flow dump that is interrupted', () => {
  /** A datapath whose dumps have no flows; the first `times` are interrupted. */
  function datapath(times: number) {
    let opened = 0;
    let closed = 0;
    const openDump = (): FlowDump => {
      const interrupted = opened++ < times;
      const close = () => {
        closed += 1;
      };
      return {
        batch: native().createFlowBatch(1, 1),
        matched: native().createMatchedColumns(1),
        interrupted,
        next: () => -1,
        match: () => -1,
        close,
        [Symbol.dispose]: close,
      };
    };
    return { name: 'dp', ports: () => [], openDump, counts: () => [opened, closed] };
  }

  it('is begun anew', async () => {
    const changing = datapath(2);
    expect(await dumpFlowLines(changing)).to.deep.equal([]);
    expect(changing.counts()).to.deep.equal([3, 3]);
  });

  it('is given up in the end, and said so', async () => {
    const changing = datapath(99);
    const error = await dumpFlowLines(changing).catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(SlowpathError).with.property('code', 'ERR_DUMP_INTERRUPTED');
    expect(changing.counts()).to.deep.equal([5, 5]);
  });
});

/** The NetlinkError that `act` throws. */
function refused(act: () => unknown): NetlinkError {
  try {
    act();
  } catch (error) {
    if (error instanceof NetlinkError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

function ifinfomsg(index: number): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeInt32LE(index, 4);
  return bytes;
}
