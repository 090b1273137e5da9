// Runs /app/readme.mjs of a root between two hosts, in this network namespace: pings must pass, and Ctrl-C must end it with its flows told.
import { spawn, spawnSync } from 'node:child_process';
import { Host } from '../demo/hosts.mjs';
import { inside } from './debian-root.mjs';

const [root] = process.argv.slice(2);
const hosts = [await Host.create(1, 'eth1'), await Host.create(2, 'eth2')];
const child = spawn('unshare', inside(root, 'cd /app && exec node readme.mjs', { net: false }), {
  stdio: ['ignore', 'pipe', 'pipe'],
});
let output = '';
for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
const ended = new Promise((resolve) => child.on('exit', resolve));

const ping = () => hosts[0].start('ping', ['-n', '-c', '3', '-i', '0.2', '-W', '2', hosts[1].ipv4]).done;
let answered = false;
for (let tries = 0; tries < 20 && !answered && child.exitCode === null; tries++)
  answered = (await ping()).code === 0;
// unshare does not pass signals on to what it started.
const [init] = spawnSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' })
  .stdout.trim()
  .split('\n');
process.kill(Number(init), 'SIGINT');
const code = await Promise.race([
  ended,
  new Promise((resolve) => setTimeout(resolve, 30_000, 'still running')),
]);
for (const host of hosts) host.close();
const told = /recirc_id\(0\),in_port\(.*actions:/.test(output);
if (!answered || code !== 0 || !told) {
  console.error(`pings answered: ${answered}; ended with ${code}; flows told: ${told}\n${output}`);
  process.exitCode = 1;
}
child.kill('SIGKILL');
