import { execFileSync } from 'node:child_process';
import { constants } from 'node:os';
import { expect } from 'chai';

import { type Channel, native } from '../../ts/native/index.js';
import { eventually } from '../support/eventually.js';
import { Lab, type Namespace } from '../support/netns.js';
import {
  attributes,
  CTRL_ATTR_FAMILY_ID,
  dumpLinks,
  GENL_ID_CTRL,
  getFamily,
  message,
  NETLINK_GENERIC,
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLMSG_DONE,
  NLMSG_ERROR,
  parse,
  RTM_GETLINK,
  RTNLGRP_LINK,
} from '../support/netlink.js';
import { needsRoot } from '../support/skip.js';

/** What a failing addon call throws. */
type SystemError = Error & { code: string; errno: number; syscall: string };

function caught(act: () => unknown): SystemError {
  try {
    act();
  } catch (error) {
    return error as SystemError;
  }
  throw new Error('nothing was thrown');
}

const until = (condition: () => boolean) => eventually('what is waited for', condition);

/** Sends a datagram to another process's netlink port, from a socket of another process. */
function sendFromOutside(protocol: number, portId: number, text: string): void {
  const script = `import socket
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, ${protocol})
s.sendto(${JSON.stringify(text)}.encode(), (${portId}, 0))`;
  execFileSync('python3', ['-c', script]);
}

describe('netlink channel to the kernel', () => {
  let channel: Channel;
  afterEach(() => channel.close());

  it('has the port id it is bound to, one of its own', () => {
    channel = native().openNetlink({ protocol: NETLINK_ROUTE });
    const other = native().openNetlink({ protocol: NETLINK_ROUTE });
    expect(channel.portId).to.be.a('number').that.is.greaterThan(0);
    expect(other.portId).not.to.equal(channel.portId);
    other.close();
  });

  it('dumps links and ends with NLMSG_DONE', () => {
    channel = native().openNetlink({ protocol: NETLINK_ROUTE });
    const answer = channel.transact(dumpLinks()).map(parse);
    expect(answer.at(-1)?.type).to.equal(NLMSG_DONE);
    expect(answer.length).to.be.greaterThan(1);
    const names = answer.slice(0, -1).map(({ payload }) => attributes(payload.subarray(16)).get(3));
    expect(names.map(String)).to.include('lo\0');
  });

  it('stamps consecutive sequence numbers and its port id into requests, in place', () => {
    channel = native().openNetlink({ protocol: NETLINK_GENERIC });
    const first = getFamily('nlctrl');
    const second = getFamily('nlctrl');
    channel.transact(first);
    const answer = channel.transact(second).map(parse);
    expect(parse(second).seq).to.equal(parse(first).seq + 1);
    expect(parse(second).pid).to.equal(channel.portId);
    expect(answer.map(({ seq }) => seq)).to.deep.equal([parse(second).seq, parse(second).seq]);
  });

  it('brings reply and acknowledgement of a family look-up', () => {
    channel = native().openNetlink({ protocol: NETLINK_GENERIC });
    const [reply, ack, ...more] = channel.transact(getFamily('nlctrl')).map(parse);
    expect(attributes(reply!.payload.subarray(4)).get(CTRL_ATTR_FAMILY_ID)?.readUInt16LE()).to.equal(
      GENL_ID_CTRL,
    );
    expect(ack).to.include({ type: NLMSG_ERROR, errno: 0 });
    expect(more).to.deep.equal([]);
  });

  it('returns the refusal of the kernel as a message and does not throw', () => {
    channel = native().openNetlink({ protocol: NETLINK_GENERIC });
    const answer = channel.transact(getFamily('sp-nosuch')).map(parse);
    expect(answer).to.have.length(1);
    expect(answer[0]).to.include({ type: NLMSG_ERROR, errno: constants.errno.ENOENT });
  });

  it('asks for extended acknowledgements, without the request echoed', () => {
    channel = native().openNetlink({ protocol: NETLINK_ROUTE });
    // Four bytes where struct ifinfomsg needs sixteen.
    const [answer] = channel.transact(message(RTM_GETLINK, NLM_F_ACK, Buffer.alloc(4))).map(parse);
    expect(answer!.errno).to.equal(constants.errno.EINVAL);
    // NLM_F_CAPPED and NLM_F_ACK_TLVS; struct nlmsgerr, then NLMSGERR_ATTR_MSG (1).
    expect(answer!.flags & 0x300).to.equal(0x300);
    expect(String(attributes(answer!.payload.subarray(20)).get(1))).to.match(/header/);
  });

  it('times out when the answer does not end', () => {
    channel = native().openNetlink({ protocol: NETLINK_ROUTE });
    // A control message (NLMSG_NOOP, 1) is only ever acknowledged, and only for NLM_F_ACK. One bit of NLM_F_DUMP makes it
    // pass for a request with an answer.
    const noop = message(1, 0x100, Buffer.alloc(0));
    const error = caught(() => channel.transact(noop, 20));
    expect(error).to.include({ code: 'ETIMEDOUT', errno: constants.errno.ETIMEDOUT, syscall: 'recvmsg' });
  });

  it('counts datagrams and system calls', () => {
    channel = native().openNetlink({ protocol: NETLINK_GENERIC });
    channel.transact(getFamily('nlctrl'));
    const counters = channel.counters();
    expect(counters).to.include({ sent: 1, sendCalls: 1, received: 2, lost: 0, overruns: 0, foreign: 0 });
    expect(counters.receiveCalls).to.be.within(2, 4);
  });

  it('sets the receive buffer beyond the limit of the system, and says what it got', () => {
    channel = native().openNetlink({ protocol: NETLINK_GENERIC });
    const size = channel.setReceiveBuffer(4 << 20);
    // The kernel doubles what is asked for. Without CAP_NET_ADMIN net.core.rmem_max is the limit.
    if (process.getuid?.() === 0) expect(size).to.equal(8 << 20);
    else expect(size).to.be.greaterThan(0);
  });

  it('ignores and counts what other processes send to its port', async function () {
    needsRoot(this);
    channel = native().openNetlink({ protocol: NETLINK_ROUTE, groups: [RTNLGRP_LINK] });
    const heard: Uint8Array[] = [];
    channel.startMessages((datagram) => heard.push(datagram));
    sendFromOutside(NETLINK_ROUTE, channel.portId, 'not from the kernel');
    await until(() => channel.counters().foreign > 0);
    channel.stop();
    expect(heard.map(parse).filter(({ pid }) => pid !== 0)).to.deep.equal([]);

    sendFromOutside(NETLINK_ROUTE, channel.portId, 'nor is this');
    expect(channel.transact(dumpLinks()).map(parse).at(-1)?.type).to.equal(NLMSG_DONE);
    expect(channel.counters().foreign).to.equal(2);
  });
});

