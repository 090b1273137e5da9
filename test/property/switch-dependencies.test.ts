import { expect } from 'chai';
import fc from 'fast-check';
import type { FlowEvent } from '../../ts/switch/index.js';
import { eventually } from '../support/eventually.js';
import { arpFrame, checksum, ethernet, ipv4Packet, udpPacket } from '../support/frames.js';
import { describeSwitch, revalidated, type RunningSwitch } from '../support/switch-rig.js';
import { sendFrames } from '../support/traffic.js';

const RUNS = Number(process.env.FC_RUNS ?? 4);
const HOSTS = 5;
/** Longer than from one look at timers to the next. */
const CALM_MS = 250;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const GROUP = '239.1.1.1';
const GROUP_MAC = '01:00:5e:01:01:01';

const addressOf = (host: number) => `02:00:00:00:01:0${host}`;
const unicast = (from: number, to: string, port = 2000) =>
  ethernet({
    ...{ src: addressOf(from), dst: to, type: 0x0800 },
    payload: udpPacket(1000, port, Buffer.alloc(32), { src: `10.0.0.${from}`, dst: '10.0.0.9' }),
  });
const multicast = (from: number) => unicast(from, GROUP_MAC, 5000);

/** An IGMPv2 message. */
function igmp(from: number, type: number): Buffer {
  const body = Buffer.from([type, 0, 0, 0, 239, 1, 1, 1]);
  body.writeUInt16BE(checksum(body), 2);
  const payload = ipv4Packet(2, body, -1, { src: `10.0.0.${from}`, dst: GROUP, ttl: 1 });
  return ethernet({ src: addressOf(from), dst: GROUP_MAC, type: 0x0800, payload });
}

/** Something that may concern flows; frames come to it for changes that packets make. */
type Step = (running: RunningSwitch, send: (from: number, ...frames: Buffer[]) => void) => unknown;

const vsctl =
  (words: string): Step =>
  ({ theSwitch }) =>
    theSwitch.vsctl(words.split(' '));
const port = fc.integer({ min: 1, max: 3 });

