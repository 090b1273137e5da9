// Asks real Open vSwitch and us about fresh random switches and packets, and prints where the answers differ. See README.md.
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureOvs } from '../test/ovs.mjs';
import { mustRun } from '../test/process.mjs';
import { root } from '../test/root.mjs';
import { makeCase } from './generate/case.mjs';
import { leftOverCases, Recordings } from './left-over.mjs';
import { Ours } from './ours.mjs';
import { Peer, PeerDied } from './peer/daemons.mjs';
import { askPeer } from './peer/setup.mjs';
import { Report } from './report.mjs';
import { TextReport } from './text.mjs';

const usage = `usage: npm run oracle -- [options]
  --seed N       begin of the sequence of cases (default 1)
  --cases M      cases to ask about, three packets each (default 200)
  --first I      number of the first case (default 0): --first 17 --cases 1 is case 17 alone
  --wide        cases with what the recorded ones do not have as well: rare actions, fields, ports and packets
  --left-over    ask about the recordings that test/golden/xlate-recordings.ts lists as made with an address left over, without that address
  --write FILE   write the cases with the peer's answers, JSON Lines, as test/fixtures/xlate-dev.jsonl.gz has them
  --peer-only    do not ask us
  --show N       differences to print in full (default 20)
  --no-build     take dist/ and out/ as they are
The status is 1 when there are differences beyond those in known.mjs.`;

function options() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      cases: { type: 'string', default: '200' },
      first: { type: 'string', default: '0' },
      show: { type: 'string', default: '20' },
      write: { type: 'string' },
      'left-over': { type: 'boolean', default: false },
      wide: { type: 'boolean', default: false },
      'peer-only': { type: 'boolean', default: false },
      'no-build': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  for (const name of ['seed', 'cases', 'first', 'show']) {
    if (!/^\d+$/.test(values[name])) throw new Error(`--${name} takes a number, not ${values[name]}`);
    values[name] = Number(values[name]);
  }
  return values;
}

async function build() {
  console.log('building…');
  for (const script of ['build:ts', 'build:test'])
    await mustRun('npm', ['run', script], { cwd: root, timeoutMs: 600_000 });
}

/** The case with the peer's answers; null when the peer died of it, twice: it may have been the case before. */
async function askSurvivor(peer, entry, report) {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      return await askPeer(peer, entry);
    } catch (error) {
      if (attempt === 1) {
        report.peerDied(entry, error.message);
        return null;
      }
      if (!(error instanceof PeerDied)) report.note(`${entry.id}: ${error.message}; asked again`);
    } finally {
      // Also after the second time: the next case wants a peer.
      if (!(await peer.isWell())) await peer.start();
    }
  }
  return null;
}

/** The cases to ask about. */
function casesOf(given) {
  if (given['left-over']) return leftOverCases();
  return Array.from(
    { length: given.cases },
    (_, i) => () => makeCase(given.seed, given.first + i, given.wide),
  );
}

async function run(given) {
  if (!given['no-build']) await build();
  const { judge } = await import(join(root, 'out', 'test', 'golden', 'trace-compare.js'));
  const { compareText } = await import(join(root, 'out', 'test', 'golden', 'trace-text-compare.js'));
  const report = new Report(judge, given.show);
  const texts = new TextReport(compareText, given.show);
  const recordings = new Recordings(judge);
  const peer = new Peer(await ensureOvs());
  const ours = new Ours();
  const file = given.write === undefined ? null : createWriteStream(given.write);
  const stop = () => process.exit(130);
  process.once('SIGINT', stop);
  try {
    await peer.start();
    for (const [i, make] of (await casesOf(given)).entries()) {
      const asked = make();
      const entry = await askSurvivor(peer, asked, report);
      if (entry !== null) {
        file?.write(`${JSON.stringify(entry)}\n`);
        const answer = given['peer-only'] ? null : await ours.ask(entry);
        report.compare(entry, answer);
        texts.compare(entry, answer);
        if (given['left-over']) recordings.compare(asked, entry);
      } else if (!given['peer-only']) {
        report.survived(await ours.ask(asked));
      }
      if ((i + 1) % 100 === 0) report.progress(i + 1);
    }
  } finally {
    ours.stop();
    await peer.stop();
    file?.end();
    process.removeListener('SIGINT', stop);
  }
  report.print();
  texts.print();
  if (given['left-over']) recordings.print();
  process.exitCode = report.failed || texts.failed ? 1 : 0;
}

let given;
try {
  given = options();
} catch (error) {
  console.error(`${error.message}\n${usage}`);
  process.exit(2);
}
if (given.help) console.log(usage);
else await run(given);
