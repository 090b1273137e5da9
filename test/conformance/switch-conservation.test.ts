import { expect } from 'chai';
import fc from 'fast-check';
import { ALL_TABLES } from '../../ts/classifier/index.js';
import { emptyMatch, parseFlowMods, parseGroupMod } from '../../ts/openflow/index.js';
import type { Bridge, Switch } from '../../ts/switch/index.js';
import type { FlowStatsSink } from '../../ts/xlate/index.js';
import { eventually } from '../support/eventually.js';
import { udpFrame } from '../support/frames.js';
import { describeSwitch, revalidated } from '../support/switch-rig.js';
import { untoldPerDeletion } from '../support/test-datapath.js';
import { sendFrames } from '../support/traffic.js';

const RUNS = Number(process.env.FC_RUNS ?? 4);
/** OpenFlow port number of the patch port to the other bridge. */
const PATCH = 9;
/**
 * Every packet goes through this one, by a meter, one of the rules that change, a group, the other bridge, and by NORMAL to a member of the bond; and
 * is mirrored.
 */
const ACTIONS = `meter:1,resubmit(,1),group:1,output:${PATCH},NORMAL`;
const BASE = `priority=1,table=0,cookie=1,udp actions=${ACTIONS}`;
const SETUP =
  `add-br br1 -- set-fail-mode br1 secure -- add-port br0 to1 tag=10 -- set Interface to1 type=patch options:peer=to0 ofport_request=${PATCH} ` +
  '-- add-port br1 to0 -- set Interface to0 type=patch options:peer=to1 ' +
  // What its entries carried is halved when the bond is balanced: not before the test is over.
  '-- add-bond br0 bond0 p4 p5 bond_mode=balance-slb trunks=0 other_config:bond-rebalance-interval=10000000 ' +
  '-- --id=@n create NetFlow targets="127.0.0.1:9" -- set Bridge br0 netflow=@n';
/** Every packet once; it goes nowhere else, as no port of the bridge is of that VLAN but trunks. */
const MIRROR = { name: 'm', selectSrcPorts: ['p1'], outputVlan: 30 };
const GROUP = 'group_id=1,type=indirect,bucket=output:2';
const METER = 'meter=1 pktps stats bands=type=drop rate=1000000';
/** Where udpFrame goes, MAC_B. */
const DESTINATION = [0x0200, 0x0000000b] as const;

type Step = (theSwitch: Switch, bridge: Bridge) => unknown;

/** What happens between packets. */
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.integer({ min: 0, max: 7 }).map(
    (port): Step =>
      (theSwitch, bridge) => {
        theSwitch.addFlows(bridge, `table=1,priority=5,cookie=2,udp,tp_dst=${2000 + port} actions=output:3`);
      },
  ),
  fc.integer({ min: 0, max: 7 }).map(
    (port): Step =>
      (theSwitch, bridge) => {
        theSwitch.changeFlows(
          bridge,
          parseFlowMods(`modify table=1,udp,tp_dst=${2000 + port} actions=output:2`),
        );
      },
  ),
  fc.constant<Step>((theSwitch, bridge) => {
    theSwitch.changeFlows(
      bridge,
      parseFlowMods(`modify table=0,udp actions=${ACTIONS.replace(',', ',output:3,')}`, {
        version: 'as-needed',
      }),
    );
  }),
  fc.constant<Step>((theSwitch) => theSwitch.revalidate()),
  fc.constant<Step>((theSwitch) => theSwitch.cache.purge()),
  fc.constant<Step>((theSwitch) => {
    theSwitch.configurationChanged();
  }),
  fc.constant<Step>((theSwitch) => theSwitch.cache.setMegaflows(!theSwitch.cache.megaflows)),
);
const storm = fc.array(
  fc.tuple(step, fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 1, maxLength: 20 })),
  { minLength: 3, maxLength: 8 },
);

