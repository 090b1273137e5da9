import { expect } from 'chai';
import { F_VLAN1_TCI, F_VLAN1_TPID, F_VLAN_TCI } from '../../ts/fields/index.js';
import { formatActions } from '../../ts/flow/index.js';
import { Translator } from '../../ts/xlate/index.js';
import { makeKey, makeSwitch, type PortSetup, type Setup, type TestSwitch } from '../support/xlate.js';

const A = '50:54:00:00:00:0a';
const B = '50:54:00:00:00:0b';
const HIGH = 0x5054;

interface Answer {
  readonly text: string;
  readonly mask: Int32Array;
}

/** `inner`: VLAN id of a second tag, 0 for none. */
function ask(sw: TestSwitch, port: number, tags = '', dst = B, inner = 0): Answer {
  const key = makeKey(`in_port=${port},dl_src=${A},dl_dst=${dst}${tags},dl_type=0x1234`);
  if (inner !== 0) {
    key[F_VLAN1_TPID] = 0x8100;
    key[F_VLAN1_TCI] = 0x1000 | inner;
  }
  const result = new Translator().translate(sw.snapshot, key, 0);
  return { text: formatActions(result.actions.subarray(0, result.actionsLength)), mask: result.mask };
}

const normal = (ports: PortSetup[], more: Partial<Setup> = {}): TestSwitch =>
  makeSwitch({ ports, flows: ['actions=NORMAL'], ...more });
const tag = (vid: number, pcp = 0): string => `,dl_vlan=${vid},dl_vlan_pcp=${pcp}`;
const to = (port: number, vlan: number): Partial<Setup> => ({ fdb: [[port, vlan, HIGH, 0xb]] });

/** p1 tunnels all customers' VLANs in 100, p2 only 10 and 20, p3 with 802.1q tags; p4 is a trunk, p5 an access port of 100. */
const QINQ: PortSetup[] = [
  { ofport: 1, vlanMode: 'dot1q-tunnel', tag: 100 },
  { ofport: 2, vlanMode: 'dot1q-tunnel', tag: 100, cvlans: [10, 20] },
  { ofport: 3, vlanMode: 'dot1q-tunnel', tag: 100, qinqTpid: 0x8100 },
  { ofport: 4 },
  { ofport: 5, vlanMode: 'access', tag: 100 },
];

describe('xlate: dot1q-tunnel ports', () => {
  it('put a service tag around the customer’s and take it off', () => {
    expect(ask(normal(QINQ, to(4, 100)), 1, tag(10, 3)).text).to.equal(
      'push_vlan(tpid=0x88a8,vid=100,pcp=0),4',
    );
    expect(ask(normal(QINQ, to(4, 100)), 3, tag(10, 3)).text).to.equal('push_vlan(vid=100,pcp=0),4');
    expect(ask(normal(QINQ, to(1, 100)), 4, tag(100)).text).to.equal('pop_vlan,1');
    expect(ask(normal(QINQ, to(1, 100)), 2, tag(10)).text).to.equal('1');
  });

  it('take only their customers’ VLANs, and look at the inner tag for that', () => {
    expect(ask(normal(QINQ), 2, tag(30)).text).to.equal('drop');
    expect(ask(normal(QINQ), 2).text).to.equal('drop');
    const flooded = ask(normal(QINQ), 4, tag(100), B, 30);
    expect(flooded.text).to.equal('pop_vlan,1,3');
    expect(flooded.mask[F_VLAN1_TCI] & 0x1fff).to.equal(0x1fff);
    expect(ask(normal(QINQ), 4, tag(100), B, 20).text).to.equal('pop_vlan,1,2,3');
  });

  it('flood to access ports only what has no customer tag', () => {
    expect(ask(normal(QINQ), 1).text).to.equal('3,push_vlan(tpid=0x88a8,vid=100,pcp=0),4,pop_vlan,5');
    expect(ask(normal(QINQ), 1, tag(10)).text).to.equal('2,3,push_vlan(tpid=0x88a8,vid=100,pcp=0),4');
  });
});

describe('xlate: priority tags', () => {
  const ports = (priorityTags: PortSetup['priorityTags']): PortSetup[] => [
    { ofport: 1 },
    { ofport: 2, vlanMode: 'access', tag: 10, priorityTags: priorityTags! },
    { ofport: 3, priorityTags: priorityTags! },
  ];
  const access = (mode: PortSetup['priorityTags'], tags: string) =>
    ask(normal(ports(mode), to(2, 10)), 1, tags).text;
  const trunk = (mode: PortSetup['priorityTags'], tags: string) =>
    ask(normal(ports(mode), to(3, 0)), 1, tags).text;

  it('leave access ports when asked for and the priority is not 0', () => {
    expect(access('never', tag(10, 5))).to.equal('pop_vlan,2');
    expect(access('if-nonzero', tag(10, 5))).to.equal('pop_vlan,push_vlan(vid=0,pcp=5),2');
    expect(access('if-nonzero', tag(10))).to.equal('pop_vlan,2');
    expect(access('always', tag(10))).to.equal('pop_vlan,2');
  });

  it('stay on trunks when the priority is not 0, or always', () => {
    expect(trunk('never', tag(0, 3))).to.equal('3');
    expect(trunk('never', tag(0))).to.equal('pop_vlan,3');
    expect(trunk('if-nonzero', tag(0))).to.equal('pop_vlan,3');
    expect(trunk('always', tag(0))).to.equal('3');
    expect(trunk('always', '')).to.equal('3');
  });

  it('make the priority looked at', () => {
    const { mask } = ask(normal(ports('if-nonzero'), to(3, 0)), 1, tag(0, 3));
    expect(mask[F_VLAN_TCI]).to.equal(0xffff);
  });
});

describe('xlate: who may send to whom', () => {
  const PROTECTED: PortSetup[] = [
    { ofport: 1, protected: true },
    { ofport: 2, protected: true },
    { ofport: 3 },
  ];

  it('protected ports do not reach each other, by NORMAL or by rules', () => {
    expect(ask(normal(PROTECTED), 1).text).to.equal('3');
    expect(ask(normal(PROTECTED, to(2, 0)), 1).text).to.equal('drop');
    expect(ask(normal(PROTECTED), 3).text).to.equal('1,2');
    expect(ask(makeSwitch({ ports: PROTECTED, flows: ['actions=output:2,output:3'] }), 1).text).to.equal('3');
  });

  it('reserved addresses pass with forward-bpdu', () => {
    const sw = normal([{ ofport: 1 }, { ofport: 2 }], { forwardBpdu: true });
    expect(ask(sw, 1, '', '01:80:c2:00:00:00').text).to.equal('2');
  });

  it('ports that are not to be flooded get what is theirs all the same', () => {
    const ports = [{ ofport: 1 }, { ofport: 2, noFlood: true }, { ofport: 3 }];
    expect(ask(normal(ports), 1).text).to.equal('3');
    expect(ask(normal(ports, to(2, 0)), 1).text).to.equal('2');
  });
});
