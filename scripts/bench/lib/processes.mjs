// Small things that benchmarks share: waiting, ending processes by pid, figures.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

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

/** Processor time of the threads that a process has, in seconds so far. By the scheduler's own account, in nanoseconds: ticks are too coarse for a dump. */
export function cpuSeconds(pid) {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + threadSeconds(pid, thread), 0);
}

/** Processor time of a process's main thread in seconds so far; all of Node's JavaScript runs on it. */
export function mainThreadSeconds(pid) {
  return threadSeconds(pid, pid);
}

function threadSeconds(pid, thread) {
  return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
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
