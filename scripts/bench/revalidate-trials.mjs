// Runs inside the network namespace or guest that revalidate.mjs prepares. Prints one JSON line per trial.
//   node revalidate-trials.mjs '{"datapath":"netdev","flows":200000,"rate":50000,"rounds":1,"peer":false}'
import { readFileSync } from 'node:fs';
import { trafficTool } from '../traffic/build.mjs';
import { clear, layOut, ONE_FLOW_EACH, SWITCH_PORTS, TRAFFIC_IN, TRAFFIC_OUT } from './lib/field.mjs';
import { OurSwitch } from './lib/our-switch.mjs';
import { Peer } from './lib/peer.mjs';
import { cpuSeconds, mainThreadSeconds, median, residentMb, runJson, sleep } from './lib/processes.mjs';

const options = JSON.parse(process.argv[2]);
const { flows } = options;
const HOUR_MS = 3_600_000;
/** Far above what is needed: on a slow machine dumps take long, and the limit falls for it, on either side. */
const LIMIT = flows * 8;
const WARM_UP = 2_000;
const LATENCIES = options.latencies ?? 500;
const QUIET_MS = options.quietMs ?? 8_000;
const CHANGES = options.changes ?? 3;
const CHANGE_MS = options.changeMs ?? 3_000;
/** Ports of the traffic tool's flows begin here, and there are so many for one host. */
const FIRST_PORT = 1024;
const PORTS = 60_000;

const log = (text) => process.stderr.write(`${text}\n`);

async function flood(first, count, rate = options.rate) {
  await runJson(trafficTool, [
    ...['flood', '--dev', TRAFFIC_IN, '--count', String(count), '--rate', String(rate)],
    ...['--flows', 'distinct', '--first', String(first)],
  ]);
}

/** Has all flows installed. Those that got lost in the rush are sent again. */
async function fill(daemon) {
  const chunk = Math.min(flows, options.rate * 2);
  for (let attempt = 0; attempt < 8; attempt++) {
    // From the second time on most are there already.
    const rate = attempt === 0 ? options.rate : options.rate * 5;
    for (let first = 0; first < flows; first += chunk) {
      await flood(first, Math.min(chunk, flows - first), rate);
      for (let waited = 0; waited < 20; waited++) {
        const { flows: there } = await daemon.figures();
        // Another look when nothing comes any more.
        await sleep(100);
        if ((await daemon.figures()).flows === there) break;
      }
    }
    const { flows: there, deleted = {} } = await daemon.figures();
    log(`  ${daemon.name}: ${there} flows; deleted: ${JSON.stringify(deleted)}`);
    if (there >= flows * 0.999) return there;
  }
  throw new Error(`${daemon.name}: not all flows could be installed`);
}

/** Rounds with nothing to do. */
async function quiet(daemon) {
  const dumps = [];
  const before = await daemon.figures();
  const cpu = cpuSeconds(daemon.pid);
  const mainCpu = mainThreadSeconds(daemon.pid);
  const end = performance.now() + QUIET_MS;
  const began = performance.now();
  while (performance.now() < end) {
    await sleep(500);
    dumps.push((await daemon.figures()).dumpMs);
  }
  const seconds = (performance.now() - began) / 1000;
  const used = cpuSeconds(daemon.pid) - cpu;
  const mainUsed = mainThreadSeconds(daemon.pid) - mainCpu;
  const after = await daemon.figures();
  const dumpMs = median(dumps);
  // The peer does not count its rounds: one begins half a second after the last did, or when that is through.
  const rounds =
    after.rounds === undefined ? (seconds * 1000) / Math.max(500, dumpMs) : after.rounds - before.rounds;
  return {
    dumpMs,
    cpuMsPerRound: (used * 1000) / rounds,
    mainMsPerRound: (mainUsed * 1000) / rounds,
    cpuPercent: (used * 100) / seconds,
    rounds,
  };
}

async function latency(first) {
  const { packets } = await runJson(trafficTool, [
    ...['latency', '--dev', TRAFFIC_IN, '--sink-dev', TRAFFIC_OUT, '--count', String(LATENCIES)],
    ...['--first', String(first), '--packets', '2', '--gap-us', '10000'],
  ]);
  return packets[0];
}

/** The bits of the source port that as many ports share as bring the change to 0.05 % of the flows. */
function changedPorts() {
  const hosts = Math.ceil(flows / PORTS);
  return 2 ** Math.max(0, Math.round(Math.log2((flows * 0.0005) / hosts)));
}

/** Packets of a concerned flow that are under way each second while its rule changes: so often it can be seen whether they take the new way. */
const PROBES = 1000;

/** Packets that left by the second port so far. */
function arrived() {
  const line = readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .find((text) => text.trimStart().startsWith(`${TRAFFIC_OUT}:`));
  return Number(line.split(':')[1].trim().split(/\s+/)[1]);
}

