import { expect } from 'chai';
import { dumpFlowLines } from '../../ts/datapath/index.js';
import { ethernet, udpFrame, udpPacket } from '../support/frames.js';
import { eventually } from '../support/eventually.js';
import { ping } from '../support/ping.js';
import { describeSwitch, revalidated } from '../support/switch-rig.js';
import { Capture, sendFrames } from '../support/traffic.js';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const PINGS = 5;

describeSwitch(
  'switch: hosts',
  (rig) => {
    it('answer every ping over IPv4 and IPv6, in both directions', async () => {
      const { theSwitch } = rig().open();
      const [one, two] = rig().hosts;
      expect(await ping(one.namespace, two.ipv4, PINGS)).to.equal(PINGS);
      expect(await ping(two.namespace, one.ipv6, PINGS)).to.equal(PINGS);
      const { datapath, upcall } = theSwitch.stats();
      expect(datapath.lost).to.equal(0);
      expect(upcall.installs).to.be.greaterThan(0);
      expect(upcall.install_failures + upcall.execute_failures + upcall.send_failures).to.equal(0);
      // Echo requests and answers after the first ones need no upcall; under emulation some are on their way before.
      expect(datapath.hit).to.be.at.least(2 * (PINGS - 1));
    });
  },
  { hosts: 2, ipv6: true },
);

