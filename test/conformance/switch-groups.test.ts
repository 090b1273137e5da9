import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { udpFrame } from '../support/frames.js';
import { expectAccepted, flowsLike } from '../support/switch-checks.js';
import { changeGroups, connections, counted, deliver, openWith, spread } from '../support/switch-frames.js';
import { describeSwitch, revalidated } from '../support/switch-rig.js';

describeSwitch('switch: groups', (rig) => {
  const open = (group: string) => {
    const running = openWith(rig(), '');
    changeGroups(running, 'add', group);
    running.theSwitch.addFlows(running.bridge, 'in_port=1,udp actions=group:1');
    return running;
  };

  it('all: each bucket works on a packet of its own', async () => {
    const { theSwitch } = open(
      'group_id=1,type=all,bucket=set_field:53->udp_dst,output:2,bucket=push_vlan:0x8100,set_field:0x1007->vlan_vid,output:2,bucket=output:3',
    );
    for (const round of [1, 2]) {
      const [, two, three] = await deliver(rig(), 1, [udpFrame()], [0, 2, 1]);
      const [plain, tagged] = two.toSorted((a, b) => a.length - b.length);
      expect([plain.readUInt16BE(36), tagged.readUInt32BE(12)], `round ${round}`).to.deep.equal([
        53, 0x81000007,
      ]);
      expect(three[0].toString('hex')).to.equal(udpFrame().toString('hex'));
    }
    await expectAccepted(theSwitch);
  });

  it('indirect: a changed group changes where installed flows go; with the group the flow goes', async () => {
    const running = open('group_id=1,type=indirect,bucket=output:2');
    expect(await counted(rig(), 1, [udpFrame()], [0, 1, 0])).to.deep.equal([0, 1, 0]);
    changeGroups(running, 'modify', 'group_id=1,type=indirect,bucket=output:3');
    await revalidated(running.theSwitch);
    expect(await counted(rig(), 1, [udpFrame()], [0, 0, 1])).to.deep.equal([0, 0, 1]);
    changeGroups(running, 'delete', 'group_id=1');
    await revalidated(running.theSwitch);
    expect(running.bridge.flowTables.size).to.equal(0);
    expect(await counted(rig(), 1, [udpFrame()], [0, 0, 0])).to.deep.equal([0, 0, 0]);
    await expectAccepted(running.theSwitch);
  });

  it('select by hash of chosen fields: connections spread, and stay where they are', async () => {
    const { theSwitch } = open(
      'group_id=1,type=select,selection_method=hash,fields(udp_src),bucket=output:2,bucket=output:3',
    );
    const first = await spread(rig(), connections(16));
    await revalidated(theSwitch);
    expect(await spread(rig(), connections(16))).to.deep.equal(first);
    await expectAccepted(theSwitch);
  });

  for (const method of ['selection_method=dp_hash,', '']) {
    it(`select ${method || 'without a method, which is dp_hash'}: the datapath hashes, and the packet comes again`, async () => {
      const { theSwitch } = open(`group_id=1,type=select,${method}bucket=output:2,bucket=output:3`);
      await spread(rig(), connections(16));
      // One flow hashes for all; those that send look at the bits of the hash that choose a slot.
      const [hash, ...others] = await flowsLike(theSwitch, /actions:hash\(.*\),recirc\(/);
      expect([hash, ...others]).to.have.length(1);
      expect(await flowsLike(theSwitch, /dp_hash\(0x[0-9a-f]+\/0x[0-9a-f]+\)/)).to.have.length.within(2, 16);
      await expectAccepted(theSwitch);
    });
  }

  it('select leaves out buckets without weight and those whose port is down', async () => {
    const running = open(
      'group_id=1,type=select,selection_method=hash,fields(udp_src),bucket=weight:0,output:2,bucket=watch_port:3,output:3',
    );
    expect(await counted(rig(), 1, connections(8), [0, 0, 8])).to.deep.equal([0, 0, 8]);
    await expectAccepted(running.theSwitch);
  });

  it('fast failover: the first bucket whose port has a link', async () => {
    const { theSwitch, bridge } = open(
      'group_id=1,type=ff,bucket=watch_port:2,output:2,bucket=watch_port:3,output:3',
    );
    const link = async (state: 'up' | 'down') => {
      rig().hosts[1].namespace.ip(`link set eth0 ${state}`);
      await eventually(`port 2 is ${state}`, () => bridge.ports.get(2)?.mayForward === (state === 'up'));
      await revalidated(theSwitch);
    };
    expect(await counted(rig(), 1, [udpFrame()], [0, 1, 0])).to.deep.equal([0, 1, 0]);
    await link('down');
    try {
      const [, , three] = await deliver(rig(), 1, [udpFrame()], [0, 0, 1]);
      expect(three).to.have.length(1);
    } finally {
      await link('up');
    }
    expect(await counted(rig(), 1, [udpFrame()], [0, 1, 0])).to.deep.equal([0, 1, 0]);
    await expectAccepted(theSwitch);
  });
});