/** Changes by what they change. Each begins with another state, so that some change nothing. */
const STEPS: Readonly<Record<string, fc.Arbitrary<Step>>> = {
  'multicast snooping': fc.constantFrom(
    vsctl('set Bridge br0 mcast_snooping_enable=true'),
    vsctl('set Bridge br0 mcast_snooping_enable=false'),
    vsctl(
      'set Bridge br0 mcast_snooping_enable=true other_config:mcast-snooping-disable-flood-unregistered=true',
    ),
  ),
  'members of a multicast group': fc.tuple(port, fc.constantFrom(0x16, 0x17)).map(
    ([host, type]): Step =>
      (_, send) =>
        send(host, igmp(host, type)),
  ),
  mirrors: fc.constantFrom<Step>(
    ({ theSwitch, bridge }) =>
      bridge.mirrors.length === 0 &&
      theSwitch.addMirror(bridge, { name: 'm', selectAll: true, outputPort: 'p3' }),
    ({ theSwitch, bridge }) =>
      bridge.mirrors.length === 0 &&
      theSwitch.addMirror(bridge, { name: 'm', selectSrcPorts: ['p1'], outputVlan: 30 }),
    ({ theSwitch, bridge }) => bridge.mirrors.length > 0 && theSwitch.removeMirror(bridge, 'm'),
  ),
  'bond modes': fc
    .constantFrom('active-backup', 'balance-slb', 'balance-tcp')
    .map((mode) => vsctl(`set Port bond0 bond_mode=${mode}`)),
  'members of the bond': fc.tuple(fc.constantFrom(4, 5), fc.constantFrom('up', 'down')).map(
    ([member, word]): Step =>
      ({ theSwitch, bridge }) => {
        const one = bridge.portByName(`p${member}`);
        if (one !== undefined) theSwitch.modPort(one, word);
      },
  ),
  tunnels: fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 }))
    .map(([remote, key]) =>
      vsctl(
        `--may-exist add-port br0 vx -- set Interface vx type=vxlan options:remote_ip=192.0.2.${remote} options:key=${key}`,
      ),
    ),
  'patch ports and the bridge behind them': fc.constantFrom<Step>(
    ({ theSwitch }) => theSwitch.addFlows(theSwitch.bridges.get('br1')!, 'priority=5,udp actions=drop'),
    ({ theSwitch }) => theSwitch.addFlows(theSwitch.bridges.get('br1')!, 'priority=5,udp actions=NORMAL'),
    vsctl('set Interface to1 options:peer=nobody'),
    vsctl('set Interface to1 options:peer=to0'),
  ),
  groups: fc.tuple(fc.constantFrom('all', 'select', 'ff'), port).map(
    ([type, to]): Step =>
      ({ theSwitch, bridge }) => {
        const watch = type === 'ff' ? `watch_port=${to},` : '';
        theSwitch.setGroup(bridge, `group_id=1,type=${type},bucket=${watch}actions=output:${to}`);
      },
  ),
  meters: fc.constantFrom<Step>(
    ({ theSwitch, bridge }) => theSwitch.setMeter(bridge, 'meter=1 kbps bands=type=drop rate=100000'),
    ({ theSwitch, bridge }) => theSwitch.deleteMeter(bridge, 1),
  ),
  'addresses that move': fc.tuple(port, port).map(
    ([host, to]): Step =>
      (_, send) =>
        send(to, arpFrame(addressOf(host), '10.0.0.1', '10.0.0.2')),
  ),
  'addresses that are forgotten': fc.constant<Step>(({ bridge }) => bridge.fdb.flush()),
  'settings of ports': fc
    .tuple(
      port,
      fc.constantFrom('tag=10', 'tag=[]', 'trunks=10,20', 'trunks=[]', 'protected=true', 'protected=false'),
    )
    .map(([n, words]) => vsctl(`set Port p${n} ${words}`)),
  'OpenFlow settings of ports': fc
    .tuple(port, fc.constantFrom('no-flood', 'flood', 'no-forward', 'forward', 'no-receive', 'receive'))
    .map(
      ([n, word]): Step =>
        ({ theSwitch, bridge }) => {
          const one = bridge.portByName(`p${n}`);
          if (one !== undefined) theSwitch.modPort(one, word);
        },
    ),
  'ports that come and go': fc.constantFrom(
    vsctl('--if-exists del-port p3'),
    vsctl('--may-exist add-port br0 p3 -- set Interface p3 ofport_request=3'),
  ),
  rules: fc.constantFrom<Step>(
    ({ theSwitch, bridge }) => theSwitch.addFlows(bridge, 'priority=20,udp,tp_dst=2001 actions=output:2'),
    ({ theSwitch, bridge }) => theSwitch.deleteFlows(bridge, 'udp,tp_dst=2001'),
    ({ theSwitch, bridge }) => theSwitch.modifyFlows(bridge, 'udp,tp_dst=2002 actions=output:3'),
    ({ theSwitch, bridge }) =>
      theSwitch.addFlows(bridge, 'priority=30,ip,nw_src=10.0.0.2 actions=resubmit(,7),NORMAL'),
    ({ theSwitch, bridge }) => theSwitch.addFlows(bridge, 'table=7,udp actions=output:1'),
    ({ theSwitch, bridge }) => theSwitch.modTable(bridge, 0, 'continue'),
    ({ theSwitch, bridge }) => theSwitch.modTable(bridge, 0, 'default'),
  ),
  exporters: fc.constantFrom<Step>(
    ({ theSwitch, bridge }) => theSwitch.setSflow(bridge, { targets: ['127.0.0.1:6343'], sampling: 10 }),
    ({ theSwitch, bridge }) => theSwitch.setSflow(bridge, null),
    ({ theSwitch, bridge }) => theSwitch.setNetflow(bridge, { targets: ['127.0.0.1:2055'] }),
    ({ theSwitch, bridge }) => theSwitch.setNetflow(bridge, null),
  ),
};
const step = fc.oneof(...Object.entries(STEPS).map(([name, of]) => of.map((run) => ({ name, run }))));

