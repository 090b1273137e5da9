import { expect } from 'chai';
import { dumpFlowLines } from '../../ts/datapath/index.js';
import type { PolicyActions, PolicyPacket } from '../../ts/policy/index.js';
import { Lab } from '../support/netns.js';
import { needsRoot } from '../support/skip.js';
import { failures } from '../support/switch-trials.js';
import { answers, joinUnderlay, openSite, type TunnelSite } from '../support/tunnel-rig.js';

/** Options that flows of both sites know as tun_metadata0 and tun_metadata1. */
const OPTIONS = [
  { optionClass: 0x102, optionType: 0x80, length: 4, index: 0 },
  { optionClass: 0x102, optionType: 0x81, length: 8, index: 1 },
];

describe('tunnels between two switches', () => {
  const lab = new Lab();
  const sites: TunnelSite[] = [];

  before(function () {
    needsRoot(this);
    const [one, two] = ['one', 'two'].map((label) => lab.namespace(label));
    joinUnderlay(lab, one, two);
    sites.push(openSite(lab, one, 'one', ['10.0.0.1/24']), openSite(lab, two, 'two', ['10.0.0.2/24']));
    for (const { theSwitch, bridge } of sites) theSwitch.setTlvMap(bridge, OPTIONS);
  });
  after(async () => {
    for (const { theSwitch } of sites) await theSwitch.close();
    await lab.remove();
  });

  async function expectThrough(expected: boolean): Promise<string[][]> {
    const answered = await answers(sites[0].host, '10.0.0.2', expected ? 4 : 1);
    const lines: string[][] = [];
    for (const { theSwitch } of sites) {
      lines.push(await dumpFlowLines(theSwitch.datapath, { names: true }));
      expect(failures(theSwitch.stats().upcall), lines.flat().join('\n')).to.deep.equal([]);
    }
    expect(answered, lines.flat().join('\n')).to.equal(expected);
    return lines;
  }

  it('geneve options go along, are matched, and are sent back', async () => {
    for (const [i, site] of sites.entries()) {
      site.vsctl(
        `add-port br0 g -- set Interface g type=geneve options:remote_ip=172.31.0.${2 - i} options:key=flow`,
      );
    }
    sites[0].flows(
      'in_port=p1 actions=set_field:5->tun_id,set_field:0x11223344->tun_metadata0,output:g\n' +
        'in_port=g,tun_id=6,tun_metadata1=0x123456789a actions=output:p1',
    );
    sites[1].flows(
      'in_port=g,tun_id=5,tun_metadata0=0x11220000/0xffff0000 actions=output:p1\n' +
        'in_port=p1 actions=set_field:6->tun_id,set_field:0x123456789a->tun_metadata1,set_field:9->tun_metadata0,output:g',
    );
    const [one, two] = await expectThrough(true);
    expect(one.join('\n')).to.match(/set\(tunnel\(.*geneve\(\{class=0x102,type=0x80,len=4,0x11223344\}\)/);
    expect(two.join('\n')).to.match(/tunnel\(.*geneve\(\{class=0x102,type=0x80,len=4,0x1122/);
  });

  it('another option than the one matched does not pass', async () => {
    sites[0].flows('in_port=p1 actions=set_field:5->tun_id,set_field:0x55->tun_metadata0,output:g');
    await sites[0].theSwitch.revalidate();
    const [, two] = await expectThrough(false);
    expect(two.join('\n')).to.match(/geneve\(.*actions:drop/);
  });

  it('a field of the tunnel that the packet came by goes on into the one it leaves by', async () => {
    sites[0].flows('in_port=p1 actions=set_field:5->tun_id,set_field:0x11223344->tun_metadata0,output:g');
    // Turned round in the bridge of the other site, by a second tunnel back to the first.
    sites[0].vsctl(
      'add-port br0 v -- set Interface v type=vxlan options:remote_ip=172.31.0.2 options:key=flow',
    );
    sites[1].vsctl('add-port br0 v -- set Interface v type=vxlan options:remote_ip=flow options:key=flow');
    sites[1].flows(
      'in_port=p1 actions=set_field:172.31.0.1->tun_dst,set_field:77->tun_id,output:v\n' +
        'in_port=g,tun_id=5,tun_src=172.31.0.1 actions=output:p1',
    );
    sites[0].flows('in_port=v,tun_id=77,tun_src=172.31.0.2,tun_dst=172.31.0.1 actions=output:p1');
    for (const { theSwitch } of sites) await theSwitch.revalidate();
    await expectThrough(true);
  });

  it('tags and labels pass inside of a tunnel', async () => {
    sites[0].flows(
      'in_port=p1,arp actions=push_vlan:0x8100,set_field:4106->vlan_vid,output:v\n' +
        'in_port=p1,ip actions=push_mpls:0x8847,set_field:99->mpls_label,output:v\n' +
        'in_port=p1,arp actions=push_vlan:0x8100,set_field:4106->vlan_vid,set_field:3->tun_id,output:v\n' +
        'in_port=p1,ip actions=push_mpls:0x8847,set_field:99->mpls_label,set_field:3->tun_id,output:v',
    );
    sites[1].flows(
      'in_port=v,tun_id=3,dl_vlan=10 actions=pop_vlan,output:p1\n' +
        'in_port=v,tun_id=3,mpls,mpls_label=99 actions=pop_mpls:0x0800,output:p1',
    );
    for (const { theSwitch } of sites) await theSwitch.revalidate();
    await expectThrough(true);
  });

  it('policies set Geneve options, and decide by them', async () => {
    const [one, two] = sites;
    const tagWith = (option: string) => (pkt: PolicyPacket, act: PolicyActions) => {
      if (pkt.inPort.is('p1')) act.set.tunId(5).openflow(`set_field:${option}->tun_metadata0`).output('g');
      else if (pkt.tunId.equals(6) && pkt.tunMetadata(1).equals(0x123456789an)) act.output('p1');
    };
    const sender = one.bridge.policy(tagWith('0x11223344'));
    const receiver = two.bridge.policy((pkt, act) => {
      if (pkt.inPort.is('p1')) act.set.tunId(6).openflow('set_field:0x123456789a->tun_metadata1').output('g');
      else if (pkt.tunMetadata(0).equals(0x11223344)) act.count('known').output('p1');
      else act.drop('another option');
    });
    for (const { theSwitch } of sites) await theSwitch.revalidate();
    const [, lines] = await expectThrough(true);
    expect(lines.join('\n')).to.match(/geneve\(\{class=0x102,type=0x80,len=4,0x11223344.*actions:p1/);
    expect(receiver.counters.known?.packets).to.be.greaterThan(0);
    sender.replace(tagWith('0x55'));
    await one.theSwitch.revalidate();
    await expectThrough(false);
    await two.theSwitch.revalidate();
    expect(receiver.drops['another option']?.packets).to.be.greaterThan(0);
  });
});
