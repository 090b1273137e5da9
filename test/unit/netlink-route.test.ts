import { expect } from 'chai';
import { native } from '../../ts/native/index.js';
import {
  type LinkEvent,
  NETLINK_ROUTE,
  RouteClient,
  type RouteQuestion,
  RTNLGRP_LINK,
  watchLinks,
} from '../../ts/netlink/index.js';
import { parseIpv6 } from '../../ts/util/index.js';
import { eventually } from '../support/eventually.js';
import { Lab, type Namespace } from '../support/netns.js';
import { needsRoot } from '../support/skip.js';

const hex32 = (word: number) => (word >>> 0).toString(16).padStart(8, '0');
const until = (done: () => boolean) => eventually('what is waited for', done);

describe('rtnetlink of a real kernel', () => {
  const lab = new Lab();
  let one: Namespace;
  let route: RouteClient;

  before(function () {
    needsRoot(this);
    one = lab.namespace('route');
    lab.veth(one, 'left', one, 'right');
    one.up('left', { addresses: ['192.0.2.1/24', '2001:db8::1/64'], mac: '02:00:00:00:00:01' });
    route = new RouteClient(native().openNetlink({ protocol: NETLINK_ROUTE, netns: one.path }));
  });

  after(async () => {
    route?.close();
    await lab.remove();
  });

  it('lists the devices of the namespace', () => {
    const links = route.links();
    expect(links.map((link) => link.name)).to.include.members(['lo', 'left', 'right']);
    const left = links.find((link) => link.name === 'left');
    expect(left).to.deep.include({ kind: 'veth', mtu: 1500, master: 0, up: true, carrier: false });
    expect(Buffer.from(left?.mac ?? []).toString('hex')).to.equal('020000000001');
    expect(route.link('left')).to.deep.equal(left);
    expect(route.link(left?.ifindex ?? 0).name).to.equal('left');
  });

  it('lists addresses of both families', () => {
    const { ifindex } = route.link('left');
    const addresses = route
      .addresses(ifindex)
      .map((a) => `${Buffer.from(a.address).toString('hex')}/${a.prefixLength}`);
    expect(addresses).to.include.members(['c0000201/24', '20010db8000000000000000000000001/64']);
  });

  it('says which interface is not there', () => {
    expect(() => route.link('nowhere'))
      .to.throw("no network interface 'nowhere'")
      .with.property('code', 'ERR_NO_INTERFACE');
    expect(() => route.setLinkUp(4242, true))
      .to.throw()
      .with.property('code', 'ERR_NO_INTERFACE');
  });

  it('sets links up and down, and hears of it', async () => {
    const channel = native().openNetlink({
      protocol: NETLINK_ROUTE,
      groups: [RTNLGRP_LINK],
      netns: one.path,
    });
    const events: LinkEvent[] = [];
    const seen = (
      name: string,
      test: (event: LinkEvent & { link: { running: boolean } }) => boolean,
    ): boolean => events.some((event) => event.type !== 'resync' && event.link.name === name && test(event));
    watchLinks(channel, (event) => events.push(event));
    try {
      route.setLinkUp('right', true);
      expect(route.link('right')).to.include({ up: true, running: true, carrier: true });
      await until(() => seen('left', (event) => event.link.running));
      route.setLinkUp('right', false);
      expect(route.link('right').up).to.equal(false);
      await until(() => seen('left', (event) => !event.link.running));
      one.ip('link del left');
      await until(() => seen('right', (event) => event.type === 'gone'));
    } finally {
      channel.close();
    }
  });

  it('says whom packets are given to, and their link-layer address', async () => {
    const near = lab.namespace('near');
    const far = lab.namespace('far');
    lab.veth(near, 'up0', far, 'down0');
    near.up('up0', { addresses: ['192.0.2.1/24', '2001:db8::1/64'], mac: '02:00:00:00:00:01' });
    far.up('down0', { addresses: ['192.0.2.2/24', '2001:db8::2/64'], mac: '02:00:00:00:00:02' });
    for (const line of [
      'route add 198.51.100.0/24 via 192.0.2.2',
      'route add 203.0.113.0/24 via inet6 2001:db8::2 dev up0',
      'route add 2001:db8:1::/64 via 2001:db8::2',
      'route add unreachable 198.51.100.9',
      'route add 192.0.2.77/32 via 192.0.2.3 table 7',
      'rule add fwmark 5 lookup 7',
      'route add 192.0.2.78/32 via 192.0.2.4 table 8',
      'rule add tos 0x10 lookup 8',
    ])
      near.ip(line);
    const asked = new RouteClient(native().openNetlink({ protocol: NETLINK_ROUTE, netns: near.path }));
    const bytes = (text: string) => {
      if (!text.includes(':')) return Uint8Array.from(text.split('.').map(Number));
      const words = new Int32Array(4);
      expect(parseIpv6(text, words, 0)).to.equal(true);
      return Uint8Array.from(Buffer.from([...words].map(hex32).join(''), 'hex'));
    };
    const hop = (to: string, rest: Partial<RouteQuestion> = {}) =>
      asked.nextHop({ destination: bytes(to), source: null, tos: 0, mark: 0, ...rest });
    const { ifindex } = asked.link('up0');
    const by = (address: string) => ({ ifindex, address: bytes(address) });
    try {
      expect(hop('192.0.2.2')).to.deep.equal(by('192.0.2.2'));
      expect(hop('192.0.2.2', { source: bytes('192.0.2.1') })).to.deep.equal(by('192.0.2.2'));
      expect(hop('198.51.100.1')).to.deep.equal(by('192.0.2.2'));
      expect(hop('203.0.113.1')).to.deep.equal(by('2001:db8::2'));
      expect(hop('2001:db8::2')).to.deep.equal(by('2001:db8::2'));
      expect(hop('2001:db8:1::5', { source: bytes('2001:db8::1') })).to.deep.equal(by('2001:db8::2'));
      expect(hop('192.0.2.77')).to.deep.equal(by('192.0.2.77'));
      expect(hop('192.0.2.77', { mark: 5 })).to.deep.equal(by('192.0.2.3'));
      expect(hop('192.0.2.78', { tos: 0x13 })).to.deep.equal(by('192.0.2.4'));
      // Unreachable, no route, this host itself, a source that is none of its own.
      expect(hop('198.51.100.9')).to.equal(null);
      expect(hop('10.1.2.3')).to.equal(null);
      expect(hop('2001:db8:2::1')).to.equal(null);
      expect(hop('192.0.2.1')).to.equal(null);
      expect(hop('2001:db8::1')).to.equal(null);
      expect(hop('192.0.2.2', { source: bytes('10.9.9.9') })).to.equal(null);

      const mac = (to: string) => {
        const address = asked.neighbour(by(to));
        return address === null ? null : Buffer.from(address).toString('hex');
      };
      expect([mac('192.0.2.2'), mac('2001:db8::2')]).to.deep.equal([null, null]);
      for (const address of ['192.0.2.2', '2001:db8::2']) near.run('ping', '-nc1', '-w20', address);
      expect([mac('192.0.2.2'), mac('2001:db8::2')]).to.deep.equal(['020000000002', '020000000002']);
      near.ip('neigh add 192.0.2.9 dev up0 lladdr 02:00:00:00:00:09');
      near.ip('neigh add 192.0.2.10 dev up0 nud failed');
      expect([mac('192.0.2.9'), mac('192.0.2.10')]).to.deep.equal(['020000000009', null]);
      expect(asked.neighbour({ ifindex: 4242, address: bytes('192.0.2.2') })).to.equal(null);
    } finally {
      asked.close();
    }
  });

  it('names the namespace that cannot be opened', () => {
    expect(() => native().openNetlink({ protocol: NETLINK_ROUTE, netns: '/nowhere/at/all' })).to.throw(
      /ENOENT|nowhere/,
    );
  });
});
