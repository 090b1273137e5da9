// npm run bench -- upcall: misses handled per second and first-packet latency, beside Debian's ovs-vswitchd in the same run.
// Twice: natively (embedded datapath beside OVS's netdev datapath on the same veth ports) and in a guest with the real kernel module.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildTraffic } from '../traffic/build.mjs';
import { preparePeer } from './lib/peer.mjs';
import { median } from './lib/processes.mjs';

const trials = fileURLToPath(new URL('upcall-trials.mjs', import.meta.url));
const vm = fileURLToPath(new URL('../vm/run.mjs', import.meta.url));

const LANES = {
  native: {
    title: 'natively: embedded datapath beside ovs-vswitchd with datapath_type=netdev',
    options: { datapath: 'netdev', rounds: 3, count: 60_000, warmup: 60_000, rate: 400_000, flows: 500 },
    command: (json) => ['unshare', ['--net', process.execPath, trials, json]],
  },
  kernel: {
    title: 'in the guest: kernel datapath of Linux 6.1 beside ovs-vswitchd with one handler thread',
    options: { datapath: 'system', rounds: 3, count: 9_000, warmup: 9_000, rate: 20_000, flows: 200 },
    command: (json) => [process.execPath, [vm, '--timeout', '900', '--', process.execPath, trials, json]],
  },
};

function report(records) {
  const of = (name, value) => median(records.filter((record) => record.name === name).map(value));
  const place = (record, packet) => record.latency.packets[packet];
  const rows = [
    ['misses handled per second', (record) => record.storm.pps],
    ['came through of those sent, %', (record) => (record.storm.distinct * 100) / record.storm.sent],
    ['process time per miss, µs', (record) => record.storm.cpuUs],
    ['first packet p50, µs', (record) => place(record, 0).p50_us],
    ['first packet p99, µs', (record) => place(record, 0).p99_us],
    ['second packet p50, µs', (record) => place(record, 1).p50_us],
    ['resident memory, MB', (record) => record.residentMb],
  ];
  console.log(
    `${'median of rounds'.padEnd(32)} ${'slowpath'.padStart(10)} ${'ovs'.padStart(10)} ${'ratio'.padStart(7)}`,
  );
  for (const [title, value] of rows) {
    const ours = of('slowpath', value);
    const peer = of('ovs-vswitchd', value);
    const digits = (number) => (number >= 100 ? number.toFixed(0) : number.toFixed(2)).padStart(10);
    console.log(
      `${title.padEnd(32)} ${digits(ours)} ${digits(peer)} ${(ours / peer).toFixed(2).padStart(7)}`,
    );
  }
}

export async function upcall({ only, nodeArgs = [] }) {
  await preparePeer();
  const built = await buildTraffic();
  if (!built.ok) throw new Error(built.output);
  for (const [name, lane] of Object.entries(LANES)) {
    if (only && only !== name) continue;
    console.log(`\nupcall, ${lane.title}`);
    const [command, args] = lane.command(JSON.stringify({ ...lane.options, nodeArgs }));
    const output = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    const records = output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
    for (const { name: who, round, storm } of records)
      console.log(
        `  round ${round}: ${who.padEnd(12)} ${storm.pps.toFixed(0)}/s, ${storm.distinct} of ${storm.sent}`,
      );
    report(records);
  }
}