/** Waits until the switch has next to nothing to do: what it does for one thing is not to be taken for the cost of another. */
async function calm(daemon) {
  for (let looks = 0; looks < 120; looks++) {
    const cpu = cpuSeconds(daemon.pid);
    await sleep(500);
    if (cpuSeconds(daemon.pid) - cpu < 0.1) return;
  }
  throw new Error(`${daemon.name}: is not through with its work after a minute`);
}

/**
 * Does something while packets of one flow pass, and waits until the switch is through with it; how long all that took, and the processor time that it
 * used, in milliseconds.
 */
async function probed(daemon, flow, work) {
  const count = (PROBES * CHANGE_MS) / 1000;
  const cpu = cpuSeconds(daemon.pid);
  const began = performance.now();
  const probes = runJson(trafficTool, [
    ...['flood', '--dev', TRAFFIC_IN, '--count', String(count), '--rate', String(PROBES)],
    ...['--flows', 'single', '--first', String(flow)],
  ]);
  await sleep(CHANGE_MS / 4);
  await work();
  await probes;
  await calm(daemon);
  return { cpuMs: (cpuSeconds(daemon.pid) - cpu) * 1000, ms: performance.now() - began };
}

/**
 * What a change of one rule costs that touches few flows, beside as long a time without; and how long after it was accepted packets take the new
 * way. Rounds are rare meanwhile: what is counted is what the change brings about.
 */
async function change(daemon) {
  const ports = changedPorts();
  await daemon.setMaxRevalidator(HOUR_MS);
  await calm(daemon);
  const before = await daemon.figures();
  const costs = [];
  const waits = [];
  for (let i = 0; i < CHANGES; i++) {
    const first = (i + 1) * ports;
    const mask = (0x10000 - ports).toString(16);
    const text = `priority=40000,udp,in_port=1,tp_src=${FIRST_PORT + first}/0x${mask} actions=IN_PORT`;
    // Of those concerned one that came late, as work on a change may go by age.
    const probe = first + (Math.ceil(flows / PORTS) - 1) * PORTS;
    const base = await probed(daemon, probe, async () => {});
    let seen = 0;
    const withChange = await probed(daemon, probe, async () => {
      await daemon.addFlow(text);
      seen = arrived();
    });
    costs.push(withChange.cpuMs - (base.cpuMs / base.ms) * withChange.ms);
    waits.push(((arrived() - seen) * 1000) / PROBES);
  }
  const after = await daemon.figures();
  const translated =
    after.translated === undefined ? undefined : (after.translated - before.translated) / CHANGES;
  return {
    costs,
    cpuMs: median(costs),
    waits,
    inForceMs: median(waits),
    translated,
    concerned: ports * Math.ceil(flows / PORTS),
    left: after.flows,
  };
}

/** Sets the flow limit again and again until the function returned is called. */
function holdLimit(daemon) {
  // Seldom: it is far above, and asking takes the peer's side a process each time.
  const timer = setInterval(() => void daemon.setLimit(LIMIT), 4000);
  return () => clearInterval(timer);
}

async function trial(daemon, round) {
  await daemon.start();
  const letGo = holdLimit(daemon);
  try {
    await sleep(1000);
    await flood(flows + 2 * LATENCIES, WARM_UP);
    await sleep(1500);
    const heap = await daemon.heap?.();
    const before = residentMb(daemon.pid);
    const began = performance.now();
    const there = await fill(daemon);
    const fillSeconds = (performance.now() - began) / 1000;
    await sleep(2000);
    const bytesPerFlow = ((residentMb(daemon.pid) - before) * 1024 * 1024) / (there - WARM_UP);
    const rest = await quiet(daemon);
    const first = await latency(flows);
    // Watching wakes the loop each millisecond, so latency is not measured by the same packets.
    const watched = await daemon.watch?.();
    if (watched) await latency(flows + LATENCIES);
    const loop = await watched?.();
    const changed = await change(daemon);
    // Last, for the garbage collector goes on for a while once it has been called.
    const heapPerFlow = ((await daemon.heap?.()) - heap) / (there - WARM_UP);
    const peakMb = residentMb(daemon.pid);
    console.log(
      JSON.stringify({
        name: daemon.name,
        round,
        flows,
        there,
        fillSeconds,
        bytesPerFlow,
        heapPerFlow,
        ...rest,
        first,
        loop,
        changed,
        peakMb,
      }),
    );
  } finally {
    letGo();
    await daemon.stop();
  }
}

layOut();
try {
  const setup = { datapath: options.datapath, ports: SWITCH_PORTS, flows: ONE_FLOW_EACH };
  for (let round = 0; round < options.rounds; round++) {
    if (options.peer) {
      const config = [`other_config:flow-limit=${LIMIT}`, `other_config:max-idle=${HOUR_MS}`];
      await trial(new Peer({ ...setup, config, flowLimit: LIMIT }), round);
    }
    await trial(
      new OurSwitch({ ...setup, flowLimit: LIMIT, maxIdle: HOUR_MS, nodeArgs: options.nodeArgs }),
      round,
    );
  }
} finally {
  clear();
}
