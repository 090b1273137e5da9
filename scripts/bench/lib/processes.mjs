// Small things that benchmarks share: waiting, ending processes by pid, figures.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

export const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

/** Ends a process by pid and waits until it is gone. */
export async function kill(pid, signal = 'SIGTERM') {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
    return;
  }
  for (let waited = 0; existsSync(`/proc/${pid}`) && waited < 20_000; waited += 50) await sleep(50);
  if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
}

/** User and system time of a process in seconds so far. */
export function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** User and system time of a process's main thread in seconds so far; all of Node's JavaScript runs on it. */
export function mainThreadSeconds(pid) {
  return cpuSeconds(`${pid}/task/${pid}`);
}

/** Resident memory of a process in MB. */
export function residentMb(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

/** Runs a command that prints one JSON line; resolves with it. `onReady`: called when it prints {"ready":true} first. */
export function runJson(command, args, onReady = () => {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
      if (text.startsWith('{"ready":true}\n')) {
        text = text.slice(15);
        onReady();
      }
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) resolve(JSON.parse(text));
      else reject(new Error(`${command} ${args.join(' ')}: exit ${code}`));
    });
  });
}

export function ip(...words) {
  execFileSync('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Runs a command to its end in the network namespace of a process. */
export function inNetns(pid, ...words) {
  execFileSync('nsenter', ['--target', String(pid), '--net', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
