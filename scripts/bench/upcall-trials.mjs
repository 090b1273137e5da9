// Runs inside the network namespace or guest that upcall.mjs prepares: both switches in turn on the same field. Prints one
// JSON line per trial.
//   node upcall-trials.mjs '{"datapath":"system","rounds":3,"count":10000,"rate":15000,"flows":200}'
import { trafficTool } from '../traffic/build.mjs';
import { clear, layOut, ONE_FLOW_EACH, SWITCH_PORTS, TRAFFIC_IN, TRAFFIC_OUT } from './lib/field.mjs';
import { Ours } from './lib/ours.mjs';
import { Peer } from './lib/peer.mjs';
import { cpuSeconds, residentMb, runJson, sleep } from './lib/processes.mjs';

const options = JSON.parse(process.argv[2]);
let nextFlow = 0;

const print = (record) => console.log(JSON.stringify(record));

/** A flood of new flows; how many came through a second, and what that cost the switch. */
async function flood(daemon, count) {
  const first = nextFlow;
  nextFlow += count;
  const cpu = cpuSeconds(daemon.pid);
  let flooding;
  const sink = runJson(
    trafficTool,
    ['sink', '--dev', TRAFFIC_OUT, '--expect', String(count), '--timeout', '30', '--quiet-ms', '1500'],
    () => {
      flooding = runJson(trafficTool, [
        ...['flood', '--dev', TRAFFIC_IN, '--count', String(count), '--rate', String(options.rate)],
        ...['--flows', 'distinct', '--first', String(first)],
      ]);
    },
  );
  const received = await sink;
  const sent = await flooding;
  const cpuUs = ((cpuSeconds(daemon.pid) - cpu) * 1e6) / received.distinct;
  return { sent: sent.sent, offered: sent.pps, ...received, cpuUs };
}

async function latency() {
  const first = nextFlow;
  nextFlow += options.flows;
  return await runJson(trafficTool, [
    ...['latency', '--dev', TRAFFIC_IN, '--sink-dev', TRAFFIC_OUT, '--count', String(options.flows)],
    ...['--first', String(first), '--packets', '3'],
  ]);
}

async function trial(daemon, round) {
  await daemon.start();
  try {
    await sleep(1000);
    // Both get to know the work first: page faults, caches, compilers.
    await flood(daemon, options.warmup);
    const times = await latency();
    await sleep(11_000);
    const storm = await flood(daemon, options.count);
    print({ name: daemon.name, round, storm, latency: times, residentMb: residentMb(daemon.pid) });
  } finally {
    await daemon.stop();
  }
}

layOut();
try {
  const setup = { datapath: options.datapath, ports: SWITCH_PORTS, flows: ONE_FLOW_EACH };
  for (let round = 0; round < options.rounds; round++) {
    for (const daemon of [
      new Peer({ ...setup, config: ['other_config:n-handler-threads=1'] }),
      new Ours({ ...setup, nodeArgs: options.nodeArgs }),
    ])
      await trial(daemon, round);
  }
} finally {
  clear();
}
