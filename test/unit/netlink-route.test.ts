import { expect } from 'chai';
import { native } from '../../ts/native/index.js';
import {
  type LinkEvent,
  NETLINK_ROUTE,
  RouteClient,
  RTNLGRP_LINK,
  watchLinks,
} from '../../ts/netlink/index.js';
import { eventually } from '../support/eventually.js';
import { Lab, type Namespace } from '../support/netns.js';
import { needsRoot } from '../support/skip.js';

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

  it('names the namespace that cannot be opened', () => {
    expect(() => native().openNetlink({ protocol: NETLINK_ROUTE, netns: '/nowhere/at/all' })).to.throw(
      /ENOENT|nowhere/,
    );
  });
});
