import { expect } from 'chai';
import { lacpText } from '../../ts/control/lacp.js';
import { Switch } from '../../ts/switch/index.js';
import { eventually } from '../support/eventually.js';
import { udpFrame } from '../support/frames.js';
import { Lab } from '../support/netns.js';
import { PeerSwitch } from '../support/peer-switch.js';
import { needsRoot } from '../support/skip.js';
import { Capture, sendFrames } from '../support/traffic.js';

const TIMEOUT_MS = 120_000;
const BOND = 'bond_mode=balance-tcp lacp=active other_config:lacp-time=fast';

/** A bond of two links between this switch and Debian's ovs-vswitchd, a host behind each. */
describe('LACP with ovs-vswitchd', function () {
  this.timeout(TIMEOUT_MS);
  const lab = new Lab();
  let peer: PeerSwitch | undefined;
  let ours: Switch | undefined;

  before(function () {
    needsRoot(this);
  });
  after(async () => {
    await ours?.close();
    await lab.remove();
    peer?.close();
  });

  it('is negotiated, and connections pass by the bond', async () => {
    const [here, there, hostA, hostB] = ['here', 'there', 'hosta', 'hostb'].map((name) =>
      lab.namespace(name),
    );
    for (const link of [1, 2]) lab.veth(here, `a${link}`, there, `b${link}`);
    lab.veth(here, 'a0', hostA, 'eth0');
    lab.veth(there, 'b0', hostB, 'eth0');
    for (const link of [0, 1, 2]) {
      here.up(`a${link}`);
      there.up(`b${link}`);
    }
    for (const host of [hostA, hostB]) host.up('eth0');
    peer = await PeerSwitch.start(lab, there);
    const add = (side: string) => `-- add-port br0 ${side}0 -- add-bond br0 bond0 ${side}1 ${side}2 ${BOND}`;
    await peer.vsctl(`add-br br0 -- set bridge br0 datapath_type=netdev ${add('b')}`.split(' '));
    ours = Switch.open({ datapath: { type: 'netdev', netns: here.path } });
    expect(ours.vsctl(`add-br br0 ${add('a')}`.split(' ')).errors).to.deep.equal([]);
    const bundle = [...ours.bridges.values()][0].bundles.find(({ name }) => name === 'bond0');
    const { lacp, bond } = bundle ?? {};
    if (!lacp || !bond) throw new Error('there is a bond that speaks LACP');

    await eventually(
      'both are satisfied',
      async () => {
        const theirs = await peer!.appctl('lacp/show', 'bond0');
        return (
          bond.memberList.every(({ enabled }) => enabled) && theirs.match(/may_enable: true/g)?.length === 2
        );
      },
      60_000,
    );
    const theirs = await peer.appctl('lacp/show', 'bond0');
    const text = lacpText('bond0', lacp);
    // Each tells of the other what that says of itself.
    const said = (from: string, who: string) =>
      from.split('\n').flatMap((line) => (line.startsWith(`  ${who} `) ? [line.slice(who.length + 3)] : []));
    expect(said(text, 'partner')).to.deep.equal(said(theirs, 'actor'));
    expect(said(theirs, 'partner')).to.deep.equal(said(text, 'actor'));
    expect(text).to.match(/^member: a1: current attached$/m);

    const capture = await Capture.start(hostB, 'eth0', 1000, 60_000);
    const frames = Array.from({ length: 8 }, (_, i) => udpFrame(1000 + i, 2000));
    sendFrames(hostA, 'eth0', frames);
    const got = await capture.take(frames.length);
    await capture.stop();
    const hex = (list: readonly Uint8Array[]) => list.map((one) => Buffer.from(one).toString('hex')).sort();
    expect(hex(got)).to.deep.equal(hex(frames));
  });
});
