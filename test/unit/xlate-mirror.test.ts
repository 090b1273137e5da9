import { expect } from 'chai';
import { F_ETH_DST, F_VLAN_TCI } from '../../ts/fields/index.js';
import { formatActions } from '../../ts/flow/index.js';
import { type Effect, Translator } from '../../ts/xlate/index.js';
import { makeKey, makeSwitch, type MirrorSetup, type PortSetup } from '../support/xlate.js';

const PORTS: PortSetup[] = [1, 2, 3, 4].map((ofport) => ({ ofport }));

interface Answer {
  readonly text: string;
  readonly mask: Int32Array;
  readonly effects: readonly Effect[];
}

function ask(mirrors: MirrorSetup[], flow: string, packet: string, ports = PORTS): Answer {
  const { snapshot } = makeSwitch({ ports, flows: [`actions=${flow}`], mirrors });
  const key = makeKey(`dl_src=50:54:00:00:00:0a,dl_dst=50:54:00:00:00:0b,dl_type=0x1234,${packet}`);
  const result = new Translator().translate(snapshot, key, 0);
  return {
    text: formatActions(result.actions.subarray(0, result.actionsLength)),
    mask: result.mask.slice(),
    effects: result.effects.slice(0, result.effectCount),
  };
}

const ALL_TO_4: MirrorSetup = { selectAll: true, outPort: 'p4' };

describe('xlate: mirrors', () => {
  it('copy what comes in, before any action, and what goes out, after it', () => {
    const dst: MirrorSetup = { dst: ['p2'], outPort: 'p4' };
    expect(ask([{ src: ['p1'], outPort: 'p4' }], 'output:2', 'in_port=1').text).to.equal('4,2');
    expect(ask([dst], 'output:2,output:3', 'in_port=1').text).to.equal('2,4,3');
    expect(ask([dst], 'output:3', 'in_port=1').text).to.equal('3');
    expect(ask([dst], 'mod_dl_dst:00:00:00:00:00:07,output:2', 'in_port=1').text).to.equal(
      'set(eth(dst=00:00:00:00:00:07)),2,4',
    );
  });

  it('copy a packet once, to one destination once', () => {
    expect(ask([ALL_TO_4], 'output:2,output:3', 'in_port=1').text).to.equal('4,2,3');
    expect(ask([ALL_TO_4, { src: ['p1'], outPort: 'p4' }], 'output:2', 'in_port=1').text).to.equal('4,2');
    expect(
      ask([{ src: ['p1'], outPort: 'p3' }, ALL_TO_4], 'output:2', 'in_port=1').text,
      'a copy may be mirrored itself',
    ).to.equal('3,4,2');
  });

  it('copy a packet again when its headers were changed', () => {
    const twice = (actions: string) =>
      ask([ALL_TO_4], `${actions},output:2`, 'in_port=1')
        .text.split(',')
        .filter((a) => a === '4').length === 2;
    for (const change of [
      'mod_dl_dst:00:00:00:00:00:07',
      'push_vlan:0x8100',
      'set_field:00:00:00:00:00:07->eth_src',
      'dec_ttl',
      'ct(commit,nat)',
    ]) {
      expect(twice(change), change).to.equal(true);
    }
    const others = [
      'set_field:5->reg0',
      'set_tunnel:5',
      'set_field:1->pkt_mark',
      'mod_nw_src:1.1.1.1',
      'ct(commit)',
    ];
    for (const change of [
      ...others,
      'move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]',
      'push:NXM_OF_ETH_SRC[],pop:NXM_OF_ETH_DST[]',
    ]) {
      expect(twice(change), change).to.equal(false);
    }
  });

  it('report which mirror got something', () => {
    const { effects } = ask([ALL_TO_4], 'output:2,output:3', 'in_port=1');
    expect(effects.map((effect) => effect.type === 'mirror' && effect.mirror.name)).to.deep.equal(['m0']);
  });

  it('cut copies to their snap length, nothing else', () => {
    expect(
      ask([{ dst: ['p2'], outPort: 'p4', snaplen: 100 }], 'output:2,output:3', 'in_port=1').text,
    ).to.equal('2,trunc(100),4,3');
  });

  it('select by VLAN, of the port where the packet is, and look at it then', () => {
    const ports: PortSetup[] = [{ ofport: 1, vlanMode: 'access', tag: 10 }, { ofport: 2 }, { ofport: 4 }];
    const mirror: MirrorSetup = { selectAll: true, vlans: [10], outPort: 'p4' };
    expect(ask([mirror], 'drop', 'in_port=1', ports).text).to.equal('push_vlan(vid=10,pcp=0),4');
    expect(ask([mirror], 'drop', 'in_port=1,dl_vlan=10,dl_vlan_pcp=0', ports).text).to.equal('drop');
    expect(ask([mirror], 'drop', 'in_port=2,dl_vlan=10,dl_vlan_pcp=0', ports).text).to.equal('4');
    const other = ask([mirror], 'drop', 'in_port=2,dl_vlan=20,dl_vlan_pcp=0', ports);
    expect([other.text, other.mask[F_VLAN_TCI]]).to.deep.equal(['drop', 0x1fff]);
  });

  it('copy into a VLAN: to all its ports, with its tag', () => {
    const ports: PortSetup[] = [{ ofport: 1 }, { ofport: 2, vlanMode: 'access', tag: 100 }, { ofport: 3 }];
    const mirror: MirrorSetup = { src: ['p3'], outVlan: 100 };
    expect(ask([mirror], 'drop', 'in_port=3', ports).text).to.equal(
      'push_vlan(vid=100,pcp=0),1,pop_vlan,2,push_vlan(vid=100,pcp=0),3',
    );
    expect(ask([mirror], 'drop', 'in_port=3,dl_vlan=100,dl_vlan_pcp=0', ports).text).to.equal('drop');
  });

  it('do not copy reserved addresses into a VLAN, and look at as little as tells', () => {
    const mirror: MirrorSetup = { src: ['p1'], outVlan: 100 };
    const packet = (dst: string) => `in_port=1,dl_dst=${dst}`;
    const ports: PortSetup[] = [{ ofport: 1 }];
    const run = (dst: string) => ask([mirror], 'drop', packet(dst), ports);
    expect(run('01:80:c2:00:00:00').text).to.equal('drop');
    expect(run('01:80:c2:00:00:00').mask[F_ETH_DST + 1]).to.equal(-1);
    const plain = run('50:54:00:00:00:01').mask;
    expect([plain[F_ETH_DST], plain[F_ETH_DST + 1]]).to.deep.equal([0x4000, 0]);
  });

  it('leave nothing else to their output port, and take nothing from it', () => {
    expect(ask([{ src: ['p2'], outPort: 'p4' }], 'NORMAL', 'in_port=1').text).to.equal('2,3');
    expect(ask([{ src: ['p2'], outPort: 'p4' }], 'output:2', 'in_port=4').text).to.equal('drop');
    expect(ask([{ src: ['p2'], outPort: 'p4' }], 'output:4', 'in_port=1').text, 'rules may').to.equal('4');
  });
});
