// npm run bench -- revalidate: what it costs to keep flows true, by number of flows: duration and processor time of a dump, memory per flow,
// stalls of the event loop, first packets while dumps go on, and a change of one rule that concerns 0.05 % of the flows. Natively on the
// embedded datapath; in a guest with the real kernel module beside Debian's ovs-vswitchd.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildTraffic } from '../traffic/build.mjs';
import { preparePeer } from './lib/peer.mjs';
import { median } from './lib/processes.mjs';

const program = fileURLToPath(new URL('revalidate-trials.mjs', import.meta.url));
const vm = fileURLToPath(new URL('../vm/run.mjs', import.meta.url));

const native = (flows) => ({ datapath: 'netdev', flows, rate: 20_000, rounds: 1, peer: false });
const LANES = {
  native: {
    title: 'natively: embedded datapath',
    runs: [10_000, 50_000, 200_000, 1_000_000].map(native),
    command: (json) => ['unshare', ['--net', process.execPath, program, json]],
  },
  kernel: {
    title: 'in the guest: kernel datapath of Linux 6.1 beside ovs-vswitchd',
    runs: [{ datapath: 'system', flows: 200_000, rate: 4_000, rounds: 2, peer: true, changeMs: 4_000 }],
    command: (json) => [process.execPath, [vm, '--timeout', '2400', '--', process.execPath, program, json]],
  },
};

const ROWS = [
  ['dump, ms', (record) => record.dumpMs],
  ['processor time per round, ms', (record) => record.cpuMsPerRound],
  ['resident memory per flow, bytes', (record) => record.bytesPerFlow],
  ['of it JavaScript objects, bytes', (record) => record.heapPerFlow],
  ['longest stall of the event loop, ms', (record) => record.loop?.stallMs],
  ['longest that work held it, ms', (record) => record.loop?.heldMs],
  ['longest garbage collection, ms', (record) => record.loop?.garbageMs],
  ['first packet while dumping p50, µs', (record) => record.first.p50_us],
  ['first packet while dumping p99, µs', (record) => record.first.p99_us],
  ['rule change: processor time, ms', (record) => record.changed.cpuMs],
  ['rule change: in force after, ms', (record) => record.changed.inForceMs],
  ['rule change: flows translated again', (record) => record.changed.translated],
];

const figure = (number) =>
  Number.isFinite(number) ? number.toFixed(number >= 100 ? 0 : 1).padStart(12) : '–'.padStart(12);

function report(records, names) {
  console.log(`${'median of rounds'.padEnd(38)}${names.map((name) => name.padStart(13)).join('')}`);
  for (const [title, value] of ROWS) {
    const cells = names.map((name) =>
      figure(median(records.filter((record) => record.name === name).map(value))),
    );
    console.log(`${title.padEnd(38)}${cells.map((cell) => ` ${cell}`).join('')}`);
  }
}

export async function revalidate({ only, nodeArgs = [], flows, rounds }) {
  await preparePeer();
  const built = await buildTraffic();
  if (!built.ok) throw new Error(built.output);
  for (const [name, lane] of Object.entries(LANES)) {
    if (only && only !== name) continue;
    console.log(`\nrevalidate, ${lane.title}`);
    for (const run of flows ? [{ ...lane.runs.at(-1), flows }] : lane.runs) {
      const trials = { ...run, rounds: rounds || run.rounds, nodeArgs };
      const [command, args] = lane.command(JSON.stringify(trials));
      const output = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
      const records = output
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line));
      console.log(`${run.flows} flows`);
      report(records, run.peer ? ['slowpath', 'ovs-vswitchd'] : ['slowpath']);
    }
  }
}
