import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type NetlinkError, SlowpathError } from '../../ts/errors/index.js';
import { lookupFamily } from '../../ts/genl/index.js';
import {
  decodeAddress,
  decodeLink,
  errnoName,
  MessageBuilder,
  NetlinkClient,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLMSG_HDRLEN,
  parseMessages,
  parseVerdict,
  RouteClient,
  watchLinks,
  type LinkEvent,
} from '../../ts/netlink/index.js';
import { FakeChannel, reply } from '../support/fake-channel.js';
import { root } from '../support/processes.js';

const recorded = JSON.parse(readFileSync(join(root, 'test/fixtures/ovs-control.json'), 'utf8'));
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const info = { op: 'do it', family: 'test', cmd: 9 };
const request = (flags = NLM_F_ACK): Uint8Array => new MessageBuilder().begin(30, flags).genl(9, 1).finish();

function caught(call: () => unknown): SlowpathError {
  try {
    call();
  } catch (error) {
    expect(error).to.be.instanceOf(SlowpathError);
    return error as SlowpathError;
  }
  throw new Error('expected an error');
}

describe('netlink client', () => {
  it('collects the objects of an answer in several datagrams, without its end', () => {
    const channel = new FakeChannel(() => [1, 2, 3].map((n) => reply(30, (b) => b.u32(1, n))));
    const messages = new NetlinkClient(channel).transact(request(NLM_F_DUMP), info);
    expect(messages.map((m) => m.bytes[NLMSG_HDRLEN + 4])).to.deep.equal([1, 2, 3]);
    expect(messages.every((m) => m.type === 30 && m.seq === 1)).to.equal(true);
  });

  it("keeps the kernel's verdict apart from a failed system call", () => {
    const channel = new FakeChannel(() => 'EBUSY');
    const client = new NetlinkClient(channel);
    const refused = caught(() => client.transact(request(), info)) as NetlinkError;
    expect(refused).to.include({
      code: 'EBUSY',
      errno: 16,
      source: 'kernel',
      op: 'do it',
      family: 'test',
      cmd: 9,
      seq: 1,
    });
    channel.failure = Object.assign(new Error('sendmsg'), {
      code: 'ENOBUFS',
      errno: -105,
      syscall: 'sendmsg',
    });
    const failed = caught(() => client.transact(request(), info)) as NetlinkError;
    expect(failed).to.include({ code: 'ENOBUFS', errno: 105, source: 'syscall' });
    expect(failed.cause).to.be.instanceOf(Error);
  });

  it("reads the extended acknowledgement of a kernel's real answer", () => {
    const [message] = parseMessages(bytes(recorded.errorExtAck));
    expect(parseVerdict(message)).to.deep.equal({ errno: 95, extAck: { message: 'Unknown device type' } });
    const [capless] = parseMessages(bytes(recorded.errorCapless));
    expect(parseVerdict(capless)).to.deep.equal({ errno: 19 });
  });

  it('asks again when a dump was interrupted, and gives up in the end', () => {
    const interrupted = (): Uint8Array => {
      const message = reply(30, (b) => b.u32(1, 1));
      message[6] |= NLM_F_DUMP_INTR;
      return message;
    };
    let asked = 0;
    const recovers = new FakeChannel(() => [asked++ === 0 ? interrupted() : reply(30, (b) => b.u32(1, 1))]);
    expect(new NetlinkClient(recovers).transact(request(NLM_F_DUMP), info)).to.have.lengthOf(1);
    expect(asked).to.equal(2);
    const never = new FakeChannel(() => [interrupted()]);
    const error = caught(() => new NetlinkClient(never).transact(request(NLM_F_DUMP), info));
    expect(error.code).to.equal('ERR_DUMP_INTERRUPTED');
    expect(never.requests).to.have.lengthOf(5);
  });

  it('names error numbers, also those that only the kernel has', () => {
    expect([1, 11, 19, 95, 524, 9999].map(errnoName)).to.deep.equal([
      'EPERM',
      'EAGAIN',
      'ENODEV',
      'EOPNOTSUPP',
      'ENOTSUPP',
      'E9999',
    ]);
  });

  it('refuses datagrams whose lengths do not fit', () => {
    const message = bytes(recorded.errorCapless);
    for (let length = 1; length < message.length; length++) {
      expect(caught(() => parseMessages(message.subarray(0, length))).code).to.equal('ERR_NETLINK_MALFORMED');
    }
  });
});

