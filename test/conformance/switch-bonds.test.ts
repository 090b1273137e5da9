import { expect } from 'chai';
import {
  LACP_STATE_ACTIVITY,
  LACP_STATE_AGGREGATION,
  LACP_STATE_COLLECTING,
  LACP_STATE_SYNCHRONIZATION,
  lacpduFrame,
} from '../../ts/packet/index.js';
import { eventually } from '../support/eventually.js';
import { ethernet, udpFrame, udpPacket } from '../support/frames.js';
import { expectAccepted, flowsLike } from '../support/switch-checks.js';
import { connections, counted, deliver, spread } from '../support/switch-frames.js';
import { sendFrames } from '../support/traffic.js';
import { describeSwitch, revalidated, type RunningSwitch } from '../support/switch-rig.js';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** What a switch at the other end of a bond says at one of its ports: that it is ready. */
function partnerSays(portId: number): Uint8Array {
  const systemId = Uint8Array.of(2, 0, 0, 0, 0, 0x99);
  const state =
    LACP_STATE_ACTIVITY | LACP_STATE_AGGREGATION | LACP_STATE_SYNCHRONIZATION | LACP_STATE_COLLECTING;
  const actor = { systemPriority: 1, systemId, key: 7, portPriority: 1, portId, state };
  const partner = {
    systemPriority: 0,
    systemId: new Uint8Array(6),
    key: 0,
    portPriority: 0,
    portId: 0,
    state: 0,
  };
  return lacpduFrame(systemId, { actor, partner });
}

/** Lets the switch tell which member is active now; what it sends for that is not of the test. */
const announced = () => new Promise((resolve) => setTimeout(resolve, 300));

describeSwitch('switch: bonds', (rig) => {
  /** Port 1, and ports 2 and 3 in a bond, on a bridge that learns. */
  async function open(settings: string) {
    const running = rig().open({ vlans: [{}] });
    const words = `add-bond br0 bond0 p2 p3 ${settings} -- set Interface p2 ofport_request=2 -- set Interface p3 ofport_request=3`;
    const { errors } = running.theSwitch.vsctl(words.split(' '));
    expect(errors).to.deep.equal([]);
    const bond = running.bridge.bundles.find(({ name }) => name === 'bond0')?.bond;
    if (!bond) throw new Error('there is a bond');
    await announced();
    return { ...running, bond };
  }

  const link = async ({ bridge, theSwitch }: RunningSwitch, number: number, state: 'up' | 'down') => {
    rig().hosts[number - 1].namespace.ip(`link set eth0 ${state}`);
    await eventually(`port ${number} is ${state}`, () => {
      return bridge.ports.get(number)?.mayForward === (state === 'up');
    });
    await announced();
    await revalidated(theSwitch);
  };

  it('active-backup: one member carries all; another when its link goes', async () => {
    const running = await open('bond_mode=active-backup other_config:bond-primary=p2');
    expect(await counted(rig(), 1, connections(4), [0, 4, 0])).to.deep.equal([0, 4, 0]);
    await link(running, 2, 'down');
    try {
      const [, , three] = await deliver(rig(), 1, connections(4), [0, 0, 4]);
      expect(three).to.have.length(4);
    } finally {
      await link(running, 2, 'up');
    }
    expect(await counted(rig(), 1, connections(4), [0, 4, 0])).to.deep.equal([0, 4, 0]);
    await expectAccepted(running.theSwitch);
  });

  it('active-backup: what comes in by the backup is dropped', async () => {
    const { theSwitch } = await open('bond_mode=active-backup other_config:bond-primary=p2');
    expect(await counted(rig(), 3, [udpFrame()], [0, 0, 0])).to.deep.equal([0, 0, 0]);
    expect(await counted(rig(), 2, [udpFrame()], [1, 0, 0])).to.deep.equal([1, 0, 0]);
    await expectAccepted(theSwitch);
  });

  it('balance-slb: addresses spread over the members, and stay', async () => {
    const { theSwitch } = await open('bond_mode=balance-slb');
    const frames = connections(16).map((frame, i) =>
      Buffer.concat([frame.subarray(0, 6), Buffer.from([2, 0, 0, 1, 0, i]), frame.subarray(12)]),
    );
    const first = await spread(rig(), frames);
    await revalidated(theSwitch);
    expect(await spread(rig(), frames)).to.deep.equal(first);
    await expectAccepted(theSwitch);
  });

  it('balance-slb: what is loaded moves to the idle member', async () => {
    const { theSwitch, bond } = await open('bond_mode=balance-slb other_config:bond-rebalance-interval=1000');
    const entries = () => Array.from({ length: 256 }, (_, i) => bond.entryPort(i)?.name);
    const before = entries();
    // Sixteen addresses, and all the load on those that are at port 2 now.
    const from = (i: number, bytes: number) => {
      const frame = udpFrame(1000 + i, 2000, {}, Buffer.alloc(bytes));
      return Buffer.concat([frame.subarray(0, 6), Buffer.from([2, 0, 0, 1, 0, i]), frame.subarray(12)]);
    };
    const two = await spread(
      rig(),
      Array.from({ length: 16 }, (_, i) => from(i, 32)),
    );
    const loaded = [...new Set(two)].map((port) => from(port - 1000, 1400));
    const { namespace } = rig().hosts[0];
    await eventually('an entry moves', async () => {
      sendFrames(namespace, 'eth0', Array.from({ length: 30 }, () => loaded).flat());
      await revalidated(theSwitch);
      return entries().some((name, i) => name !== before[i]);
    });
    await expectAccepted(theSwitch);
  });

  it('balance-slb: broadcasts that come in by several members are taken once', async () => {
    const { theSwitch, bond } = await open('bond_mode=balance-slb');
    const active = bond.activePort?.name === 'p2' ? 2 : 3;
    const payload = udpPacket(1000, 2000, Buffer.alloc(32));
    const frame = ethernet({ dst: BROADCAST, type: 0x0800, payload });
    expect(await counted(rig(), active, [frame], [1, 0, 0])).to.deep.equal([1, 0, 0]);
    expect(await counted(rig(), 5 - active, [frame], [0, 0, 0])).to.deep.equal([0, 0, 0]);
    await expectAccepted(theSwitch);
  });

  it('balance-tcp: the datapath hashes connections to members', async () => {
    const { theSwitch, bond } = await open('bond_mode=balance-tcp lacp=active');
    expect(await counted(rig(), 1, [udpFrame()], [0, 0, 0]), 'before LACP').to.deep.equal([0, 0, 0]);
    for (const [i, host] of rig().hosts.slice(1, 3).entries())
      sendFrames(host.namespace, 'eth0', [partnerSays(i + 1)]);
    await eventually('LACP has been negotiated', () => bond.memberList.every(({ enabled }) => enabled));
    await revalidated(theSwitch);
    await spread(rig(), connections(16));
    expect(await flowsLike(theSwitch, /[:,]hash\(.*\),recirc\(/)).to.have.length(1);
    expect(await flowsLike(theSwitch, /dp_hash\(/)).to.have.length.within(2, 16);
    await expectAccepted(theSwitch);
  });
});
