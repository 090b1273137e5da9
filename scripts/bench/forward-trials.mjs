// Runs inside the network namespace that forward.mjs prepares: a plain wire and the switches in turn between the same two
// hosts. Prints one JSON line per trial.
//   node forward-trials.mjs '{"rounds":3,"seconds":2,"count":300000,"rate":3000000}'
import { spawn } from 'node:child_process';
import { trafficTool } from '../traffic/build.mjs';
import { SWITCH_PORTS } from './lib/field.mjs';
import { endHosts, makeHosts } from './lib/hosts.mjs';
import { Ours } from './lib/ours.mjs';
import { Peer } from './lib/peer.mjs';
import { cpuSeconds, runJson, sleep } from './lib/processes.mjs';

const options = JSON.parse(process.argv[2]);
const SETUP = {
  datapath: 'netdev',
  ports: SWITCH_PORTS,
  flows: 'in_port=1 actions=output:2\nin_port=2 actions=output:1',
};
const WIRE = { name: 'plain veth', device: 'eth1', start: async () => {}, stop: async () => {} };
// userspace-tso-enable is the peer's own way to take packets with offloads; it can only be set when it starts.
const TSO = ['other_config:userspace-tso-enable=true'];

/** TCP from the first host to the second: Mbit/s, 0 when no connection came about. */
async function tcp([client, server], device, offloads) {
  for (const host of [client, server]) host.offloads(device, offloads);
  const inside = (host) => ['--target', String(host.pid), '--net', 'iperf3'];
  const listener = spawn('nsenter', [...inside(server), '-s', '-1', '-p', '5201'], { stdio: 'ignore' });
  const ended = new Promise((resolve) => listener.on('exit', resolve));
  await sleep(300);
  const times = ['-t', String(options.seconds), '--connect-timeout', '2000'];
  const child = spawn('nsenter', [...inside(client), '-c', server.address(device), '-J', ...times], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (data) => {
    text += data;
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), (options.seconds + 10) * 1000);
  await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(limit);
  listener.kill('SIGKILL');
  await ended;
  try {
    return (JSON.parse(text).end.sum_received?.bits_per_second ?? 0) / 1e6;
  } catch {
    return 0; // Ended in the middle: a connection that stalled.
  }
}

/** Small packets of one flow, faster than any switch forwards them. Those that arrived a second, and what one cost. */
async function small([from, to], setup, count, rate) {
  const cpu = setup.pid === undefined ? 0 : cpuSeconds(setup.pid);
  let flooding;
  // What arrives is counted by the kernel too when the sink is late, and the sink must not take time from the switch.
  const sink = runJson(
    'nice',
    [
      ...['-n', '19', trafficTool, 'sink', '--dev', setup.device, '--netns', to.netns],
      ...['--expect', String(count), '--timeout', '30', '--quiet-ms', '1000'],
    ],
    () => {
      flooding = runJson(trafficTool, [
        ...['flood', '--dev', setup.device, '--netns', from.netns, '--count', String(count)],
        ...['--rate', String(rate), '--flows', 'single', '--size', '60'],
      ]);
    },
  );
  const { received, dropped, seconds } = await sink;
  const sent = await flooding;
  const arrived = received + dropped;
  const cpuUs = setup.pid === undefined ? 0 : ((cpuSeconds(setup.pid) - cpu) * 1e6) / arrived;
  return { offered: sent.pps, arrived, sent: sent.sent, pps: arrived / seconds, cpuUs };
}

async function trial(hosts, round, setup, name, offloads) {
  await setup.start();
  setup.device ??= 'eth0';
  const print = (record) => console.log(JSON.stringify({ name, round, ...record }));
  try {
    await sleep(1000);
    for (const state of offloads) print({ offloads: state, mbps: await tcp(hosts, setup.device, state) });
    // The megaflow, and the memory behind it.
    await small(hosts, setup, 2000, 2000);
    print({ small: await small(hosts, setup, options.count, options.rate) });
  } finally {
    await setup.stop();
  }
}

const hosts = await makeHosts();
try {
  for (let round = 0; round < options.rounds; round++) {
    await trial(hosts, round, WIRE, WIRE.name, ['on', 'off']);
    await trial(hosts, round, new Peer(SETUP), 'ovs-vswitchd', ['on', 'off']);
    await trial(hosts, round, new Peer({ ...SETUP, config: TSO }), 'ovs-vswitchd, tso', ['on']);
    await trial(hosts, round, new Ours({ ...SETUP, nodeArgs: options.nodeArgs }), 'slowpath', ['on', 'off']);
  }
} finally {
  endHosts(hosts);
}