describeSwitch(
  'switch: packets are credited once, whatever happens',
  (rig) => {
    const rulesOf = (bridge: Bridge) => bridge.flowTables.select({ table: ALL_TABLES, match: emptyMatch() });

    it('sent = credited + lost', async function () {
      this.timeout(240_000);
      const property = fc.asyncProperty(storm, async (steps) => {
        const told = { packets: 0, bytes: 0 };
        const flowStats: FlowStatsSink = {
          counted: (_flow, packets, bytes) => {
            told.packets += packets;
            told.bytes += bytes;
          },
          ended() {},
        };
        const { theSwitch, bridge } = rig().open({
          ...{ bridge: { failMode: 'secure' }, vlans: [{}, {}, {}], flowStats },
        });
        theSwitch.vsctl(SETUP.replaceAll('"', '').split(' '));
        theSwitch.addMirror(bridge, MIRROR);
        const other = theSwitch.bridges.get('br1')!;
        theSwitch.addFlows(other, 'udp actions=resubmit(,3)\ntable=3 actions=drop');
        theSwitch.changeGroups(bridge, [parseGroupMod(GROUP, 'add')]);
        theSwitch.addMeters(bridge, METER);
        const { bundle } = bridge.portByName('p4')!;
        bridge.fdb.addStatic(0, ...DESTINATION, bundle);
        theSwitch.addFlows(bridge, BASE);
        let sent = 0;
        const send = (frames: Buffer[]) => {
          sendFrames(rig().hosts[0].namespace, 'eth0', frames);
          sent += frames.length;
        };
        const settled = () =>
          eventually('all packets came, and misses were handled', () => {
            const { datapath, upcall } = theSwitch.stats();
            const { hit, missed, lost } = datapath;
            return hit + missed === sent && upcall.miss + lost === missed;
          });
        let hits = 0;
        for (const [change, ports] of steps) {
          const frames = ports.map((port) => udpFrame(1000, 2000 + port));
          send(frames);
          await settled();
          // Flows have packets that nobody knows of when the change comes, and packets come while it goes on.
          send(frames);
          const changed = change(theSwitch, bridge);
          send(frames);
          await changed;
          await settled();
          hits += theSwitch.stats().datapath.hit;
        }
        expect(hits, 'packets that flows counted').to.be.greaterThan(0);
        await revalidated(theSwitch);
        const { datapath, revalidate } = theSwitch.stats();
        const heard = sent - datapath.lost;
        const size = udpFrame().length;
        const base = rulesOf(bridge).find(({ table }) => table === 0)!;
        const credited = base.packets;
        const deletions = Object.values(revalidate.deleted).reduce((sum, count) => sum + count, 0);
        expect(heard - credited, 'the rule of all packets: counted by flows that went, and not told')
          .to.be.at.least(0)
          .and.at.most(deletions * untoldPerDeletion);
        expect(base.bytes).to.equal(credited * size);
        expect(told, 'NetFlow').to.deep.equal({ packets: credited, bytes: credited * size });
        expect(bridge.flowTables.counter(0), 'table 0').to.deep.equal({ matched: credited, missed: 0 });
        const { matched, missed } = bridge.flowTables.counter(1);
        expect(matched + missed, 'table 1').to.equal(credited);
        const second = rulesOf(bridge).filter(({ table }) => table === 1);
        expect(
          second.reduce((sum, { packets }) => sum + packets, 0),
          'rules of table 1',
        ).to.equal(matched);
        const [bucket] = bridge.groups.get(1)!.buckets;
        expect(theSwitch.tables(bridge).bucketCounters.get(bucket), 'the bucket').to.deep.equal({
          packets: credited,
          bytes: credited * size,
        });
        const patch = bridge.portByName('to1')!.counted;
        expect(patch, 'the patch port').to.include({
          txPackets: credited,
          txBytes: credited * size,
          rxPackets: 0,
        });
        const peer = other.portByName('to0')!.counted;
        expect(peer, 'its peer').to.include({ rxPackets: credited, rxBytes: credited * size, txPackets: 0 });
        expect(
          rulesOf(other).map(({ packets }) => packets),
          'rules of the other bridge',
        ).to.deep.equal([credited, credited]);
        expect(other.flowTables.counter(3), 'its table 3').to.deep.equal({ matched: credited, missed: 0 });
        expect(theSwitch.tables(bridge).mirrorCounters.get('m'), 'the mirror').to.deep.equal({
          packets: credited,
          bytes: credited * size,
        });
        expect(
          [...bundle.bond!.entryBytes].reduce((sum, bytes) => sum + bytes),
          'the bond',
        ).to.equal(credited * size);
        const meter = theSwitch.meterStats(bridge, 1)!;
        expect([meter.packets, meter.bytes], 'the meter, which is the datapath’s own').to.deep.equal([
          heard,
          heard * size,
        ]);
        expect(bridge.fdb.size, 'addresses: who sends, and the one that was given').to.equal(2);
        expect(theSwitch.stats().revalidate).to.include({ backwards: 0, unanswered: 0 });
        await theSwitch.close();
      });
      await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
    });
  },
  { hosts: 5 },
);
