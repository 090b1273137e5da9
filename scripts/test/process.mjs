// Child processes with a time limit. Each runs in a process group of its own, so that ending it ends what it started.
import { spawn } from 'node:child_process';

/** Groups that are running now; ended when this process is told to stop. */
const groups = new Set();

function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.once(signal, async () => {
    for (const pid of groups) killGroup(pid, 'SIGTERM');
    for (let waited = 0; groups.size > 0 && waited < 5000; waited += 50)
      await new Promise((wake) => setTimeout(wake, 50));
    for (const pid of groups) killGroup(pid, 'SIGKILL');
    process.exit(code);
  });
}

/**
 * Runs `command` to its end.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, timeoutMs?: number, show?: boolean }} [options]
 *   `env` is added to this process's; `show` passes the output through instead of collecting it.
 * @returns {Promise<{ ok: boolean, code: number, timedOut: boolean, output: string }>} code is 127 when the command is
 *   not there and 128 when a signal ended it.
 */
export function run(command, args, { cwd, env, timeoutMs = 600_000, show = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      detached: true,
      stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
    });
    const chunks = [];
    let timedOut = false;
    let hardKill;
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.stderr?.on('data', (chunk) => chunks.push(chunk));
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid, 'SIGTERM');
      hardKill = setTimeout(() => killGroup(child.pid, 'SIGKILL'), 5000);
    }, timeoutMs);
    const finish = (code) => {
      clearTimeout(timer);
      clearTimeout(hardKill);
      groups.delete(child.pid);
      const output = Buffer.concat(chunks).toString();
      resolve({ ok: code === 0 && !timedOut, code, timedOut, output });
    };
    child.on('spawn', () => groups.add(child.pid));
    child.on('error', (error) => {
      chunks.push(Buffer.from(`${command}: ${error.message}\n`));
      finish(127);
    });
    child.on('close', (code) => finish(code ?? 128));
  });
}

/** As `run`, for a program that has to succeed: its output. Throws with it otherwise. */
export async function mustRun(command, args, options) {
  const result = await run(command, args, options);
  if (!result.ok) throw new Error(`${command} ${args.join(' ')}: ${result.output.trim() || result.code}`);
  return result.output;
}