describeSwitch('switch: forwarding', (rig) => {
  const listen = (number: number, count = 1) =>
    Capture.start(rig().hosts[number - 1].namespace, 'eth0', count);
  const send = (number: number, ...frames: Buffer[]) =>
    sendFrames(rig().hosts[number - 1].namespace, 'eth0', frames);
  /** A frame that every host takes for another's; UDP, so that nobody answers it. */
  const data = Buffer.alloc(26, 0x5a);
  const frame = (tags: [number, number][] = [], dst = BROADCAST, src = '02:00:00:00:00:11') =>
    ethernet({ src, dst, type: 0x0800, tags, payload: udpPacket(1000, 2000, data) });

  it('the second packet of a flow makes no upcall', async () => {
    const { theSwitch, bridge, ports } = rig().open({ bridge: { failMode: 'secure' } });
    theSwitch.addFlows(bridge, 'in_port=1 actions=output:2');
    let heard = await listen(2);
    send(1, udpFrame());
    expect(await heard.settled(1)).to.have.length(1);
    const before = theSwitch.stats();
    const upcalls = before.upcall.upcalls;
    expect(before.datapath).to.include({ missed: 1, hit: 0, flows: 1 });
    heard = await listen(2, 5);
    send(1, udpFrame(), udpFrame(), udpFrame(), udpFrame(), udpFrame());
    expect(await heard.settled(5)).to.have.length(5);
    const after = theSwitch.stats();
    expect(after.datapath).to.include({ missed: 1, hit: 5, lost: 0, flows: 1 });
    expect(after.upcall.upcalls).to.equal(upcalls);
    await revalidated(theSwitch);
    const lines = await dumpFlowLines(theSwitch.datapath);
    expect(lines).to.have.length(1);
    const [one, two] = ports.map(({ odpPort }) => odpPort);
    expect(lines[0]).to.match(
      new RegExp(
        `^recirc_id\\(0\\),in_port\\(${one}\\),.*eth_type\\(0x0800\\),ipv4\\(.*frag=no\\).*, ` +
          `packets:5, bytes:${5 * udpFrame().length}, used:\\d+\\.\\d{3}s, actions:${two}$`,
      ),
    );
    const named = await dumpFlowLines(theSwitch.datapath, { names: true });
    expect(named[0]).to.match(/in_port\(p1\).* actions:p2$/);
  });

  it('learns where an address is and floods no more', async () => {
    rig().open();
    const elsewhere = await listen(3, 2);
    send(2, frame([], BROADCAST, '02:00:00:00:00:22'));
    const there = await listen(2);
    send(1, frame([], '02:00:00:00:00:22'));
    expect(await there.settled(1)).to.have.length(1);
    const heard = await elsewhere.settled(1);
    expect(heard).to.have.length(1);
    expect(heard[0].toString('hex', 0, 12)).to.equal('ffffffffffff020000000022');
  });

  it('access ports are untagged, trunks carry the tags they are told to', async () => {
    rig().open({ vlans: [{ tag: 10 }, { trunks: [10, 20] }, { tag: 20 }] });
    const trunk = await listen(2);
    const other = await listen(3, 2);
    send(1, frame());
    const [tagged] = await trunk.settled(1);
    expect(tagged?.toString('hex')).to.equal(frame([[0x8100, 10]]).toString('hex'));
    const access = await listen(1, 2);
    // VLAN 20 to port 3 alone, VLAN 30 nowhere, VLAN 10 back to the sender of before.
    const back = frame([[0x8100, 10]], '02:00:00:00:00:11', '02:00:00:00:00:22');
    const to20 = frame([[0x8100, 20]], BROADCAST, '02:00:00:00:00:22');
    const to30 = frame([[0x8100, 30]], BROADCAST, '02:00:00:00:00:22');
    send(2, to30, to20, back);
    const untag = (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 12), bytes.subarray(16)]);
    const hex = (frames: Buffer[]) => frames.map((one) => one.toString('hex'));
    expect(hex(await access.settled(1))).to.deep.equal([untag(back).toString('hex')]);
    expect(hex(await other.settled(1))).to.deep.equal([untag(to20).toString('hex')]);
  });

  it('a native-untagged trunk takes and gives its own VLAN untagged', async () => {
    rig().open({ vlans: [{ tag: 10 }, { vlanMode: 'native-untagged', tag: 10, trunks: [20] }, { tag: 20 }] });
    const trunk = await listen(2, 2);
    send(1, frame());
    send(3, frame([], BROADCAST, '02:00:00:00:00:33'));
    const heard = (await trunk.settled(2)).map((one) => one.toString('hex'));
    expect(heard).to.have.members([
      frame().toString('hex'),
      frame([[0x8100, 20]], BROADCAST, '02:00:00:00:00:33').toString('hex'),
    ]);
  });

  it('a port that is removed gets and gives nothing, and may come back', async () => {
    const { theSwitch, bridge, ports } = rig().open();
    let heard = await listen(2);
    send(1, frame());
    expect(await heard.settled(1)).to.have.length(1);
    theSwitch.removePort(ports[1]);
    await revalidated(theSwitch);
    expect(theSwitch.datapath.ports().map(({ name }) => name)).not.to.include('p2');
    heard = await listen(2);
    const other = await listen(3);
    send(1, frame());
    expect(await other.settled(1)).to.have.length(1);
    expect(await heard.stop()).to.have.length(0);
    const again = theSwitch.addPort(bridge, { name: 'p2' });
    expect(again.ofport).to.equal(2);
    await revalidated(theSwitch);
    heard = await listen(2);
    send(1, frame());
    expect(await heard.settled(1)).to.have.length(1);
  });

  it('a port whose device vanishes leaves the bridge', async () => {
    const { inside, hosts, open } = rig();
    const { theSwitch, bridge, warnings } = open();
    rig().lab.veth(inside, 'p9', hosts[0].namespace, 'eth9');
    inside.up('p9');
    hosts[0].namespace.up('eth9');
    const port = theSwitch.addPort(bridge, { name: 'p9' });
    expect(port.ofport).to.equal(4);
    hosts[0].namespace.ip('link del eth9');
    await eventually('port p9 leaves', () => bridge.portByName('p9') === undefined);
    expect(warnings).to.deep.equal(['port p9 left the datapath']);
    const heard = await listen(2);
    send(1, frame());
    expect(await heard.settled(1)).to.have.length(1);
    expect(theSwitch.stats().upcall.execute_failures).to.equal(0);
  });
});
