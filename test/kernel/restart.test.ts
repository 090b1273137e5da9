import { rmSync } from 'node:fs';
import { expect } from 'chai';
import { CliRig } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { ping } from '../support/ping.js';
import type { Child } from '../support/processes.js';
import { needsRoot } from '../support/skip.js';

/** Host 1 pings host 2 by NORMAL alone, and by the connection tracker and back, each 100 times a second. */
const PLAIN = '10.0.0';
const TRACKED = '10.1.0';
const FLOWS = [
  `table=0,priority=10,icmp,nw_src=${TRACKED}.0/24 actions=ct(table=1,zone=7)`,
  'table=1,priority=2,icmp,ct_state=+trk+new actions=ct(commit,zone=7),NORMAL',
  'table=1,priority=1,icmp,ct_state=+trk+est actions=NORMAL',
  'table=0,priority=0 actions=NORMAL',
].join('\n');
const BATCH = 50;
/** awk: how many of a batch's packets were answered. */
const ANSWERED = `/ ttl=/ && match($0, /icmp_seq=[0-9]+/) {
  number = substr($0, RSTART + 9, RLENGTH - 9) + 0
  if (number <= ${BATCH} && !seen[number]++) count++
}
END { print "answered", count + 0 }`;

/**
 * Pings in batches until it is told to stop. ping with a deadline goes on until as many answers came as a batch has packets, so that one that a busy
 * machine delays is heard; what it sends beyond them does not count.
 */
class Pinger {
  readonly #child: Child;
  readonly #stop: () => void;

  constructor(rig: CliRig, address: string) {
    const file = rig.file(`go-on-${address}`, '');
    this.#stop = () => rmSync(file);
    const script = `while [ -e ${file} ]; do ping -n -c ${BATCH} -i 0.01 -w 20 ${address} | awk '${ANSWERED}'; done`;
    this.#child = rig.lab.keep(rig.hosts[0].start('sh', ['-c', script]));
  }

  get batches(): number {
    return this.#answers().length;
  }

  /** What was heard last. */
  get last(): string {
    return this.#child.stdout.slice(-400) + this.#child.stderr;
  }

  /** Answers to the packets of each batch. */
  #answers(): readonly number[] {
    return [...this.#child.stdout.matchAll(/^answered (\d+)$/gm)].map(([, count]) => Number(count));
  }

  async end(): Promise<{ sent: number; lost: number }> {
    this.#stop();
    await this.#child.exit;
    const answers = this.#answers();
    const sent = answers.length * BATCH;
    return { sent, lost: sent - answers.reduce((sum, count) => sum + count, 0) };
  }
}

describe('a switch that is killed and started again', function () {
  this.timeout(Math.max(this.timeout(), 480_000));
  let rig: CliRig;
  before(function () {
    needsRoot(this);
    rig = new CliRig();
    for (const [i, host] of rig.hosts.entries()) host.ip(`addr add ${TRACKED}.${i + 1}/24 dev eth0`);
    for (const net of [PLAIN, TRACKED]) rig.pinNeighbours(net);
  });
  afterEach(() => rig?.stopAll());
  after(() => rig?.remove());

  it('loses no packet of established flows, whether NORMAL or the connection tracker forwards them', async () => {
    const start = () => rig.run('--port', 'p1', '--port', 'p2', '--flows', rig.flowsFile(FLOWS));
    const first = await start();
    // Whoever pings begins after the flows are there.
    for (const net of [PLAIN, TRACKED]) expect(await ping(rig.hosts[0], `${net}.2`, 5)).to.equal(5);
    const pingers = [PLAIN, TRACKED].map((net) => new Pinger(rig, `${net}.2`));
    const more = async (when: string, count: number) => {
      for (const [i, pinger] of pingers.entries()) {
        const wanted = pinger.batches + count;
        await eventually(`pings ${i} go on ${when}`, () => pinger.batches >= wanted, 60_000).catch(
          (error) => {
            const flows = rig.inside.run('ovs-dpctl', 'dump-flows', 'system@ovs-system');
            throw new Error(`${error.message}\n${pinger.last}\n${flows}`);
          },
        );
      }
    };
    await more('before', 1);
    first.process.kill('SIGKILL');
    expect((await first.exit).signal).to.equal('SIGKILL');
    await more('without it', 1);
    const second = await start();
    // Rounds go by in which flows are validated and credited.
    await more('with the next', 2);
    const results = await Promise.all(pingers.map((pinger) => pinger.end()));
    for (const { sent, lost } of results) {
      expect(sent).to.be.at.least(4 * BATCH);
      expect(lost, `of ${sent}`).to.equal(0);
    }
    const counters = await rig.ask('ctl', 'coverage/show');
    const counted = (name: string) =>
      Number(new RegExp(`^${name} .*total: (\\d+)`, 'm').exec(counters)?.[1] ?? 0);
    // Two flows of NORMAL; two to the connection tracker and two back.
    expect(counted('revalidate_adopted'), counters).to.be.at.least(6);
    expect(second.stderr).not.to.include('"level":"warn"');
  });
});
