import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { describeSwitch } from '../support/switch-rig.js';

describeSwitch('switch: configuration while running', (rig) => {
  it('tells which interface cannot be had, applies the rest, and takes it in when its device appears', async () => {
    const { lab, inside } = rig();
    const { theSwitch, bridge, ports, warnings } = rig().open();
    const words = 'add-port br0 late tag=7 -- set Bridge br0 fail_mode=secure'.split(' ');
    const { errors } = theSwitch.vsctl(words);
    expect(errors.map(({ name, code }) => [name, code])).to.deep.equal([['late', 'ERR_NO_INTERFACE']]);
    expect(theSwitch.interfaceErrors.get('late')?.error.message).to.match(/no network interface 'late'/);
    expect(bridge.failMode).to.equal('secure');
    theSwitch.vsctl(['set', 'Bridge', 'br0', 'other_config:mac-aging-time=60']);
    expect(warnings.filter((text) => text.includes('late'))).to.have.length(1);

    const host = lab.namespace('late');
    lab.veth(inside, 'late', host, 'eth0');
    await eventually('the interface joins', () => bridge.portByName('late') !== undefined);
    expect(theSwitch.interfaceErrors.size).to.equal(0);
    expect(bridge.portByName('late')!.bundle.tag).to.equal(7);
    expect(bridge.portList).to.include.members([...ports]);

    inside.run('ip', 'link', 'del', 'late');
    await eventually('the interface leaves', () => bridge.portByName('late') === undefined);
    expect(theSwitch.interfaceErrors.get('late')?.code).to.equal('ERR_NO_INTERFACE');
    lab.veth(inside, 'late', lab.namespace('later'), 'eth0');
    await eventually('the interface comes back', () => bridge.portByName('late') !== undefined);
    inside.run('ip', 'link', 'del', 'late');
  });

  it('changes ports in place: numbers, learned addresses and flows stay', () => {
    const { theSwitch, bridge, ports } = rig().open();
    theSwitch.addFlows(bridge, 'priority=7,in_port=1 actions=NORMAL');
    bridge.fdb.apply({
      type: 'learn',
      bridge,
      bundle: ports[1].bundle,
      vlan: 0,
      macHigh: 0x0200,
      macLow: 5,
      gratuitousArp: false,
    });
    const before = theSwitch.datapath.ports();
    theSwitch.vsctl(
      'set Port p1 tag=9 -- set Bridge br0 other_config:mac-table-size=100 -- del-port p3'.split(' '),
    );
    expect(ports[0].bundle.tag).to.equal(9);
    expect(bridge.fdb.lookup(0, 0x0200, 5)).to.equal(ports[1].bundle);
    expect(bridge.flowTables.size).to.equal(1);
    expect(theSwitch.datapath.ports().map(({ name, portNo }) => [name, portNo])).to.deep.equal(
      before.filter(({ name }) => name !== 'p3').map(({ name, portNo }) => [name, portNo]),
    );
    const { generation } = theSwitch.snapshot;
    theSwitch.configure(theSwitch.configuration);
    expect(theSwitch.snapshot.generation).to.equal(generation);
  });

  it('a bond whose active member goes down announces the addresses behind it by the other', async () => {
    const { inside, hosts } = rig();
    const { theSwitch, bridge, ports, warnings } = rig().open({ vlans: [{}] });
    theSwitch.vsctl('add-bond br0 bond0 p2 p3 other_config:bond-primary=p2'.split(' '));
    const bundle = bridge.bundles.find(({ name }) => name === 'bond0')!;
    await eventually('p2 is active', () => bundle.bond!.activePort?.name === 'p2');
    // The table's clock begins with the first tick.
    await new Promise((wake) => setTimeout(wake, 300));
    const learned = { bridge, bundle: ports[0].bundle, vlan: 0, macHigh: 0x0200, macLow: 7 };
    bridge.fdb.apply({ type: 'learn', ...learned, gratuitousArp: false });
    const received = () =>
      Number(hosts[2].namespace.run('cat', '/sys/class/net/eth0/statistics/rx_packets').trim());
    const before = received();
    inside.run('ip', 'link', 'set', 'p2', 'down');
    try {
      await eventually('p3 is active', () => bundle.bond!.activePort?.name === 'p3');
      await eventually('the frame arrives', () => received() > before);
      expect(warnings.filter((text) => text.includes('was not sent'))).to.deep.equal([]);
    } finally {
      inside.run('ip', 'link', 'set', 'p2', 'up');
    }
  });
});
