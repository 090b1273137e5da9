import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';

import { type Channel, native } from '../../ts/native/index.js';
import { NETLINK_ROUTE, RTM_GETLINK, RTNLGRP_LINK } from '../support/netlink.js';
import { Lab, type Namespace } from '../support/netns.js';
import { needsRoot } from '../support/skip.js';

describe('closing a channel', () => {
  const lab = new Lab();
  let there: Namespace;
  let channel: Channel;
  let mtu = 1500;
  /** Makes the kernel send one notification. */
  const notify = () => there.ip(`link set lo mtu ${++mtu}`);

  before(function () {
    needsRoot(this);
    there = lab.namespace('close');
  });
  after(() => lab.remove());
  beforeEach(() => {
    channel = native().openNetlink({ protocol: NETLINK_ROUTE, groups: [RTNLGRP_LINK], netns: there.path });
  });
  afterEach(() => channel.close());

  const settle = async () => {
    for (let i = 0; i < 5; i++) await turn();
  };

  it('may be done twice, and stop as often', () => {
    channel.startMessages(() => {});
    channel.stop();
    channel.stop();
    channel.close();
    channel.close();
    channel.stop();
    expect(channel.closed).to.equal(true);
  });

  it('in the callback ends the deliveries at once', async () => {
    let heard = 0;
    notify();
    notify();
    channel.startMessages(() => {
      heard += 1;
      channel.close();
      channel.close();
    });
    await settle();
    expect(heard).to.equal(1);
  });

  it('stopping in the callback leaves the rest of the batch undelivered and the channel usable', async () => {
    let heard = 0;
    notify();
    notify();
    channel.startMessages(() => {
      heard += 1;
      channel.stop();
    });
    await settle();
    expect(heard).to.equal(1);
    notify();
    channel.startMessages(() => {
      heard += 1;
    });
    await settle();
    expect(heard).to.equal(2);
  });

  it('a callback may stop and start anew', async () => {
    const heard: string[] = [];
    notify();
    channel.startMessages(() => {
      heard.push('first');
      channel.stop();
      channel.startMessages(() => heard.push('second'));
    });
    await settle();
    notify();
    await settle();
    expect(heard).to.deep.equal(['first', 'second']);
  });

  it('opens and closes a thousand times on few descriptors', async () => {
    const ports = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const one = native().openNetlink({ protocol: NETLINK_ROUTE });
      one.startMessages(() => {});
      ports.add(one.portId);
      one.close();
    }
    await settle();
    expect(ports.size).to.be.greaterThan(0);
  });

  it('an exception of the callback is an uncaught exception, and polling goes on', async () => {
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const uncaught: unknown[] = [];
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      let heard = 0;
      channel.startMessages(() => {
        heard += 1;
        throw new Error(`callback ${heard}`);
      });
      notify();
      await settle();
      notify();
      await settle();
      expect(heard).to.equal(2);
      expect(uncaught.map(String)).to.deep.equal(['Error: callback 1', 'Error: callback 2']);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });

  it('a delivered datagram is a copy that stays', async () => {
    const heard: Uint8Array[] = [];
    channel.startMessages((datagram) => heard.push(datagram));
    notify();
    await settle();
    const first = heard[0]!.slice();
    notify();
    await settle();
    expect(heard).to.have.length(2);
    expect(heard[0]).to.deep.equal(first);
    // RTM_NEWLINK is RTM_GETLINK - 2.
    expect(heard.map((datagram) => datagram[4])).to.deep.equal([RTM_GETLINK - 2, RTM_GETLINK - 2]);
  });
});
