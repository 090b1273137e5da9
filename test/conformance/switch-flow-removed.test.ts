import { expect } from 'chai';
import type { FlowEvent, FlowRemoved } from '../../ts/switch/index.js';
import { eventually } from '../support/eventually.js';
import { udpFrame } from '../support/frames.js';
import { describeSwitch, type OpenOptions, type RunningSwitch } from '../support/switch-rig.js';
import { sendFrames } from '../support/traffic.js';

const SECURE: OpenOptions = { bridge: { failMode: 'secure' }, policy: { maxIdle: 600_000 } };

describeSwitch('switch: flow-removed', (rig) => {
  const send = (...frames: Buffer[]) => sendFrames(rig().hosts[0].namespace, 'eth0', frames);
  const bytes = udpFrame().length;

  function follow({ theSwitch }: RunningSwitch): FlowRemoved[] {
    const removed: FlowRemoved[] = [];
    theSwitch.events.on('flowRemoved', (one) => removed.push(one));
    return removed;
  }

  /** Sends so that the flow of the datapath has counted `hits` packets of which no rule knows yet. */
  async function hit(running: RunningSwitch, hits: number, frame = udpFrame()): Promise<void> {
    const { theSwitch } = running;
    const before = theSwitch.stats().datapath;
    send(frame);
    await eventually('the flow is there', () => theSwitch.stats().datapath.flows === before.flows + 1);
    for (let i = 0; i < hits; i++) send(frame);
    await eventually('the datapath counted', () => theSwitch.stats().datapath.hit === before.hit + hits);
  }

  it('tells of deleted rules with all that flows counted for them until then', async () => {
    const running = rig().open(SECURE);
    const { theSwitch, bridge } = running;
    const removed = follow(running);
    theSwitch.addFlows(
      bridge,
      'cookie=0x1234,priority=7,udp,tp_dst=2000 send_flow_rem actions=output:2\n' +
        'priority=7,udp,tp_dst=2001 actions=output:2\npriority=6,arp send_flow_rem actions=drop',
    );
    // Neither a rule that takes the place of another nor a changed one is the end of a rule.
    theSwitch.addFlows(bridge, 'priority=6,arp send_flow_rem actions=output:3');
    theSwitch.modifyFlows(bridge, 'arp actions=output:2');
    await hit(running, 3);
    theSwitch.deleteFlows(bridge);
    await eventually('both are told', () => removed.length === 2);
    const [{ durationMs, text, ...rest }, second] = removed;
    expect(rest).to.deep.equal({
      ...{ bridge: 'br0', reason: 'delete', table: 0, priority: 7, cookie: '0000000000001234' },
      ...{ match: 'priority=7,udp,tp_dst=2000', idleTimeout: 0, hardTimeout: 0 },
      ...{ packets: 4, bytes: 4 * bytes },
    });
    expect(durationMs).to.be.greaterThan(0);
    expect(text).to.match(
      /^priority=7,udp,tp_dst=2000 reason=delete table_id=0 cookie:0x1234 duration[\d.]+s idle0 pkts4 bytes\d+$/,
    );
    expect(second).to.include({ reason: 'delete', match: 'priority=6,arp', packets: 0 });
  });

  it('tells of rules that timed out, and which timeout it was', async () => {
    const running = rig().open(SECURE);
    const { theSwitch, bridge } = running;
    const removed = follow(running);
    theSwitch.addFlows(
      bridge,
      'udp,tp_dst=2000,hard_timeout=1 send_flow_rem actions=output:2\n' +
        'udp,tp_dst=2001,idle_timeout=5 send_flow_rem actions=output:2',
    );
    await hit(running, 1, udpFrame(1000, 2001));
    await eventually('both are told', () => removed.length === 2);
    const [hard, idle] = [...removed].sort((a, b) => a.reason.localeCompare(b.reason));
    expect(hard).to.include({ reason: 'hard_timeout', hardTimeout: 1, idleTimeout: 0, packets: 0 });
    expect(hard.text).to.match(/ reason=hard .* idle0 hard1 pkts0 bytes0$/);
    expect(hard.durationMs).to.be.at.least(1000);
    expect(idle).to.include({ reason: 'idle_timeout', idleTimeout: 5, packets: 2, bytes: 2 * bytes });
    expect(idle.text).to.include(' reason=idle ').and.to.include(' idle5 pkts2 ');
    expect(idle.durationMs).to.be.at.least(5000);
  });

  it('tells of rules that went with a group or a meter, or to make room', async () => {
    const running = rig().open(SECURE);
    const { theSwitch, bridge } = running;
    const removed = follow(running);
    theSwitch.addGroups(bridge, 'group_id=1,type=all,bucket=output:2');
    theSwitch.addMeters(bridge, 'meter=1 kbps stats bands=type=drop rate=100000');
    theSwitch.addFlows(
      bridge,
      'udp,tp_dst=2000 send_flow_rem actions=group:1\nudp,tp_dst=2001 send_flow_rem actions=meter:1,output:2',
    );
    await hit(running, 2);
    await hit(running, 3, udpFrame(1000, 2001));
    theSwitch.deleteGroup(bridge, 1);
    await eventually('it is told', () => removed.length === 1);
    expect(removed[0]).to.include({ reason: 'group_delete', match: 'udp,tp_dst=2000', packets: 3 });
    theSwitch.deleteMeter(bridge, 1);
    await eventually('it is told', () => removed.length === 2);
    expect(removed[1]).to.include({ reason: 'meter_delete', match: 'udp,tp_dst=2001', packets: 4 });
    theSwitch.vsctl(
      '-- --id=@t create Flow_Table flow_limit=1 overflow_policy=evict -- set Bridge br0 flow_tables:5=@t'.split(
        ' ',
      ),
    );
    theSwitch.addFlows(bridge, 'udp,tp_dst=2002 actions=resubmit(,5)');
    theSwitch.addFlows(bridge, 'table=5,udp,idle_timeout=600 send_flow_rem actions=output:2');
    await hit(running, 1, udpFrame(1000, 2002));
    const { deleted } = theSwitch.stats().revalidate;
    const before = theSwitch.stats().revalidate.modified + Object.keys(deleted).length;
    theSwitch.addFlows(bridge, 'table=5,tcp actions=output:3');
    await eventually('it is told', () => removed.length === 3);
    expect(removed[2]).to.include({ reason: 'eviction', table: 5, match: 'udp', packets: 2 });
    // What the rule was asked for does not go on without it.
    expect(theSwitch.stats().revalidate.modified + Object.keys(deleted).length).to.equal(before + 1);
  });

  it('tells the last events of flows and rules when the switch is closed', async () => {
    const running = rig().open({ ...SECURE, policy: { maxIdle: 600_000, maxRevalidator: 600_000 } });
    const { theSwitch, bridge } = running;
    const removed = follow(running);
    const ends: FlowEvent[] = [];
    theSwitch.events.on('flow', (event) => void (event.event === 'deleted' && ends.push(event)));
    theSwitch.addFlows(bridge, 'udp send_flow_rem actions=output:2\nicmp actions=drop');
    await hit(running, 2);
    theSwitch.deleteFlows(bridge, 'udp');
    await theSwitch.close();
    expect(removed.map(({ match, packets }) => ({ match, packets }))).to.deep.equal([
      { match: 'udp', packets: 3 },
    ]);
    expect(ends.map(({ packets, reason }) => ({ packets, reason }))).to.deep.equal([
      { packets: 2, reason: 'purge' },
    ]);
    expect(theSwitch.events.listenerCount('flow')).to.equal(0);
  });
});
