import { closeSync, openSync } from 'node:fs';
import { expect } from 'chai';
import { type PacketIn, Switch, type SwitchEventMap, type UpcallEvent } from '../../ts/index.js';
import { udpFrame } from '../support/frames.js';
import { eventually } from '../support/eventually.js';
import { describeSwitch, revalidated } from '../support/switch-rig.js';
import { openWith } from '../support/switch-frames.js';
import { Capture, sendFrames } from '../support/traffic.js';
import { datapathType } from '../support/test-datapath.js';

describeSwitch('the public API', (rig) => {
  const listen = (number: number, count = 4) =>
    Capture.start(rig().hosts[number - 1].namespace, 'eth0', count);
  const send = (...frames: Buffer[]) => sendFrames(rig().hosts[0].namespace, 'eth0', frames);
  const hex = (frames: readonly Buffer[]) => frames.map((frame) => frame.toString('hex'));

  it('flows, groups and meters as objects carry packets and count them', async () => {
    const { theSwitch: sw, bridge } = openWith(rig(), '');
    const meters = sw.datapath.meters !== null;
    if (meters) sw.addMeters(bridge, [{ meterId: 1, unit: 'pktps', bands: [{ rate: 1000 }] }]);
    sw.addGroups(bridge, [
      { groupId: 7, type: 'all', buckets: [{ actions: 'output:p2' }, { actions: 'output:3' }] },
    ]);
    sw.addFlows(bridge, [
      {
        priority: 9,
        cookie: 5,
        match: { udp: true, udp_dst: 2000 },
        actions: [...(meters ? ['meter:1'] : []), 'group:7'],
      },
      { priority: 1, match: { arp: true }, actions: 'NORMAL' },
    ]);
    const heard = [await listen(2), await listen(3)];
    send(udpFrame());
    for (const one of heard) expect(hex(await one.settled(1))).to.deep.equal([udpFrame().toString('hex')]);
    const [flow, arp] = sw.flows(bridge);
    expect(flow).to.include({ table: 0, priority: 9, cookie: 5n, packets: 1, bytes: udpFrame().length });
    expect(arp).to.include({ priority: 1, packets: 0 });
    expect(sw.flows(bridge, { cookie: '5/-1' })).to.have.length(1);
    expect(sw.groups(bridge)[0].buckets.map(({ packets }) => packets)).to.deep.equal([1, 1]);
    if (meters) expect(sw.meters(bridge)[0]).to.include({ meterId: 1, flows: 1, packets: 1 });

    expect(sw.replaceFlows(bridge, [flow.flow, 'priority=2 actions=drop'])).to.deep.equal({
      added: 1,
      modified: 0,
      removed: 1,
      kept: 1,
    });
    expect(sw.flows(bridge)[0]).to.include({ packets: 1 });
    expect(
      sw.replaceFlows(bridge, 'priority=2 actions=output:1\n', { among: 'priority=2 actions=drop' }),
    ).to.deep.equal({ added: 0, modified: 1, removed: 0, kept: 0 });
    expect(sw.flows(bridge).map(({ priority }) => priority)).to.deep.equal([9, 2]);
    expect(sw.deleteFlows(bridge, { strict: { priority: 2 } })).to.equal(1);
    sw.modifyFlows(bridge, { match: { udp: true, udp_dst: 2000 }, actions: [] }, { strict: false });
    expect(sw.flows(bridge).map(({ text }) => text.replace(/.*actions=/, ''))).to.deep.equal(['drop']);
    sw.setGroup(bridge, 'group_id=7,type=indirect,bucket=actions=output:2');
    expect(sw.groups(bridge)).to.have.length(1);
    sw.deleteGroup(bridge, 'all');
    if (meters) sw.deleteMeter(bridge, 'all');
    expect([...sw.groups(bridge), ...sw.meters(bridge)]).to.deep.equal([]);
    expect(() => sw.addFlows(bridge, ['actions=drop', 'actions=nonsense:1']))
      .to.throw(/nonsense/)
      .with.property('line', 2);
    expect(() => sw.addFlows(bridge, 'actions=group:99')).to.throw(/there is no group 99/);
  });

  it('packets are sent out, by a port, by NORMAL and through the tables', async () => {
    const { theSwitch: sw, bridge, ports } = openWith(rig(), 'priority=5,udp,cookie=0x9 actions=output:3');
    const heard = [await listen(1), await listen(2), await listen(3)];
    const frame = udpFrame(1234);
    sw.packetOut(bridge, { packet: frame, actions: 'output:p2' });
    sw.packetOut(bridge, { packet: frame, actions: ['mod_tp_src:77', 'output:p2'] });
    sw.packetOut(bridge, { packet: frame, inPort: 'p1', actions: 'NORMAL' });
    sw.packetOut(bridge, { packet: frame, inPort: ports[0], actions: 'resubmit(,0)' });
    const [one, two, three] = [
      await heard[0].settled(0),
      await heard[1].settled(3),
      await heard[2].settled(2),
    ];
    expect(one).to.deep.equal([]);
    expect(two.map((sent) => sent.readUInt16BE(34))).to.deep.equal([1234, 77, 1234]);
    expect(hex(three)).to.deep.equal(hex([frame, frame]));
    expect(sw.flows(bridge)[0]).to.include({ packets: 1, bytes: frame.length });
    expect(() => sw.packetOut(bridge, { packet: new Uint8Array(6), actions: 'NORMAL' })).to.throw(/6 bytes/);
    expect(() => sw.packetOut(bridge, { packet: frame, inPort: 9, actions: 'NORMAL' })).to.throw(/no port 9/);
    expect(() => sw.packetOut(bridge, { packet: frame, actions: 'nonsense' })).to.throw(/nonsense/);
  });

  it('events tell what happens, as long as somebody listens', async () => {
    const { theSwitch: sw, bridge } = openWith(rig(), 'priority=5,udp actions=output:2,CONTROLLER:64');
    const told = {
      upcalls: [] as UpcallEvent[],
      flow: [] as string[],
      port: [] as string[],
      packetIn: [] as PacketIn[],
    };
    const onUpcalls = (upcalls: SwitchEventMap['upcalls'][0]) => told.upcalls.push(...upcalls);
    sw.events.on('upcalls', onUpcalls);
    sw.events.on('flow', ({ event }) => told.flow.push(event));
    sw.events.on('port', (event) => told.port.push(event.type));
    sw.events.on('packetIn', (packetIn) => told.packetIn.push(packetIn));
    const filtered: UpcallEvent[] = [];
    const follower = {
      full: false,
      upcalls: (list: readonly UpcallEvent[]) => filtered.push(...list),
      dropped() {},
    };
    const end = sw.followUpcalls(follower, { match: 'in_port=p1,udp,tp_src=5' });
    send(udpFrame(5), udpFrame(6));
    await eventually('both came as upcalls and up to the controller', () => told.packetIn.length === 2);
    await eventually('the miss was told', () => told.upcalls.some((event) => event.class === 'miss'));
    expect(told.upcalls[0]).to.include({ bridge: 'br0', port: 'p1' });
    expect(told.upcalls.map((event) => event.class)).to.include('controller');
    expect(told.packetIn[0]).to.include({ bridge: 'br0', inPort: 1, totalLength: udpFrame().length });
    expect(filtered).to.have.length.of.at.least(1);
    for (const { key } of filtered) expect(key).to.contain('udp(src=5,');
    expect(told.flow).to.include('installed');
    end();
    sw.events.off('upcalls', onUpcalls);
    const before = told.upcalls.length + filtered.length;
    await sw.cache.purge();
    expect(told.flow).to.include('deleted');
    send(udpFrame(5));
    await eventually('a third came up', () => told.packetIn.length === 3);
    expect(told.upcalls.length + filtered.length).to.equal(before);
    sw.addPort(bridge, { name: 'api0', type: 'internal' });
    await eventually('the port was told', () => told.port.includes('added'));
    expect(() => sw.followUpcalls(follower, { match: 'nonsense=1' })).to.throw(/nonsense/);
    expect(() => sw.followUpcalls(follower, { bridge: 'none' })).to.throw(/no bridge "none"/);
  });

  it('collector sets come, change and go', () => {
    const { theSwitch: sw, bridge } = rig().open({ vlans: [{}] });
    const sets = () => [...(sw.exporters.ipfix.of(bridge)?.flowStatistics.keys() ?? [])];
    const targets = () => sw.configuration.rows('IPFIX').map((row) => row.texts('targets').join());
    sw.setCollectorSet(bridge, 7, { targets: ['127.0.0.1:4739'] });
    sw.setCollectorSet(bridge, 7, { targets: ['127.0.0.1:4740'], cacheActiveTimeout: 9 });
    sw.setCollectorSet(bridge, 9, { targets: ['tcp:127.0.0.1:4741'] });
    expect([sets(), targets()]).to.deep.equal([
      [7, 9],
      ['127.0.0.1:4740', 'tcp:127.0.0.1:4741'],
    ]);
    for (const id of [7, 7, 9]) sw.setCollectorSet(bridge, id, null);
    expect([sets(), targets()]).to.deep.equal([[], []]);
  });

  it('ports of every kind, bonds and mirrors, come and go', async () => {
    const { theSwitch: sw, bridge } = rig().open({ vlans: [{}] });
    const other = sw.addBridge('br1');
    sw.addPort(bridge, { name: 'x0', type: 'patch', peer: 'x1' });
    sw.addPort(other, { name: 'x1', type: 'patch', peer: 'x0', ofport: 20 });
    expect(other.portByName('x1')).to.include({ ofport: 20, peer: bridge.portByName('x0') });
    sw.addPort(bridge, { name: 'i0', type: 'internal', vlanMode: 'native-untagged', tag: 3, trunks: [4, 5] });
    const bond = sw.addBond(other, {
      name: 'bond0',
      members: ['p2', 'p3'],
      mode: 'balance-slb',
      rebalanceInterval: 0,
    });
    expect(bond.map(({ name }) => name)).to.deep.equal(['p2', 'p3']);
    sw.addMirror(other, { name: 'm0', selectSrcPorts: ['x1'], outputVlan: 9, snaplen: 100 });
    expect(other.mirrors.map(({ name }) => name)).to.deep.equal(['m0']);
    expect(() => sw.addMirror(other, { name: 'm0', selectAll: true, outputVlan: 9 })).to.throw(
      /mirror m0 already/,
    );
    expect(() => sw.addMirror(other, { name: 'm1', selectAll: true })).to.throw(/outputPort and outputVlan/);
    sw.removeMirror(other, 'm0');
    expect(other.mirrors).to.deep.equal([]);
    const exporter = (table: string) =>
      sw.configuration.rows(table).map((row) => row.texts('targets').join());
    const sflow = { sampling: 10, polling: 5, header: 64, agent: 'lo', tunnelEthernet: true };
    sw.setSflow(bridge, { targets: ['127.0.0.1:6343'], ...sflow });
    expect(sw.configuration.rows('sFlow')[0].option('external_ids', 'tunnel-ethernet')).to.equal('true');
    sw.setNetflow(bridge, { targets: ['127.0.0.1:2055'], engineId: 4, activeTimeout: 60 });
    sw.setIpfix(bridge, {
      targets: ['127.0.0.1:4739'],
      obsDomainId: 5,
      otherConfig: { 'enable-input-sampling': false },
    });
    for (const table of ['sFlow', 'NetFlow', 'IPFIX']) expect(exporter(table), table).to.have.length(1);
    sw.setSflow(bridge, null);
    sw.setNetflow(bridge, null);
    sw.setIpfix(bridge, null);
    for (const table of ['sFlow', 'NetFlow', 'IPFIX']) expect(exporter(table), table).to.deep.equal([]);
    // Over the patch ports and one of the members, whichever it is.
    const heard = [await listen(2), await listen(3)];
    send(udpFrame());
    await eventually('the bond carried the frame', () => heard[0].count + heard[1].count > 0);
    expect(hex((await Promise.all(heard.map((one) => one.stop()))).flat())).to.include(
      udpFrame().toString('hex'),
    );
    sw.removeBridge(other);
    expect([...sw.bridges.keys()]).to.deep.equal(['br0']);
    expect(bridge.portByName('x0')!.peer).to.equal(null);
    await revalidated(sw);
  });

  it('opens in a network namespace by name and by descriptor, twice in one process, and ends with the block', async () => {
    const { inside } = rig();
    const fd = openSync(inside.path, 'r');
    const names = () =>
      inside
        .run('ip', '-br', 'link')
        .split('\n')
        .map((line) => line.split(/[ @]/)[0]);
    {
      // Two kernel datapaths each have a device of their name.
      await using first = Switch.open({ datapath: { type: datapathType, name: 'dpa', netns: inside.name } });
      await using second = Switch.open({ datapath: { type: datapathType, name: 'dpb', netns: fd } });
      closeSync(fd);
      first.addBridge('bra');
      second.addBridge('brb');
      expect(names()).to.include.members(['bra', 'brb']);
      expect([...first.bridges.keys(), ...second.bridges.keys()]).to.deep.equal(['bra', 'brb']);
    }
    expect(names()).not.to.include('bra').and.not.to.include('brb');
  });
});
