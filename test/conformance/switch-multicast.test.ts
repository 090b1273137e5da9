import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { checksum, ethernet, ipv4Packet, udpPacket } from '../support/frames.js';
import { expectAccepted } from '../support/switch-checks.js';
import { counted, deliver } from '../support/switch-frames.js';
import { describeSwitch, revalidated } from '../support/switch-rig.js';
import { sendFrames } from '../support/traffic.js';

const GROUP = '239.1.1.1';
const GROUP_MAC = '01:00:5e:01:01:01';
const QUERY = 0x11;
const REPORT = 0x16;
const LEAVE = 0x17;

/** An IGMPv2 message about the group. */
function igmp(type: number, source: string, dst = GROUP, group = GROUP): Buffer {
  const message = Buffer.from([type, 0, 0, 0, ...group.split('.').map(Number)]);
  message.writeUInt16BE(checksum(message), 2);
  const payload = ipv4Packet(2, message, -1, { src: source, dst, ttl: 1 });
  const last = dst.split('.').map(Number);
  const mac = `01:00:5e:${[last[1] & 0x7f, last[2], last[3]].map((n) => n.toString(16).padStart(2, '0')).join(':')}`;
  return ethernet({ src: `02:00:00:00:00:0${source.at(-1)}`, dst: mac, type: 0x0800, payload });
}

/** What is sent to the group. */
function stream(): Buffer {
  const payload = udpPacket(1000, 2000, Buffer.alloc(32), { src: '10.0.0.1', dst: GROUP, ttl: 1 });
  return ethernet({ src: '02:00:00:00:00:01', dst: GROUP_MAC, type: 0x0800, payload });
}

describeSwitch(
  'switch: multicast snooping',
  (rig) => {
    function open(settings = '') {
      const running = rig().open();
      running.theSwitch.vsctl([
        'set',
        'Bridge',
        'br0',
        'mcast_snooping_enable=true',
        ...settings.split(' ').filter(Boolean),
      ]);
      return running;
    }
    const send = (number: number, frame: Buffer) =>
      sendFrames(rig().hosts[number - 1].namespace, 'eth0', [frame]);
    const QUIET = 'other_config:mcast-snooping-disable-flood-unregistered=true';

    it('a group that nobody joined goes to all, or to none as is configured', async () => {
      const { theSwitch } = open();
      expect(await counted(rig(), 1, [stream()], [0, 1, 1, 1])).to.deep.equal([0, 1, 1, 1]);
      theSwitch.vsctl(['set', 'Bridge', 'br0', QUIET]);
      await revalidated(theSwitch);
      expect(await counted(rig(), 1, [stream()], [0, 0, 0, 0])).to.deep.equal([0, 0, 0, 0]);
      await expectAccepted(theSwitch);
    });

    it('a group goes to those that joined it until they leave, and to routers', async () => {
      const { theSwitch, bridge } = open(QUIET);
      const members = () =>
        [...(bridge.mcast?.groups() ?? [])].reduce((sum, group) => sum + group.members.length, 0);
      expect(await counted(rig(), 1, [stream()], [0, 0, 0, 0])).to.deep.equal([0, 0, 0, 0]);
      send(2, igmp(REPORT, '10.0.0.2'));
      await eventually('one member', () => members() === 1);
      await revalidated(theSwitch);
      for (const _ of [1, 2])
        expect(await counted(rig(), 1, [stream()], [0, 1, 0, 0])).to.deep.equal([0, 1, 0, 0]);
      // A router asks; it hears reports and all groups from then on.
      send(4, igmp(QUERY, '10.0.0.4', '224.0.0.1', '0.0.0.0'));
      await eventually('a router', () => bridge.mcast?.routers(0).length === 1);
      const [, two, , router] = await deliver(rig(), 3, [igmp(REPORT, '10.0.0.3')], [0, 0, 0, 1]);
      expect([two.length, router.length]).to.deep.equal([0, 1]);
      await eventually('two members', () => members() === 2);
      await revalidated(theSwitch);
      expect(await counted(rig(), 1, [stream()], [0, 1, 1, 1])).to.deep.equal([0, 1, 1, 1]);
      send(2, igmp(LEAVE, '10.0.0.2', '224.0.0.2'));
      await eventually('one member again', () => members() === 1);
      await revalidated(theSwitch);
      expect(await counted(rig(), 1, [stream()], [0, 0, 1, 1])).to.deep.equal([0, 0, 1, 1]);
      await expectAccepted(theSwitch);
    });

    it('every report comes up, although its flow is installed', async () => {
      const { theSwitch } = open(QUIET);
      send(2, igmp(REPORT, '10.0.0.2'));
      await eventually('its flow', () => theSwitch.stats().datapath.flows === 1);
      for (const count of [1, 2]) {
        send(2, igmp(REPORT, '10.0.0.2'));
        await eventually('it comes up', () => theSwitch.stats().upcall.slow_path === count);
      }
      await expectAccepted(theSwitch);
    });
  },
  { hosts: 4 },
);
