import { expect } from 'chai';
import { F_ETH_DST, F_ETH_SRC, F_NW_PROTO, F_NW_SRC, F_VLAN_TCI } from '../../ts/fields/index.js';
import { formatActions } from '../../ts/flow/index.js';
import { type LearnEffect, Translator } from '../../ts/xlate/index.js';
import { makeKey, makeSwitch, type PortSetup, type TestSwitch } from '../support/xlate.js';

const A = '50:54:00:00:00:0a';
const B = '50:54:00:00:00:0b';
const HIGH = 0x5054;

/** p1 access 10, p2 access 20, p3 trunk of 10 and 20, p4 native-tagged 10, p5 native-untagged 10, p6 trunk of everything. */
const VLANS: PortSetup[] = [
  { ofport: 1, vlanMode: 'access', tag: 10 },
  { ofport: 2, vlanMode: 'access', tag: 20 },
  { ofport: 3, trunks: [10, 20] },
  { ofport: 4, vlanMode: 'native-tagged', tag: 10, trunks: [30] },
  { ofport: 5, vlanMode: 'native-untagged', tag: 10 },
  { ofport: 6 },
];
const PLAIN: PortSetup[] = [{ ofport: 1 }, { ofport: 2 }, { ofport: 3 }];

interface Answer {
  readonly text: string;
  readonly effects: readonly LearnEffect[];
  readonly mask: Int32Array;
}

function ask(sw: TestSwitch, packet: string): Answer {
  const result = new Translator().translate(sw.snapshot, makeKey(packet), 0);
  return {
    text: formatActions(result.actions.subarray(0, result.actionsLength)),
    effects: result.effects.slice(0, result.effectCount).filter((effect) => effect.type === 'learn'),
    mask: result.mask,
  };
}

const normal = (ports: PortSetup[], fdb: readonly (readonly [number, number, number, number])[] = []) =>
  makeSwitch({ ports, flows: ['actions=NORMAL'], fdb });
const frame = (port: number, vlan = '', dst = B): string =>
  `in_port=${port},dl_src=${A},dl_dst=${dst}${vlan},dl_type=0x1234`;
const vlans = (port: number, vlan = '', dst = B): string => ask(normal(VLANS), frame(port, vlan, dst)).text;
const tag = (vid: number, pcp = 0): string => `,dl_vlan=${vid},dl_vlan_pcp=${pcp}`;

describe('xlate: NORMAL', () => {
  it('floods what it does not know, forwards what it knows, never back', () => {
    const sw = normal(PLAIN, [[2, 0, HIGH, 0xb]]);
    expect(ask(sw, frame(1)).text).to.equal('2');
    expect(ask(sw, frame(2)).text).to.equal('drop');
    expect(ask(normal(PLAIN), frame(2)).text).to.equal('1,3');
    expect(ask(sw, frame(1, '', 'ff:ff:ff:ff:ff:ff')).text).to.equal('2,3');
  });

  it('looks at addresses and VLAN id, no more', () => {
    const { mask } = ask(normal(PLAIN), frame(1, tag(5, 3)));
    expect([mask[F_ETH_SRC], mask[F_ETH_SRC + 1], mask[F_ETH_DST], mask[F_ETH_DST + 1]]).to.deep.equal([
      0xffff, -1, 0xffff, -1,
    ]);
    expect(mask[F_VLAN_TCI]).to.equal(0x1fff);
  });

  it('does not pass on link-local protocols', () => {
    for (const dst of ['01:80:c2:00:00:00', '01:80:c2:00:00:0f', '01:00:0c:cc:cc:cc', '00:e0:2b:00:00:04']) {
      const answer = ask(normal(PLAIN), frame(1, '', dst));
      expect([answer.text, answer.effects.length], dst).to.deep.equal(['drop', 0]);
    }
    expect(ask(normal(PLAIN), frame(1, '', '01:80:c2:00:00:10')).text).to.equal('2,3');
  });

  it('reports what to learn, once per need, and nothing of group addresses', () => {
    const sw = normal(PLAIN);
    const [learn] = ask(sw, frame(1, tag(7))).effects;
    expect([learn.bundle.name, learn.vlan, learn.macHigh, learn.macLow]).to.deep.equal(['p1', 7, HIGH, 0xa]);
    expect(sw.fdb.size, 'translation itself must not learn').to.equal(0);
    sw.fdb.apply(learn);
    expect(ask(sw, frame(1, tag(7))).effects).to.have.length(0);
    expect(ask(sw, frame(2, tag(7))).effects).to.have.length(1);
    expect(ask(sw, `in_port=1,dl_src=01:00:00:00:00:01,dl_dst=${B}`).effects).to.have.length(0);
  });

  it('knows gratuitous ARP and looks at ARP for it only', () => {
    const sw = normal(PLAIN);
    const arp = (op: number, spa: string, dst = 'ff:ff:ff:ff:ff:ff'): string =>
      `arp,in_port=1,dl_src=${A},dl_dst=${dst},arp_op=${op},arp_spa=${spa},arp_tpa=10.0.0.1`;
    expect(ask(sw, arp(1, '10.0.0.1')).effects[0].gratuitousArp).to.equal(true);
    expect(ask(sw, arp(1, '10.0.0.2')).effects[0].gratuitousArp).to.equal(false);
    const reply = ask(sw, arp(2, '10.0.0.2'));
    expect([reply.effects[0].gratuitousArp, reply.mask[F_NW_PROTO], reply.mask[F_NW_SRC]]).to.deep.equal([
      true,
      0xff,
      0,
    ]);
    expect(ask(sw, arp(2, '10.0.0.2', B)).mask[F_NW_PROTO]).to.equal(0);
  });

  it('drops tagged packets on access ports and VLANs that a trunk does not carry', () => {
    expect(vlans(1, tag(10))).to.equal('drop');
    expect(vlans(3, tag(30))).to.equal('drop');
    expect(vlans(3)).to.equal('drop');
    expect(vlans(4, tag(20))).to.equal('drop');
  });

  it('floods within the VLAN, with the tags each port wants', () => {
    expect(vlans(1)).to.equal('push_vlan(vid=10,pcp=0),3,4,pop_vlan,5,push_vlan(vid=10,pcp=0),6');
    expect(vlans(3, tag(10))).to.equal(
      'pop_vlan,1,push_vlan(vid=10,pcp=0),4,pop_vlan,5,push_vlan(vid=10,pcp=0),6',
    );
    expect(vlans(4)).to.equal('1,push_vlan(vid=10,pcp=0),3,pop_vlan,5,push_vlan(vid=10,pcp=0),6');
    expect(vlans(5)).to.equal('1,push_vlan(vid=10,pcp=0),3,4,6');
    expect(vlans(6, tag(30))).to.equal('4,5');
    expect(vlans(6)).to.equal('drop');
  });

  it('keeps the priority of priority-tagged packets, and then looks at it', () => {
    const answer = ask(normal(VLANS), frame(2, tag(0, 5)));
    expect(answer.text).to.contain('push_vlan(vid=20,pcp=5)');
    expect(answer.mask[F_VLAN_TCI] & 0xe000).to.equal(0xe000);
  });

  it('forwards within the VLAN that the address was learned in', () => {
    const sw = normal(VLANS, [
      [3, 10, HIGH, 0xb],
      [6, 20, HIGH, 0xb],
    ]);
    expect(ask(sw, frame(1)).text).to.equal('push_vlan(vid=10,pcp=0),3');
    expect(ask(sw, frame(2)).text).to.equal('push_vlan(vid=20,pcp=0),6');
  });
});
