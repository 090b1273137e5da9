// Runs an example: `node main.mjs PORT…` opens a switch on the embedded datapath with these devices as ports 1, 2, …, prints `ready`, obeys lines on standard input, and on
// SIGINT or SIGTERM prints what was counted and takes everything down. Exit status 2: a line on standard error says what to mend.
import { createInterface } from 'node:readline';
import { SlowpathError, Switch } from 'slowpath';

const EXIT_USER = 2;

/** `attach(sw, bridge)` gives back what is said at the end (`figures`), and what a line of standard input does (`command`), if anything. */
export async function run(attach) {
  const ports = process.argv.slice(2);
  if (ports.length === 0) {
    console.error('usage: node main.mjs PORT…');
    process.exit(EXIT_USER);
  }
  try {
    await serve(ports, attach);
  } catch (error) {
    // A device that is not there, privileges that are missing.
    if (!(error instanceof SlowpathError)) throw error;
    console.error(error.message);
    process.exitCode = EXIT_USER;
  }
}

async function serve(ports, attach) {
  const sw = Switch.open({ datapath: { type: 'netdev' }, onWarning: (text) => console.error(text) });
  try {
    const bridge = sw.addBridge('br0', { failMode: 'secure' });
    for (const name of ports) sw.addPort(bridge, { name });
    const { figures, command } = attach(sw, bridge);
    const lines = createInterface({ input: process.stdin });
    if (command) lines.on('line', (line) => console.log(command(...line.trim().split(/\s+/))));
    console.log('ready');
    await new Promise((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve);
    });
    lines.close();
    // Packets that flows counted since the last round.
    await sw.revalidate();
    console.log(JSON.stringify(figures()));
  } finally {
    await sw.close();
  }
}
