import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { SlowpathError } from '../../ts/errors/index.js';
import { eventually } from '../support/eventually.js';
import { ping } from '../support/ping.js';
import { command } from '../support/processes.js';
import { describeSwitch, type SwitchHost, type SwitchRig } from '../support/switch-rig.js';

const VPORTS = ['vport_vxlan', 'vport_geneve', 'vport_gre'];
const DATAPATH = 'system@ovs-system';
/** Longer than recovery waits between two attempts. */
const WHILE_MS = 2500;

const loaded = () => /^openvswitch /m.test(readFileSync('/proc/modules', 'utf8'));
const load = () => command('modprobe', ['-a', 'openvswitch', ...VPORTS]);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describeSwitch('a datapath that goes away', (rig) => {
  after(load);

  async function pings(from: SwitchHost, to: SwitchHost): Promise<void> {
    expect(await ping(from.namespace, to.ipv4, 2)).to.equal(2);
  }

  /** Deletes the datapath as somebody else would, and unloads the module at once, before it is made again. */
  function unload({ inside }: SwitchRig): void {
    const modules = [...VPORTS, 'openvswitch'].join(' ');
    inside.run('sh', '-c', `ovs-dpctl del-dp ${DATAPATH} && modprobe -r ${modules}`);
    expect(loaded()).to.equal(false);
  }

  it('deleted by somebody else, is made again with its ports and forwards', async () => {
    const { theSwitch, ports, warnings } = rig().open();
    const [one, two] = rig().hosts;
    await pings(one, two);
    const flows = () => theSwitch.stats().ukeys.operational ?? 0;
    expect(flows()).to.be.greaterThan(0);
    const before = theSwitch.datapath.ports().map(({ name, portNo }) => [name, portNo]);
    rig().inside.run('ovs-dpctl', 'del-dp', DATAPATH);
    await eventually('the loss', () => warnings.length > 0);
    expect(warnings[0]).to.match(/^datapath ovs-system is gone/);
    await eventually('the return', () => warnings.length > 1);
    expect(warnings).to.have.length(2);
    expect(warnings[1]).to.match(/^datapath ovs-system is there again/);
    expect(theSwitch.datapath.ports().map(({ name, portNo }) => [name, portNo])).to.deep.equal(before);
    expect(ports.every(({ mayForward }) => mayForward)).to.equal(true);
    await pings(one, two);
    await pings(two, one);
    expect(theSwitch.stats().datapath.lost).to.equal(0);
  });

  it('gone with its module, is there again when the module is; meanwhile requests say so', async () => {
    const { theSwitch, bridge, warnings } = rig().open();
    const [one, two] = rig().hosts;
    await pings(one, two);
    unload(rig());
    await eventually('the loss', () => warnings.length > 0);
    expect(() => theSwitch.stats())
      .to.throw(SlowpathError)
      .with.property('code', 'ERR_DATAPATH_LOST');
    expect(() => theSwitch.addPort(bridge, { name: 'br1', type: 'internal' }))
      .to.throw(SlowpathError)
      .with.property('code', 'ERR_DATAPATH_LOST');
    await pause(WHILE_MS);
    expect(loaded(), 'looking for the datapath must not load the module').to.equal(false);
    load();
    await eventually('the return', () => warnings.length > 1);
    expect(warnings, warnings.join('\n')).to.have.length(2);
    await pings(one, two);
    await pings(two, one);
    expect(theSwitch.stats().datapath).to.include({ lost: 0 });
  });

  it('a port whose device went meanwhile leaves the bridge', async () => {
    const { theSwitch, bridge, warnings } = rig().open();
    const [one, two] = rig().hosts;
    unload(rig());
    await eventually('the loss', () => warnings.length > 0);
    rig().inside.ip('link set p3 down');
    rig().inside.ip('link set p3 name away');
    load();
    await eventually('the return', () => warnings.some((text) => text.includes('there again')));
    await eventually('p3 has left', () => bridge.ports.size === 3);
    expect(warnings).to.include('port p3 left the datapath');
    await pings(one, two);
    rig().inside.ip('link set away name p3');
    rig().inside.ip('link set p3 up');
    theSwitch.addPort(bridge, { name: 'p3' });
  });

  it('closing a switch whose datapath is gone leaves nothing', async () => {
    const { theSwitch, warnings } = rig().open();
    unload(rig());
    await eventually('the loss', () => warnings.length > 0);
    await theSwitch.close();
    await pause(WHILE_MS);
    expect(loaded()).to.equal(false);
    load();
    await pause(WHILE_MS);
    expect(rig().inside.run('ovs-dpctl', 'dump-dps')).to.equal('');
  });
});