describe('genetlink families', () => {
  it('looks a family up, with the request that ovs-vswitchd sends', () => {
    const channel = new FakeChannel(() => [bytes(recorded.familyReply)]);
    const family = lookupFamily(new NetlinkClient(channel), 'ovs_datapath');
    expect(family).to.include({ id: 32, name: 'ovs_datapath', version: 2 });
    expect([...family.groups.keys()]).to.deep.equal(['ovs_datapath']);
    expect(channel.requests[0].bytes.subarray(20)).to.deep.equal(bytes(recorded.familyRequest).subarray(20));
  });

  it('says what to do when the module is not there', () => {
    const client = new NetlinkClient(new FakeChannel(() => 'ENOENT'));
    const error = caught(() => lookupFamily(client, 'ovs_datapath'));
    expect(error.code).to.equal('ERR_NO_FAMILY');
    expect(error.message).to.match(/modprobe openvswitch.*--datapath netdev/);
    expect(caught(() => lookupFamily(client, 'nope')).message).not.to.match(/openvswitch/);
  });
});

describe('rtnetlink', () => {
  it('reads the links and addresses of a real dump', () => {
    const links = recorded.linkDump.map((hex: string) => decodeLink(parseMessages(bytes(hex))[0]));
    expect(links[0]).to.deep.include({
      ifindex: 1,
      name: 'lo',
      kind: null,
      mtu: 65536,
      up: true,
      running: true,
    });
    const names = links.map((link: { name: string; kind: string | null }) => `${link.name} ${link.kind}`);
    expect(names).to.deep.equal(['lo null', 'gre0 gre', 'gretap0 gretap', 'erspan0 erspan', 'nlmon0 nlmon']);
    const addresses = recorded.addresses.map((hex: string) => decodeAddress(parseMessages(bytes(hex))[0]));
    expect([...addresses[0].address]).to.deep.equal([127, 0, 0, 1]);
    expect(addresses[0]).to.include({ ifindex: 1, family: 4, prefixLength: 8 });
    expect([...addresses[1].address]).to.deep.equal([...new Array(15).fill(0), 1]);
  });

  it('turns refusals into errors that say what to do', () => {
    const absent = new RouteClient(new FakeChannel(() => 'ENODEV'));
    expect(caught(() => absent.link('eth7')).message).to.equal("there is no network interface 'eth7'");
    expect(absent.findLink('eth7')).to.equal(null);
    const forbidden = new RouteClient(new FakeChannel(() => 'EPERM'));
    expect(caught(() => forbidden.setLinkUp(3, true)).code).to.equal('ERR_NO_CAP_NET_ADMIN');
    for (const name of ['', 'a/b', 'a b', '0123456789abcdef', '..']) {
      expect(caught(() => absent.link(name)).code, name).to.equal('ERR_BAD_INTERFACE_NAME');
    }
  });

  it('reports links, departures and lost notifications', () => {
    const channel = new FakeChannel(() => []);
    const events: LinkEvent[] = [];
    watchLinks(channel, (event) => events.push(event));
    const up = bytes(recorded.linkDump[0]);
    const gone = up.slice();
    gone[4] = 17;
    const ofBridge = gone.slice();
    ofBridge[NLMSG_HDRLEN] = 7;
    channel.deliver(up, ofBridge, gone);
    channel.overruns = 1;
    channel.deliver(up);
    expect(events.map((event) => event.type)).to.deep.equal(['link', 'gone', 'link', 'resync']);
  });
});
