import { expect } from 'chai';

import { type Channel, native } from '../../ts/native/index.js';
import { getFamily, NETLINK_GENERIC, NETLINK_ROUTE, NLM_F_ACK } from '../support/netlink.js';

// Calls that the type checker would refuse.
// biome-ignore lint/suspicious/noExplicitAny: the point is to pass what does not fit
type Loose = any;

describe('arguments of the addon', () => {
  const addon = native() as Loose;
  let channel: Loose;
  beforeEach(() => {
    channel = addon.openNetlink({ protocol: NETLINK_GENERIC });
  });
  afterEach(() => channel.close());

  it('openNetlink names the option that is wrong', () => {
    expect(() => addon.openNetlink()).to.throw(TypeError, 'openNetlink: options must be an object');
    expect(() => addon.openNetlink({})).to.throw(TypeError, 'protocol');
    expect(() => addon.openNetlink({ protocol: '16' })).to.throw(TypeError, 'protocol');
    expect(() => addon.openNetlink({ protocol: 32 })).to.throw(RangeError, 'protocol');
    expect(() => addon.openNetlink({ protocol: Number.NaN })).to.throw(RangeError, 'protocol');
    expect(() => addon.openNetlink({ protocol: 0.5 })).to.throw(RangeError, 'protocol');
    expect(() => addon.openNetlink({ protocol: 0, groups: 1 })).to.throw(TypeError, 'groups');
    expect(() => addon.openNetlink({ protocol: 0, groups: [0] })).to.throw(RangeError, 'groups');
    expect(() => addon.openNetlink({ protocol: 0, netns: 1 })).to.throw(TypeError, 'netns');
  });

  it('lets the exception of a getter through', () => {
    const options = {
      get protocol(): number {
        throw new Error('from the getter');
      },
    };
    expect(() => addon.openNetlink(options)).to.throw('from the getter');
    const groups = new Proxy([1], {
      get() {
        throw new Error('from the proxy');
      },
    });
    expect(() => addon.openNetlink({ protocol: 0, groups })).to.throw();
  });

  it('batches have the sizes asked for', () => {
    const ops = addon.createOpBatch(3, 100);
    expect(ops.capacity).to.equal(3);
    expect(ops.rows)
      .to.be.instanceOf(Int32Array)
      .with.length(3 * 18);
    expect(ops.masks)
      .to.be.instanceOf(Int32Array)
      .with.length(3 * addon.FLOW_WORDS);
    expect(ops.bytes).to.be.instanceOf(Uint8Array).with.length(100);
    const flows = addon.createFlowBatch(5, 100_000);
    expect(flows.capacity).to.equal(5);
    expect(flows.rows)
      .to.be.instanceOf(Int32Array)
      .with.length(5 * 20);
    expect(flows.slab).to.be.instanceOf(Uint8Array).with.length(100_000);
    const upcalls = addon.createUpcallBatch();
    expect(upcalls.capacity).to.equal(64);
    expect(upcalls.rows)
      .to.be.instanceOf(Int32Array)
      .with.length(64 * 21);
    expect(upcalls.keys)
      .to.be.instanceOf(Int32Array)
      .with.length(64 * addon.FLOW_WORDS);
    expect(upcalls.slab.length).to.be.at.least(64 * 65536);
  });

  it('a flow batch holds the largest datagram even when less is asked for', () => {
    expect(addon.createFlowBatch(1, 0).slab.length).to.be.at.least(65536);
  });

  it('batches refuse sizes that are none', () => {
    expect(() => addon.createOpBatch()).to.throw(TypeError, 'createOpBatch: capacity');
    expect(() => addon.createOpBatch(0, 1)).to.throw(RangeError, 'capacity');
    expect(() => addon.createOpBatch(1, -1)).to.throw(RangeError, 'byteCapacity');
    expect(() => addon.createOpBatch(2 ** 40, 1)).to.throw(RangeError, 'capacity');
    expect(() => addon.createFlowBatch('1', 1)).to.throw(TypeError, 'createFlowBatch: capacity');
  });

  it('the arrays of a batch cannot be exchanged', () => {
    const batch = addon.createUpcallBatch();
    const { slab } = batch;
    expect(() => {
      batch.slab = new Uint8Array(1);
    }).to.throw(TypeError);
    expect(batch.slab).to.equal(slab);
  });

  it('constructors are not for JavaScript', () => {
    expect(() => new channel.constructor()).to.throw(TypeError, 'use openNetlink');
  });

  it('methods refuse a foreign receiver', () => {
    expect(() => channel.close.call({})).to.throw(TypeError);
    expect(() => channel.close.call(addon.createUpcallBatch())).to.throw(TypeError);
  });

  it('transact wants one whole request that will be answered', () => {
    expect(() => channel.transact()).to.throw(TypeError, 'transact: message must be a Uint8Array');
    expect(() => channel.transact(new Uint8Array(15))).to.throw(RangeError, 'nlmsg_len');
    expect(() => channel.transact(new Int32Array(16))).to.throw(TypeError, 'Uint8Array');
    expect(() => channel.transact(getFamily('nlctrl', 0))).to.throw(RangeError, 'NLM_F_ACK');
    expect(() => channel.transact(getFamily('nlctrl', NLM_F_ACK), -1)).to.throw(RangeError, 'timeoutMs');
    const twice = Buffer.concat([getFamily('nlctrl'), getFamily('nlctrl')]);
    expect(() => channel.transact(twice)).to.throw(RangeError, 'one whole');
  });

  it('callbacks must be functions', () => {
    expect(() => channel.startMessages()).to.throw(TypeError, 'startMessages: onDatagram must be a function');
    expect(() => channel.startMessages({})).to.throw(TypeError, 'a function');
  });

  it('setReceiveBuffer wants bytes', () => {
    expect(() => channel.setReceiveBuffer('1')).to.throw(TypeError, 'bytes');
    expect(() => channel.setReceiveBuffer(-1)).to.throw(RangeError, 'bytes');
  });

  it('a polling channel is not for requests: they would take its messages', () => {
    const route: Channel = addon.openNetlink({ protocol: NETLINK_ROUTE });
    route.startMessages(() => {});
    expect(() => route.transact(getFamily('nlctrl')))
      .to.throw(Error, /polling/)
      .that.includes({ code: 'EBUSY', syscall: 'transact' });
    expect(() => route.startMessages(() => {}))
      .to.throw(Error)
      .that.includes({ code: 'EBUSY' });
    route.close();
  });

  it('a closed channel says so', () => {
    channel.close();
    expect(channel.closed).to.equal(true);
    expect(() => channel.transact(getFamily('nlctrl')))
      .to.throw(Error, /closed/)
      .that.includes({ code: 'EBADF', errno: 9, syscall: 'transact' });
    expect(() => channel.startMessages(() => {})).to.throw(Error, /closed/);
    expect(() => channel.setReceiveBuffer(1)).to.throw(Error, /closed/);
    expect(channel.portId).to.be.greaterThan(0);
    expect(channel.counters().sent).to.equal(0);
  });
});
