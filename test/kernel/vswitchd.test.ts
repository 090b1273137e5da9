import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { VswitchdRig } from '../support/vswitchd.js';

const DATAPATH = 'system@ovs-system';
const CONFIG = `
configuration: { bridges: [{ name: br0, fail_mode: secure, ports: [p1, p2] }] }
openflow: { br0: { flows: rules.txt } }
policies: { br0: { 5: policy.mjs } }
limits: { maxIdle: 600000 }
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

  it('is not begun beside ovs-vswitchd', async () => {
    const pidfile = join(rig.rundir('.'), 'ovs-vswitchd.pid');
    const options = [
      `--pidfile=${pidfile}`,
      `--unixctl=${pidfile}.ctl`,
      '-vconsole:off',
      `unix:${pidfile}.db`,
    ];
    const theirs = rig.lab.keep(rig.inside.start('ovs-vswitchd', options));
    await eventually('ovs-vswitchd runs', () => existsSync(pidfile));
    const pid = readFileSync(pidfile, 'utf8').trim();
    const { code, stderr } = await rig.begin([rig.config(CONFIG)], [`OVS_RUNDIR=${rig.rundir('.')}`]).exit;
    expect(stderr).to.match(
      new RegExp(
        `^vswitchd: ovs-vswitchd runs \\(process ${pid}\\), and ovs-system is its datapath: stop it first`,
      ),
    );
    expect(code).to.equal(2);
    await theirs.stop();
  });
});
