import { expect } from 'chai';
import { CliRig } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { udpFrame } from '../support/frames.js';
import { sendFrames } from '../support/traffic.js';

const DATAPATH = 'system@ovs-system';
const FLOWS = 'priority=5,udp actions=controller(max_len=64)\npriority=1 actions=NORMAL\n';

/** Lines without what moves between two looks, in one order. */
const still = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.replace(/packets:\d+, bytes:\d+, used:[^,]+, /, ''))
    .map((line) => line.replace(/(hit|missed|hit\/pkt|hit-rate):[\d.]+%?/g, '$1'))
    .sort();

describe('slowpath run, seen by ovs-dpctl', function () {
  // Each command is a process of its own, which takes seconds to start in the guest.
  this.timeout(Math.max(this.timeout() * 2, 120_000));
  let rig: CliRig;
  before(() => {
    rig = new CliRig();
  });
  afterEach(() => rig?.stopAll());
  after(() => rig?.remove());

  const ports = ['--port', 'p1', '--port', 'p2', '--max-idle', '600000'];
  const dpctl = (command: string) => rig.inside.run('ovs-dpctl', command, DATAPATH);
  const lookups = () => {
    const [, hit, missed, lost] = /hit:(\d+) missed:(\d+) lost:(\d+)/.exec(dpctl('show')) ?? [];
    return { hit: Number(hit), missed: Number(missed), lost: Number(lost) };
  };

  it('its flows and ports are the same in both tools; the second packet makes no upcall', async () => {
    const running = await rig.run(...ports, '--flows', rig.flowsFile(FLOWS));
    // No neighbour discovery, whose probes would come between the counts.
    rig.pinNeighbours();
    expect(await rig.ping(3)).to.equal(3);
    expect(lookups().lost, 'lost before controllers').to.equal(0);
    sendFrames(rig.hosts[0], 'eth0', [udpFrame()]);
    await eventually('the packet-in', () => running.stderr.includes('packet-in'));
    await eventually('the flow of the controller', () => dpctl('dump-flows').includes('controller('));
    const before = lookups();
    expect(before.lost, 'lost').to.equal(0);
    sendFrames(rig.hosts[0], 'eth0', [udpFrame(), udpFrame()]);
    await eventually('both packets', () => lookups().hit >= before.hit + 2);
    expect(lookups()).to.deep.equal({ hit: before.hit + 2, missed: before.missed, lost: 0 });
    const theirs = dpctl('dump-flows');
    expect(theirs).to.match(
      /eth_type\(0x0800\),ipv4\(proto=17,.*actions:userspace\(pid=\d+,controller\(reason=1,dont_send=[01],continuation=0,recirc_id=\d+,rule_cookie=0(x0)?,controller_id=0,max_len=64\)\)/,
    );
    expect(theirs.match(/eth_type\(0x0800\).*actions:\d$/gm), theirs).to.have.length(2);
    expect(still(await rig.ask('dump-flows'))).to.deep.equal(still(theirs));
    expect(still(await rig.ask('show'))).to.include.members(
      still(dpctl('show')).filter((line) => /port|flows/.test(line)),
    );
    expect((await running.stop()).code).to.equal(0);
    expect(rig.inside.run('ovs-dpctl', 'dump-dps')).to.equal('');
    expect(rig.devices()).to.deep.equal(['lo', 'p1', 'p2']);
    expect(rig.files()).to.deep.equal([]);
  });

  it('--keep leaves datapath, ports and flows, which forward; the next run takes them over', async () => {
    const first = await rig.run(...ports, '--keep');
    expect(await rig.ping(3)).to.equal(3);
    const flows = still(dpctl('dump-flows'));
    expect((await first.stop()).code).to.equal(0);
    expect(rig.devices()).to.have.members([
      'lo',
      'br0',
      'ovs-system',
      'p1 in ovs-system',
      'p2 in ovs-system',
    ]);
    expect(rig.sockets()).to.deep.equal([]);
    expect(still(dpctl('dump-flows'))).to.include.members(flows);
    expect(await rig.ping(2), 'without a process').to.equal(2);
    // Nobody runs: the command asks the kernel itself.
    expect(still(await rig.ask('dump-flows'))).to.deep.equal(still(dpctl('dump-flows')));
    const second = await rig.run(...ports);
    expect(await rig.ping(2)).to.equal(2);
    expect((await second.stop()).code).to.equal(0);
    expect(rig.devices()).to.deep.equal(['lo', 'p1', 'p2']);
    expect(rig.files()).to.deep.equal([]);
  });
});
