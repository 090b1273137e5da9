import { expect } from 'chai';
import { COMMANDS } from '../../ts/control/index.js';
import { CliRig } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { needsRoot } from '../support/skip.js';
import { datapathType } from '../support/test-datapath.js';

const DATAPATH = `${datapathType}@${datapathType === 'system' ? 'ovs-system' : 'ovs-netdev'}`;
const FLOWS = 'priority=10,arp actions=NORMAL\ncookie=0x5,ip actions=resubmit(,4)\ntable=4 actions=NORMAL\n';
/** Flows of ping both ways, in the datapath's words; the first field shows a megaflow. */
const MEGAFLOW = /^recirc_id\(0\),in_port\(\d+\),/;

describe(`slowpath ctl [${datapathType}]`, function () {
  this.timeout(Math.max(this.timeout(), 120_000));
  let rig: CliRig;
  const used = new Set<string>();
  before(async function () {
    needsRoot(this);
    rig = new CliRig();
    const ports = ['--port', 'p1', '--port', 'p2'];
    await rig.run(...ports, '--flows', rig.flowsFile(FLOWS), '--max-idle', '600000');
  });
  after(async () => {
    await rig?.stopAll();
    await rig?.remove();
  });

  const ctl = async (...words: string[]) => {
    used.add(words[0]);
    return (await rig.ask('ctl', ...words)).trimEnd();
  };
  const ipFlows = async (...words: string[]) =>
    (await ctl('dpctl/dump-flows', ...words)).split('\n').filter((line) => line.includes('eth_type(0x0800)'));

  it('shows flows: all, some, with names and ids', async () => {
    expect(await rig.ping(3)).to.equal(3);
    // Who asks again is learned again, also between fdb/flush and fdb/show.
    rig.pinNeighbours();
    const flows = await ipFlows();
    expect(flows).to.have.length(2);
    for (const line of flows) expect(line).to.match(MEGAFLOW);
    expect((await ipFlows('--names')).join()).to.contain('in_port(p1)');
    expect((await ipFlows('-m')).join()).to.match(/^ufid:.*in_port\(p[12]\).*dp:ovs, actions:p[12]/);
    expect((await ipFlows('--more', '--no-names')).join()).not.to.contain('in_port(p');
    expect(await ipFlows('filter=in_port=p1,icmp')).to.have.length(1);
    expect(await ctl('dpctl/dump-flows', 'filter=ipv6')).to.equal('');
    expect(await ipFlows(DATAPATH, 'filter=ip', 'type=ovs')).to.have.length(2);
    expect(await ipFlows('filter=ip', DATAPATH)).to.have.length(2);
    expect(await ctl('dpctl/dump-flows', 'type=offloaded')).to.equal('');
  });

  it('shows the datapath, and its ports with what they counted', async () => {
    const plain = await ctl('dpctl/show');
    expect(plain).to.match(
      new RegExp(`^${DATAPATH}:\n  lookups: hit:\\d+ missed:\\d+ lost:0\n  flows: \\d+\n`),
    );
    const statistics = await ctl('dpctl/show', '-s');
    expect(statistics).to.match(
      / {2}port 2: p1\n {4}RX packets:[1-9]\d* errors:0 dropped:\d+ overruns:0 frame:0\n {4}TX packets:[1-9]/,
    );
    expect(statistics.split('\n').length).to.be.above(plain.split('\n').length);
  });

  it('shows rules with what they counted, after revalidator/wait all of it', async () => {
    expect(await ctl('revalidator/wait')).to.equal('');
    const rules = (await ctl('ofctl/dump-flows', 'br0')).split('\n');
    expect(rules).to.have.length(3);
    expect(rules.find((line) => line.includes('cookie=0x5'))).to.match(
      /^ ?cookie=0x5, duration=\d+\.\d{3}s, table=0, n_packets=6, n_bytes=588, idle_age=\d+, ip actions=resubmit\(,4\)$/,
    );
    expect(await ctl('ofctl/dump-flows', 'br0', 'table=4')).to.match(
      /table=4, n_packets=\d+, .*actions=NORMAL$/,
    );
    expect(await ctl('ofctl/dump-flows', '-O', 'OpenFlow15', '--no-stats', 'br0', 'arp')).to.match(
      /^ ?reset_counts priority=10,arp actions=NORMAL$/,
    );
  });

  it('shows, counts and forgets addresses', async () => {
    const shown = await ctl('fdb/show', 'br0');
    expect(shown).to.match(/^ port +VLAN +MAC +Age\n/);
    expect(shown)
      .to.match(/^ +1 +0 {2}02:00:00:00:00:01 +\d+$/m)
      .and.to.match(/^ +2 +0 {2}02:00:00:00:00:02/m);
    expect(await ctl('fdb/stats-show', 'br0')).to.contain('Total number of learned MAC entries     : 2');
    expect(await ctl('fdb/stats-clear', 'br0')).to.equal('statistics successfully cleared');
    expect(await ctl('fdb/stats-show', 'br0')).to.contain('learned MAC entries     : 0');
    expect(await ctl('fdb/flush')).to.equal('table successfully flushed');
    expect(await ctl('fdb/show', 'br0')).to.equal(' port  VLAN  MAC                Age');
  });

  it('purges flows and brings them back', async () => {
    const before = Number(await ctl('coverage/read-counter', 'flow_del_purge'));
    expect(await ctl('revalidator/purge')).to.equal('');
    expect(await ctl('dpctl/dump-flows')).to.equal('');
    expect(Number(await ctl('coverage/read-counter', 'flow_del_purge')) - before).to.be.at.least(2);
    expect(await rig.ping(2)).to.equal(2);
    expect(await ipFlows()).not.to.be.empty;
  });

  it('installs exact flows without megaflows, and keeps them through revalidation', async () => {
    expect(await ctl('upcall/disable-megaflows')).to.equal('megaflows disabled');
    expect(await rig.ping(2)).to.equal(2);
    await ctl('revalidator/wait');
    const exact = await ipFlows();
    expect(exact).not.to.be.empty;
    for (const line of exact)
      expect(line)
        .to.match(/icmp\(type=[08],code=0\)/)
        .and.to.contain('ttl=64');
    expect(await ctl('upcall/enable-megaflows')).to.equal('megaflows enabled');
    expect(await rig.ping(2)).to.equal(2);
    for (const line of await ipFlows()) expect(line).to.match(MEGAFLOW).and.not.to.contain('icmp(');
  });

  it('dumps with and without flow ids', async () => {
    expect(await ctl('upcall/disable-ufid')).to.equal('Datapath dumping tersely using UFID disabled');
    expect(await ctl('upcall/show')).to.contain('\n  ufid enabled : false\n');
    await ctl('revalidator/wait');
    expect(await ipFlows()).not.to.be.empty;
    expect(await ctl('upcall/enable-ufid')).to.equal(
      'Datapath dumping tersely using UFID enabled for supported datapaths',
    );
  });

  it('shows and sets the flow limit', async () => {
    expect(await ctl('upcall/set-flow-limit', '5000')).to.equal('set flow_limit to 5000');
    expect(await ctl('upcall/show')).to.match(
      new RegExp(
        `^${DATAPATH}:\n  flows         : \\(current \\d+\\) \\(avg \\d+\\) \\(max \\d+\\) \\(limit 5000\\)\n  dump duration : \\d+ms\n  ufid enabled : true\n\n  1: \\(keys \\d+\\)$`,
      ),
    );
  });

  it('shows what was counted', async () => {
    const shown = (await ctl('coverage/show')).split('\n');
    expect(shown[0]).to.match(/^Event coverage, avg rate .* hash=[0-9a-f]{8}:$/);
    expect(shown.find((line) => line.startsWith('upcall_miss '))).to.match(/total: [1-9]\d*$/);
    expect(await ctl('coverage/help')).to.match(/^upcall_miss +Upcalls because no flow matched$/m);
    expect(await ctl('list-commands')).to.match(/^The available commands are:\n/);
  });

  it('refuses what it does not know with status 2', async () => {
    for (const [words, message] of [
      [
        ['nonsense'],
        '"nonsense" is not a valid command (use "list-commands" to see a list of valid commands)',
      ],
      [['fdb/show'], '"fdb/show" command requires at least 1 arguments'],
      [['upcall/show', 'x'], '"upcall/show" command takes at most 0 arguments'],
      [['fdb/show', 'nope'], 'no such bridge'],
      [['dpctl/dump-flows', 'filter=nope'], 'Failed to parse filter (nope: unknown field nope)'],
      [
        ['dpctl/dump-flows', DATAPATH, '-m'],
        '"-m" stands behind the datapath, where only filter= and type= may: options come first',
      ],
      [['ofctl/dump-flows', '-x', 'br0'], "unrecognized option '-x'"],
      [
        ['ofctl/dump-flows', '-O', 'OpenFlow13', 'br0'],
        '-O OpenFlow13: flows are told in the words of OpenFlow10 or OpenFlow15',
      ],
      [['ofctl/dump-flows', '--names'], "'dump-flows' command requires at least 1 arguments"],
      [['lacp/show', 'p1'], 'no such lacp object'],
      [['lacp/show-stats', 'p1'], 'no such lacp object'],
      [['upcall/set-flow-limit', 'many'], 'upcall/set-flow-limit: "many" is no number of flows'],
      [
        ['ofctl/dump-ipfix-bridge', 'br0'],
        'NXST_NOT_CONFIGURED: bridge br0 has no IPFIX record in its column ipfix',
      ],
      [
        ['ofctl/dump-ipfix-flow', 'br0'],
        'NXST_NOT_CONFIGURED: bridge br0 has no Flow_Sample_Collector_Set with an IPFIX record',
      ],
    ] as const) {
      used.add(words[0]);
      const args = ['ctl', '--datapath', datapathType, ...words];
      const { code, stdout, stderr } = await rig.start(args).exit;
      expect({ code, stdout, stderr }).to.deep.equal({
        code: 2,
        stdout: '',
        stderr: `slowpath: ${message}\n`,
      });
    }
    expect([...used], 'every command was tried').to.include.members(COMMANDS.map(({ name }) => name));
    const nobody = await rig.start(['ctl', '-d', datapathType, '-n', 'none', 'upcall/show']).exit;
    expect(nobody.code).to.equal(2);
    expect(nobody.stderr).to.match(/^slowpath: no switch runs on \S+@none: .*\n$/);
  });

  it('tells what becomes of flows while it happens', async () => {
    const followers = [[], ['--json']].map((options) =>
      rig.start(['flow-events', '--datapath', datapathType, ...options]),
    );
    const [text, json] = followers;
    // What was there before is not told; a purge is, as soon as the follower is heard.
    await eventually(
      'both follow',
      async () => {
        await rig.ping(1);
        await ctl('revalidator/purge');
        return followers.every(({ stdout }) => /deleted/.test(stdout));
      },
      60_000,
    );
    await eventually('both are told of an installed flow', async () => {
      await rig.ping(1);
      return followers.every(({ stdout }) => /installed/.test(stdout));
    });
    expect(text.stdout).to.match(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z deleted \(purge\) ufid:[0-9a-f-]{36}, recirc_id\(0\),in_port\(\d+\),.*, age:[\d.]+s, packets:\d+, bytes:\d+, actions:[\d,]+$/m,
    );
    const events = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const deleted = events.find(({ event }) => event === 'deleted')!;
    expect(deleted).to.include({ reason: 'purge' });
    expect(deleted).to.include.keys('time', 'ufid', 'flow', 'actions', 'packets', 'bytes', 'ageMs');
    await rig.stopAll();
    expect((await json.exit).stderr).to.equal('');
  });

  it('tells which rules went', async () => {
    // One goes every two seconds, however long the followers take to begin.
    const rules = Array.from(
      { length: 50 },
      (_, n) => `table=9,priority=${n + 1},hard_timeout=${2 * n + 2},ip send_flow_rem actions=drop`,
    );
    await rig.run('--port', 'p1', '--flows', rig.flowsFile(rules.join('\n')));
    const [text, json] = [[], ['--json']].map((options) =>
      rig.start(['flow-events', '--rules', '--datapath', datapathType, ...options]),
    );
    await eventually('both are told', () => /hard/.test(text.stdout) && /hard/.test(json.stdout), 90_000);
    expect(text.stdout).to.match(
      /^br0: OFPT_FLOW_REMOVED: priority=\d+,ip reason=hard table_id=9 duration[\d.]+s idle0 hard\d+ pkts0 bytes0\n/,
    );
    expect(JSON.parse(json.stdout.split('\n')[0])).to.include({
      bridge: 'br0',
      reason: 'hard_timeout',
      table: 9,
      packets: 0,
      bytes: 0,
    });
    await rig.stopAll();
  });
});
