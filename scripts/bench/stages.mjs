// npm run bench -- stages: where the microseconds of one upcall go. Runs the switch under V8's sampling profiler during a flood
// of new flows, and sums the samples by stage; receiving and decoding are timed natively.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildTraffic, trafficTool } from '../traffic/build.mjs';
import { clear, layOut, ONE_FLOW_EACH, SWITCH_PORTS, TRAFFIC_IN, TRAFFIC_OUT } from './lib/field.mjs';
import { Ours } from './lib/ours.mjs';
import { mainThreadSeconds, runJson, sleep } from './lib/processes.mjs';

const self = fileURLToPath(import.meta.url);
const timesHook = new URL('lib/receive-times.mjs', import.meta.url).href;
const vm = fileURLToPath(new URL('../vm/run.mjs', import.meta.url));

const LANES = {
  native: { options: { datapath: 'netdev', count: 60_000, rate: 100_000 }, command: ['unshare', '--net'] },
  kernel: {
    options: { datapath: 'system', count: 9_000, rate: 3_000 },
    command: [process.execPath, vm, '--timeout', '300', '--'],
  },
};

/** Stages by where a sample's function lives; the first that fits counts. */
const STAGES = [
  ['encode and send operations (native)', (name, file) => name === '#flush' && file === 'upcall/handler.js'],
  ['classify, collect, track', (_, file) => /^(upcall|datapath\/op-writer)/.test(file)],
  ['translate', (_, file) => /^(xlate|classifier|flow)\//.test(file)],
  ['remember the flow', (_, file) => file.startsWith('ukey/')],
  ['apply effects', (_, file) => file.startsWith('switch/')],
  ['collect garbage', (name) => name === '(garbage collector)'],
  ['revalidation', (_, file) => /^(revalidate|datapath|netlink|ovs)\//.test(file)],
];

function stageOf({ functionName, url }) {
  const file = url.split('/dist/')[1] ?? '';
  return STAGES.find(([, fits]) => fits(functionName, file))?.[0];
}

/** Microseconds by stage of the samples between two times (µs of the profile's clock). */
function sumStages(profile, from, to) {
  const nodes = new Map(profile.nodes.map((node) => [node.id, stageOf(node.callFrame)]));
  const sums = new Map(STAGES.map(([stage]) => [stage, 0]));
  let at = profile.startTime;
  for (const [i, id] of profile.samples.entries()) {
    at += profile.timeDeltas[i];
    const stage = nodes.get(id);
    if (stage !== undefined && at >= from && at < to)
      sums.set(stage, sums.get(stage) + profile.timeDeltas[i]);
  }
  return sums;
}

/** Inside the namespace or guest: one warm-up, one flood that counts. Prints the table. */
async function measure({ datapath, count, rate }) {
  const dir = mkdtempSync(join(tmpdir(), 'slowpath-stages-'));
  const nodeArgs = [
    '--import',
    timesHook,
    '--cpu-prof',
    `--cpu-prof-dir=${dir}`,
    '--cpu-prof-interval',
    '200',
  ];
  const ours = new Ours({ datapath, ports: SWITCH_PORTS, flows: ONE_FLOW_EACH, nodeArgs });
  const times = join(dir, 'times');
  process.env.SLOWPATH_BENCH_TIMES = times;
  /** Asks the switch for the time it spent receiving, in µs since it began. */
  const receiveTimes = async () => {
    rmSync(times, { force: true });
    process.kill(ours.pid, 'SIGUSR2');
    for (let i = 0; i < 100 && !existsSync(times); i++) await sleep(50);
    const { receiveNs, decodeNs } = JSON.parse(readFileSync(times, 'utf8'));
    return { receive: receiveNs / 1000, decode: decodeNs / 1000 };
  };
  layOut();
  try {
    await ours.start();
    const microseconds = () => Number(process.hrtime.bigint() / 1000n);
    const flood = async (first) => {
      const from = microseconds();
      const began = await receiveTimes();
      const cpu = mainThreadSeconds(ours.pid);
      const sink = runJson(
        trafficTool,
        ['sink', '--dev', TRAFFIC_OUT, '--expect', String(count), '--timeout', '60', '--quiet-ms', '2000'],
        () =>
          runJson(trafficTool, [
            ...['flood', '--dev', TRAFFIC_IN, '--count', String(count), '--rate', String(rate)],
            ...['--flows', 'distinct', '--first', String(first)],
          ]),
      );
      const received = await sink;
      const used = (mainThreadSeconds(ours.pid) - cpu) * 1e6;
      const to = microseconds();
      const ended = await receiveTimes();
      const native = { receive: ended.receive - began.receive, decode: ended.decode - began.decode };
      return { from, ...received, to, cpu: used, native };
    };
    await flood(0);
    await sleep(12_000);
    const { from, to, cpu, distinct, native } = await flood(count);
    await ours.stop();
    const file = readdirSync(dir).find((name) => name.endsWith('.cpuprofile'));
    const sums = sumStages(JSON.parse(readFileSync(join(dir, file), 'utf8')), from, to);
    console.log(`${distinct} misses on the ${datapath} datapath, offered at ${rate} a second; µs each:`);
    // The profiler sees JavaScript and what it calls; receiving and decoding come before that, and are timed natively.
    const before = [
      ['receive (native)', native.receive],
      ['decode (native)', native.decode],
    ];
    for (const [stage, us] of [...before, ...sums, ['all of the main thread', cpu]])
      console.log(`  ${stage.padEnd(38)} ${(us / distinct).toFixed(2).padStart(8)}`);
  } finally {
    await ours.stop();
    clear();
    rmSync(dir, { recursive: true, force: true });
  }
}

export async function stages({ only }) {
  const built = await buildTraffic();
  if (!built.ok) throw new Error(built.output);
  for (const [name, { options, command }] of Object.entries(LANES)) {
    if (only && only !== name) continue;
    const [program, ...args] = [...command, process.execPath, self, JSON.stringify(options)];
    execFileSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  }
}

if (process.argv[1] === self) await measure(JSON.parse(process.argv[2]));
