// What runs inside the demonstration's network namespace: hosts, the switch, the traffic, the report.
import { fileURLToPath } from 'node:url';
import { describeUpcall, dumpFlowLines, Switch } from '../../dist/index.js';
import { Host } from './hosts.mjs';

const TRANSFER_BYTES = 64 * 1024 * 1024;
const PINGS = 5;
const transferScript = fileURLToPath(new URL('transfer.mjs', import.meta.url));
const datapathType = process.argv[2] ?? 'netdev';

const hosts = [];
let bridge;
let theSwitch;
let interrupted = false;

/** Upcalls as they are handled. A storm is cut short: the first lines tell the story. */
function liveView(names) {
  let shown = 0;
  return {
    upcall(kind, batch, row, translation, installed) {
      if (++shown > 60) return;
      const upcall = describeUpcall(kind, batch, row, translation, installed, names());
      console.log(`  ${upcall.class}${upcall.reason ? ` (${upcall.reason})` : ''} ${upcall.key}`);
      if (upcall.actions === undefined) return;
      console.log(`    actions:  ${upcall.actions}`);
      console.log(`    megaflow: ${upcall.installed ? '' : '(not installed) '}${upcall.megaflow}`);
    },
  };
}

function portNames() {
  return new Map(bridge ? bridge.portList.map((port) => [port.odpPort, port.name]) : []);
}

/** Ends the demonstration's course after a signal, which its handler cleans up after. */
function goOn() {
  if (interrupted) throw new Error('interrupted');
}

async function ping(from, to, label) {
  goOn();
  const { code, stdout } = await from.start('ping', ['-n', '-c', String(PINGS), '-i', '0.2', '-W', '2', to])
    .done;
  const answered = Number(/(\d+) received/.exec(stdout)?.[1] ?? 0);
  console.log(`${label}: ${answered} of ${PINGS} answered`);
  return code === 0 && answered === PINGS;
}

async function transfer(from, to) {
  goOn();
  let port;
  const listening = new Promise((resolve) => {
    port = to.start(process.execPath, [transferScript, 'receive', to.ipv4], (text) => {
      const line = text.split('\n')[0];
      if (text.includes('\n')) resolve(JSON.parse(line).port);
    });
  });
  const receiver = await listening;
  const began = performance.now();
  const sent = JSON.parse(
    (
      await from.start(process.execPath, [
        transferScript,
        'send',
        to.ipv4,
        String(receiver),
        String(TRANSFER_BYTES),
      ]).done
    ).stdout,
  );
  const received = JSON.parse((await port.done).stdout.trim().split('\n').at(-1));
  const whole = sent.bytes === received.bytes && sent.hash === received.hash;
  const megabits = (received.bytes * 8) / 1000 / (performance.now() - began);
  console.log(
    `tcp transfer: ${received.bytes} of ${sent.bytes} bytes arrived, ${whole ? 'whole' : 'DAMAGED'} (${Math.round(megabits)} Mbit/s)`,
  );
  return whole;
}

function summary() {
  const { datapath, upcall, revalidate } = theSwitch.stats();
  console.log('\nsummary');
  console.log(`  upcalls: ${upcall.upcalls} (miss ${upcall.miss}, slow path ${upcall.slow_path})`);
  console.log(`  hits:    ${datapath.hit}`);
  console.log(`  misses:  ${datapath.missed}`);
  console.log(`  lost:    ${datapath.lost}`);
  console.log(
    `  flows:   ${datapath.flows} (installed ${upcall.installs}, revalidation rounds ${revalidate.rounds})`,
  );
}

async function run() {
  console.log(`a switch on the ${datapathType} datapath, three hosts, one bridge br0`);
  for (let number = 1; number <= 3; number++) hosts.push(await Host.create(number));
  theSwitch = Switch.open({
    datapath: { type: datapathType },
    observer: liveView(portNames),
    onWarning: (message) => console.error(`  warning: ${message}`),
  });
  bridge = theSwitch.addBridge('br0');
  for (const host of hosts) theSwitch.addPort(bridge, { name: host.port });
  const [one, two, three] = hosts;
  console.log('\nupcalls as they come:');
  const results = [
    await ping(one, two.ipv4, 'ping  IPv4 host 1 → host 2'),
    await ping(one, two.ipv6, 'ping  IPv6 host 1 → host 2'),
    await ping(three, one.ipv4, 'ping  IPv4 host 3 → host 1'),
    await transfer(one, two),
  ];
  console.log('\nflows installed (ovs-dpctl dump-flows):');
  for (const line of await dumpFlowLines(theSwitch.datapath)) console.log(`  ${line}`);
  summary();
  return results.every(Boolean);
}

async function cleanUp() {
  await theSwitch?.close();
  for (const host of hosts) host.close();
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    if (interrupted) return;
    interrupted = true;
    cleanUp().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  });
}

try {
  const good = await run();
  await cleanUp();
  console.log(good ? '\nall pings were answered and the transfer arrived whole' : '\nFAILED: see above');
  process.exitCode = good ? 0 : 1;
} catch (error) {
  // After a signal things fail because they are being taken down; the signal's handler ends the process.
  if (!interrupted) {
    console.error(`demo: ${error.message}`);
    await cleanUp();
    process.exitCode = 1;
  }
}