describe('netlink channel in a network namespace', () => {
  const lab = new Lab();
  let there: Namespace;
  before(function () {
    needsRoot(this);
    there = lab.namespace('sys');
  });
  after(() => lab.remove());

  const linkNames = (channel: Channel) =>
    channel
      .transact(dumpLinks())
      .map(parse)
      .filter(({ type }) => type !== NLMSG_DONE)
      .map(({ payload }) => String(attributes(payload.subarray(16)).get(3)).replace('\0', ''));

  it('sees the links of that namespace, and the thread stays where it was', () => {
    there.ip('link add sp-there type veth peer name sp-there-peer');
    const inside = native().openNetlink({ protocol: NETLINK_ROUTE, netns: there.path });
    const outside = native().openNetlink({ protocol: NETLINK_ROUTE });
    expect(linkNames(inside)).to.include('sp-there');
    expect(linkNames(outside)).not.to.include('sp-there');
    inside.close();
    outside.close();
  });

  it('says which call failed for a namespace that is none', () => {
    const open = (netns: string) => () => native().openNetlink({ protocol: NETLINK_ROUTE, netns });
    expect(caught(open('/run/netns/sp-nosuch'))).to.include({ code: 'ENOENT', syscall: 'open' });
    expect(caught(open('/dev/null'))).to.include({ code: 'EINVAL', syscall: 'setns' });
  });

  it('delivers notifications of a multicast group', async () => {
    const channel = native().openNetlink({
      protocol: NETLINK_ROUTE,
      groups: [RTNLGRP_LINK],
      netns: there.path,
    });
    const names = new Set<string>();
    channel.startMessages((datagram) =>
      names.add(String(attributes(parse(datagram).payload.subarray(16)).get(3))),
    );
    there.ip('link add sp-heard type veth peer name sp-heard-peer');
    await until(() => names.has('sp-heard\0'));
    channel.close();
  });

  it('survives a full receive buffer, and counts exactly what was lost', async () => {
    const channel = native().openNetlink({
      protocol: NETLINK_ROUTE,
      groups: [RTNLGRP_LINK],
      netns: there.path,
    });
    channel.setReceiveBuffer(1);
    const before = channel.counters();
    // Nobody reads meanwhile: the command runs synchronously.
    const changes = 100;
    const batch = Array.from({ length: changes }, (_, i) => `link set lo mtu ${1500 + i}`).join('\n');
    execFileSync('ip', ['-n', there.name, '-batch', '-'], { input: batch });
    let heard = 0;
    channel.startMessages(() => {
      heard += 1;
    });
    await until(() => channel.counters().overruns > before.overruns);
    await until(() => heard > 0 && heard + channel.counters().lost >= changes);
    const { lost, overruns, received } = channel.counters();
    expect(overruns).to.be.greaterThan(0);
    expect(received).to.equal(heard);
    expect(lost).to.be.greaterThan(0);
    expect(heard + lost).to.equal(changes);

    // It goes on after the loss.
    there.ip('link add sp-after type veth peer name sp-after-peer');
    const heardBefore = heard;
    await until(() => heard > heardBefore);
    channel.close();
  });
});