describeSwitch(
  'switch: what a change concerns',
  (rig) => {
    function open(): RunningSwitch {
      const running = rig().open({ vlans: [{}, {}, {}], policy: { maxIdle: 600_000 } });
      const { theSwitch, bridge } = running;
      const words =
        'add-bond br0 bond0 p4 p5 -- add-br br1 -- add-port br0 to1 -- set Interface to1 type=patch options:peer=to0 ' +
        '-- add-port br1 to0 -- set Interface to0 type=patch options:peer=to1';
      expect(theSwitch.vsctl(words.split(' ')).errors).to.deep.equal([]);
      theSwitch.addGroups(bridge, 'group_id=1,type=all,bucket=output:2');
      theSwitch.addMeters(bridge, 'meter=1 kbps bands=type=drop rate=200000');
      theSwitch.addFlows(
        bridge,
        'priority=10,udp,tp_dst=2002 actions=group:1\npriority=10,udp,tp_dst=2003 actions=meter:1,NORMAL\npriority=0 actions=NORMAL',
      );
      return running;
    }

    /** Frames that between them meet all that changes. */
    function frames(): (readonly [number, Buffer[]])[] {
      return [1, 2, 3].map((from) => [
        from,
        [
          unicast(from, BROADCAST),
          ...[1, 2, 3, 6].filter((to) => to !== from).map((to) => unicast(from, addressOf(to))),
          ...[2001, 2002, 2003].map((udp) => unicast(from, addressOf((from % 3) + 1), udp)),
          multicast(from),
        ],
      ]);
    }

    /** What devices say of their links, and what timers look at, has become a change, too. */
    async function calm({ theSwitch }: RunningSwitch): Promise<void> {
      let generation = -1;
      while (theSwitch.snapshot.generation !== generation) {
        ({ generation } = theSwitch.snapshot);
        await new Promise((resolve) => setTimeout(resolve, CALM_MS));
      }
    }

    /** Flows that were not right, until now. */
    function mended({ theSwitch }: RunningSwitch): Record<string, number> {
      const { modified, deleted } = theSwitch.stats().revalidate;
      return { modified, ...deleted };
    }

    it('is all that it concerns: to translate everything again finds nothing more', async function () {
      this.timeout(240_000);
      let found = 0;
      const property = fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 12 }), async (steps) => {
        const running = open();
        const { theSwitch } = running;
        const send = (from: number, ...list: Buffer[]) =>
          sendFrames(rig().hosts[from - 1].namespace, 'eth0', list);
        const settled = () =>
          eventually('all misses were handled', () => {
            const { datapath, upcall } = theSwitch.stats();
            return upcall.miss + datapath.lost === datapath.missed;
          });
        // Host 6 is behind the bond.
        send(4, unicast(6, BROADCAST));
        for (const { name, run } of steps) {
          for (const [from, list] of frames()) send(from, ...list);
          await settled();
          await revalidated(theSwitch);
          const first = mended(running);
          await run(running, send);
          await settled();
          await calm(running);
          await revalidated(theSwitch);
          const before = mended(running);
          if (JSON.stringify(before) !== JSON.stringify(first)) found++;
          const late: string[] = [];
          const tell = ({ event, flow, actions }: FlowEvent) =>
            late.push(`${event} ${flow} actions:${actions}`);
          theSwitch.events.on('flow', tell);
          theSwitch.configurationChanged();
          await revalidated(theSwitch);
          theSwitch.events.off('flow', tell);
          expect(mended(running), `missed by a change of ${name}:\n${late.join('\n')}`).to.deep.equal(before);
        }
        await theSwitch.close();
        // Its links are as they were.
        for (const n of [4, 5]) rig().inside.up(`p${n}`);
        await eventually('the ports are up', () => rig().inside.running('p4', 'p5'));
      });
      await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
      expect(found, 'changes that concerned flows').to.be.greaterThan(0);
    });
  },
  { hosts: HOSTS },
);
