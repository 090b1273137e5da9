// npm run bench -- forward: TCP and small packets that hit a megaflow through the embedded datapath, beside a plain pair of
// veth devices and ovs-vswitchd with datapath_type=netdev, between the same hosts in one run.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildTraffic } from '../traffic/build.mjs';
import { preparePeer } from './lib/peer.mjs';
import { median } from './lib/processes.mjs';

const trials = fileURLToPath(new URL('forward-trials.mjs', import.meta.url));
const OPTIONS = { rounds: 3, seconds: 2, count: 300_000, rate: 3_000_000 };
const NAMES = ['plain veth', 'ovs-vswitchd', 'ovs-vswitchd, tso', 'slowpath'];
const ROWS = [
  ['TCP, offloads as they come, Mbit/s', ({ offloads, mbps }) => (offloads === 'on' ? mbps : undefined)],
  ['TCP, ethtool -K eth0 tx off, Mbit/s', ({ offloads, mbps }) => (offloads === 'off' ? mbps : undefined)],
  ['60-byte packets arrived per second', ({ small }) => small?.pps],
  ['offered per second', ({ small }) => small?.offered],
  ['process time per packet, µs', ({ small }) => small?.cpuUs || undefined],
];

function whyNot() {
  for (const tool of ['iperf3', 'ethtool'])
    if (!['/usr/sbin', '/usr/bin'].some((folder) => existsSync(`${folder}/${tool}`)))
      return `${tool} is missing: apt-get install ${tool}`;
  return '';
}

function figure(value) {
  if (value === undefined) return '';
  if (value === 0) return 'fails';
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function report(records) {
  const widths = [36, ...NAMES.map((name) => Math.max(name.length, 8)), 14];
  const line = (cells) =>
    console.log(cells.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[0]))).join('  '));
  line(['median of rounds', ...NAMES, 'ratio to ovs']);
  const best = [];
  for (const [title, value] of ROWS) {
    const medians = NAMES.map((name) => {
      const values = records
        .filter((record) => record.name === name)
        .map(value)
        .filter((v) => v !== undefined);
      return values.length > 0 ? median(values) : undefined;
    });
    const peer = medians[1] || medians[2];
    const ratio = medians[3] && peer ? (medians[3] / peer).toFixed(2) : '';
    if (title.startsWith('TCP')) best.push(medians);
    line([title, ...medians.map(figure), ratio]);
  }
  const most = (i) => Math.max(...best.map((medians) => medians[i] ?? 0));
  const peers = Math.max(most(1), most(2));
  console.log(
    `TCP, best of each: slowpath ${figure(most(3))}, ovs-vswitchd ${figure(peers)} Mbit/s, ` +
      `ratio ${(most(3) / peers).toFixed(2)}; of the plain veth ${(most(3) / most(0)).toFixed(2)}`,
  );
}

export async function forward({ nodeArgs = [] }) {
  const reason = whyNot();
  if (reason) throw new Error(reason);
  await preparePeer();
  const built = await buildTraffic();
  if (!built.ok) throw new Error(built.output);
  console.log('\nforward: embedded datapath beside ovs-vswitchd with datapath_type=netdev (tso: with');
  console.log(
    'userspace-tso-enable=true, without which it forwards no TCP of senders that leave checksums to the device)',
  );
  const args = ['--net', process.execPath, trials, JSON.stringify({ ...OPTIONS, nodeArgs })];
  const output = execFileSync('unshare', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const records = output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  for (const { name, round, offloads, mbps, small } of records)
    console.log(
      `  round ${round}: ${name.padEnd(18)} ` +
        (small
          ? `${small.pps.toFixed(0)} packets/s, ${small.arrived} of ${small.sent}`
          : `${mbps.toFixed(0)} Mbit/s, tx ${offloads}`),
    );
  report(records);
}
