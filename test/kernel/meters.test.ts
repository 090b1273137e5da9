import { expect } from 'chai';
import { parseMeter } from '../../ts/openflow/index.js';
import { eventually } from '../support/eventually.js';
import { udpFrame } from '../support/frames.js';
import { expectAccepted, flowsLike } from '../support/switch-checks.js';
import { counted, openWith } from '../support/switch-frames.js';
import { describeSwitch, revalidated, type RunningSwitch } from '../support/switch-rig.js';

const SENT = 40;
/** More than the burst comes through when the emulated machine takes seconds for it. */
const SECONDS = 10;

describeSwitch(
  'meters of the kernel datapath',
  (rig) => {
    const change = ({ theSwitch, bridge }: RunningSwitch, command: 'add' | 'modify', text: string) =>
      theSwitch.changeMeters(bridge, [{ command, meter: parseMeter(text) }]);
    const open = (...meters: string[]) => {
      const running = openWith(rig(), '');
      for (const meter of meters) change(running, 'add', meter);
      return running;
    };
    const frames = (count: number, bytes = 32, port = 1000) =>
      Array.from({ length: count }, () => udpFrame(port, 2000, {}, Buffer.alloc(bytes)));

    it('packets beyond the burst are dropped, and counted as OpenFlow shows them', async () => {
      const running = open('meter=7 pktps burst stats bands=type=drop,rate=1,burst_size=5');
      const { theSwitch, bridge } = running;
      theSwitch.addFlows(bridge, 'udp actions=meter:7,output:2');
      const [, came] = await counted(rig(), 1, frames(SENT), [0, 5]);
      expect(came).to.be.within(5, 5 + SECONDS);
      expect(await flowsLike(theSwitch, /actions:meter\(\d+\),\d+$/)).to.have.length(1);
      const stats = theSwitch.meterStats(bridge, 7);
      const bytes = frames(1)[0].length;
      expect(stats).to.deep.include({ meterId: 7, flows: 1, packets: SENT, bytes: SENT * bytes });
      expect(stats?.bands).to.deep.equal([{ packets: SENT - came, bytes: (SENT - came) * bytes }]);
      expect(stats?.durationMs).to.be.greaterThan(0);
      expect(theSwitch.meterStats(bridge, 8)).to.equal(undefined);
      await expectAccepted(theSwitch);
    });

    it('a changed meter lets pass what it now says; with a deleted one its flows go', async () => {
      const running = open('meter=1 pktps burst bands=type=drop,rate=1,burst_size=2');
      const { theSwitch, bridge } = running;
      theSwitch.addFlows(bridge, 'udp actions=meter:1,output:2');
      expect((await counted(rig(), 1, frames(SENT), [0, 2]))[1]).to.be.within(2, 2 + SECONDS);
      change(running, 'modify', 'meter=1 pktps bands=type=drop,rate=10000');
      expect(await counted(rig(), 1, frames(SENT), [0, SENT])).to.deep.equal([0, SENT]);
      theSwitch.changeMeters(bridge, [{ command: 'delete', meterId: 1 }]);
      expect(bridge.flowTables.size).to.equal(0);
      expect(theSwitch.meterStats(bridge, 1)).to.equal(undefined);
      await revalidated(theSwitch);
      expect(await counted(rig(), 1, frames(1), [0, 0])).to.deep.equal([0, 0]);
      await expectAccepted(theSwitch);
    });

    it('of two meters each has its own; kbps count bits of packets', async () => {
      // 16 kbit are 2000 bytes; a frame has 542.
      const running = open(
        'meter=1 kbps burst bands=type=drop,rate=1,burst_size=16',
        'meter=2 pktps burst bands=type=drop,rate=1,burst_size=8',
      );
      const { theSwitch, bridge } = running;
      theSwitch.addFlows(
        bridge,
        'udp,tp_src=1000 actions=meter:1,output:2\nudp,tp_src=1001 actions=meter:2,output:2',
      );
      const [, bits] = await counted(rig(), 1, frames(SENT, 500), [0, 3]);
      expect(bits).to.be.within(3, 3 + SECONDS / 2);
      expect((await counted(rig(), 1, frames(SENT, 500, 1001), [0, 8]))[1]).to.be.within(8, 8 + SECONDS);
      await expectAccepted(theSwitch);
    });

    it('what the kernel has not is refused, and nothing changes', () => {
      const running = open('meter=1 pktps bands=type=drop,rate=1');
      const two = 'meter=1 pktps bands=type=drop,rate=1 type=drop,rate=2';
      expect(() => change(running, 'modify', two))
        .to.throw()
        .with.property('code', 'OFPMMFC_OUT_OF_BANDS');
      const remark = 'meter=2 pktps bands=type=dscp_remark,rate=1,prec_level=1';
      expect(() => change(running, 'add', remark))
        .to.throw()
        .with.property('code', 'OFPMMFC_BAD_BAND');
      const { theSwitch, bridge } = running;
      expect(theSwitch.meterStats(bridge, 1)?.bands).to.have.length(1);
      expect(theSwitch.meterStats(bridge, 2)).to.equal(undefined);
    });

    it('are there again with a datapath that somebody deleted', async () => {
      const running = open('meter=3 pktps burst bands=type=drop,rate=1,burst_size=3');
      const { theSwitch, bridge, warnings } = running;
      theSwitch.addFlows(bridge, 'udp actions=meter:3,output:2');
      expect((await counted(rig(), 1, frames(SENT), [0, 3]))[1]).to.be.within(3, 3 + SECONDS);
      rig().inside.run('ovs-dpctl', 'del-dp', 'system@ovs-system');
      await eventually('it is there again', () => warnings.some((line) => line.includes('there again')));
      expect(theSwitch.meterStats(bridge, 3)).to.deep.include({ packets: 0, bytes: 0 });
      expect((await counted(rig(), 1, frames(SENT), [0, 3]))[1]).to.be.within(3, 3 + SECONDS);
    });
  },
  { hosts: 2 },
);
