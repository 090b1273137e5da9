import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { commandsOf } from '../support/console.js';
import { eventually } from '../support/eventually.js';
import { PeerSwitch } from '../support/peer-switch.js';
import { root } from '../support/processes.js';
import { waitForOvsUptime } from '../support/uptime.js';
import { VswitchdRig } from '../support/vswitchd.js';

const DATAPATH = 'system@ovs-system';
const CONFIG = `
configuration: { bridges: [{ name: br0, fail_mode: secure, ports: [p1, p2] }] }
openflow: { br0: { flows: rules.txt } }
policies: { br0: { 5: policy.mjs } }
limits: { maxIdle: 600000 }
`;
const GUIDE = 'docs/guides/replace-ovs-vswitchd.md';
/** rules.txt as the guide has it written. */
const TAKEN_OVER = `
configuration: { bridges: [{ name: br0, fail_mode: secure, ports: [p1, p2] }] }
openflow: { br0: { flows: rules.txt } }
`;
const RULES = 'priority=9,icmp actions=resubmit(,5)\npriority=5,arp actions=NORMAL\n';

describe('scripts/vswitchd.mjs on the kernel datapath', function () {
  // Each command is a process of its own, which takes seconds to start in the guest.
  this.timeout(Math.max(this.timeout() * 2, 120_000));
  let rig: VswitchdRig;
  before(() => {
    rig = new VswitchdRig();
  });
  afterEach(() => rig?.stopAll());
  after(() => rig?.remove());

  /** The flows of ICMP, from the kernel: what each matches and does, and how many packets hit it. */
  const pings = () =>
    rig.inside
      .run('ovs-dpctl', 'dump-flows', DATAPATH)
      .split('\n')
      .filter((line) => line.includes('proto=1'))
      .map((line) => ({
        flow: line.replace(/, packets:.*(?=, actions:)/, ''),
        packets: Number(/packets:(\d+)/.exec(line)?.[1]),
      }))
      .sort((a, b) => (a.flow < b.flow ? -1 : 1));

  it('forwards by rules and a policy, takes over a change, and keeps its flows over a restart', async () => {
    rig.file('rules.txt', RULES);
    rig.file('policy.mjs', 'export default (pkt, act) => void (pkt.isIcmp && act.normal());\n');
    const file = rig.config(CONFIG);
    const first = await rig.serve([file]);
    expect(await rig.ping(3)).to.equal(3);
    rig.pinNeighbours();
    expect(pings()).to.have.length(2);

    rig.file('policy.mjs', 'export default (pkt, act) => void act.set.ipTtl(9).normal();\n');
    rig.file('rules.txt', `${RULES}priority=7,udp actions=drop\n`);
    await rig.reload(first);
    expect(first.stderr).to.contain('"added":1,"modified":0,"removed":0,"kept":2');
    // The policy reads another field, so that flows of other masks take the place of these with the next packets.
    await eventually('both flows do what the other policy says', async () => {
      await rig.ping(1);
      const flows = pings();
      return flows.length === 2 && flows.every(({ flow }) => flow.includes('actions:set(ipv4(ttl=9))'));
    });
    const kept = pings();
    expect((await first.stop()).code).to.equal(0);
    expect(pings().map(({ flow }) => flow)).to.deep.equal(kept.map(({ flow }) => flow));
    expect(await rig.ping(2), 'without a process').to.equal(2);

    const second = await rig.serve([file]);
    expect(await rig.ping(2)).to.equal(2);
    const after = pings();
    expect(after.map(({ flow }) => flow)).to.deep.equal(kept.map(({ flow }) => flow));
    for (const [i, { packets }] of after.entries())
      expect(packets, 'the same flow, not one that was made again').to.be.at.least(kept[i].packets + 4);

    rig.config(`${CONFIG}keep: false\n`);
    await rig.reload(second);
    expect((await second.stop()).code).to.equal(0);
    expect(rig.inside.run('ovs-dpctl', 'dump-dps')).to.equal('');
    expect(rig.devices()).to.deep.equal(['lo', 'p1', 'p2']);
  });

  it('takes over from ovs-vswitchd, beside which it is not begun, and gives back, by the commands of the guide', async () => {
    await waitForOvsUptime();
    const peer = await PeerSwitch.start(rig.lab, rig.inside, true);
    /** What a command prints, beside the files of the test. */
    const shell = (command: string) =>
      rig.inside.run('env', ...peer.environment, 'sh', '-c', `cd ${rig.rundir('.')} && ${command}`);
    const ports = () => shell('ovs-dpctl show system@ovs-system').match(/port \d+: .*/g);
    await peer.vsctl(
      'add-br br0 -- set-fail-mode br0 secure -- add-port br0 p1 -- add-port br0 p2'.split(' '),
    );
    await peer.addFlows('br0', 'priority=9,cookie=0x9,icmp actions=NORMAL\npriority=5,arp actions=NORMAL\n');
    expect(await rig.ping(2)).to.equal(2);
    const before = ports();
    for (const command of commandsOf(GUIDE, 'Before')) shell(command);

    const file = rig.config(TAKEN_OVER);
    const pid = readFileSync(join(peer.folder, 'ovs-vswitchd.pid'), 'utf8').trim();
    const refused = await rig.begin([file], [`OVS_RUNDIR=${peer.folder}`]).exit;
    expect(refused.stderr).to.match(
      new RegExp(
        `^vswitchd: ovs-vswitchd runs \\(process ${pid}\\), and ovs-system is its datapath: stop it first`,
      ),
    );
    expect(refused.code).to.equal(2);

    rig.pinNeighbours();
    // Flows of before have grown idle.
    expect(await rig.ping(2)).to.equal(2);
    await peer.stopDaemon();
    const [, count] = commandsOf(GUIDE, '3. Change over');
    expect(Number(shell(count)), 'flows that go on forwarding').to.be.greaterThan(0);
    expect(await rig.ping(2), 'without a process').to.equal(2);
    const running = await rig.serve([file]);
    expect(await rig.ping(2)).to.equal(2);
    expect(ports(), 'the same ports, of the same numbers').to.deep.equal(before);
    expect((await running.stop()).code).to.equal(0);

    await peer.startDaemon();
    await eventually('its bridge is there', () => existsSync(join(peer.folder, 'br0.mgmt')));
    const replace = /`(ovs-ofctl replace-flows [^`]*)`/.exec(readFileSync(join(root, GUIDE), 'utf8'))![1];
    shell(replace);
    expect(shell('ovs-ofctl dump-flows br0')).to.match(/cookie=0x9, .*icmp actions=NORMAL/);
    expect(await rig.ping(2)).to.equal(2);
    await peer.stopDaemon();
    peer.close();
  });
});
