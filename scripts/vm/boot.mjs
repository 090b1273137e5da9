// One run of the guest: QEMU, its three ports (output, errors, status), its end.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInitrd } from './initrd.mjs';
import { ensureKernel } from './kernel.mjs';

const guestInit = join(dirname(fileURLToPath(import.meta.url)), 'guest-init.sh');

/** Status when the time was up, and when the guest ended without saying how the command did; as timeout(1) has it. */
const TIMED_OUT = 124;
const DIED = 125;

/** Environment that means something only on the host. */
const hostOnly = new Set(['PWD', 'OLDPWD', 'SHLVL', '_']);

const joinZero = (items) => items.map((item) => `${item}\0`).join('');

/** The folder that tells the guest what to do; it reads it through its view of the host's root. */
function writeJob(job, kernel, { command, cwd, env, shared }) {
  // Who is no root here may have no path to root's programs, which is what runs there.
  const path = `${env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`;
  const variables = Object.entries({ ...env, PATH: path, SLOWPATH_VM: '1' }).filter(
    ([name]) => !hostOnly.has(name),
  );
  writeFileSync(join(job, 'argv'), joinZero(command));
  writeFileSync(join(job, 'environment'), joinZero(variables.map(([name, value]) => `${name}=${value}`)));
  writeFileSync(join(job, 'cwd'), cwd);
  writeFileSync(join(job, 'modules'), kernel.modules);
  writeFileSync(join(job, 'shared'), joinZero(shared));
}

/** Listens on a Unix socket and hands all that comes to `sink`; `done` settles when the other side has closed. */
function receive(path, sink) {
  let connected;
  const done = new Promise((resolve) => {
    connected = (socket) => {
      socket.on('data', (chunk) => {
        if (sink.write(chunk) === false) {
          socket.pause();
          sink.once('drain', () => socket.resume());
        }
      });
      socket.on('error', resolve);
      socket.on('close', resolve);
    };
  });
  const server = createServer((socket) => connected(socket));
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(path, () => resolve({ done, close: () => server.close() }));
  });
}

function qemuArguments(job, kernel, initrd, { smp, memory, shared, append }) {
  const line = [
    'console=ttyS0 quiet panic=-1 mitigations=off nokaslr no_timer_check tsc=reliable audit=0 selinux=0 apparmor=0',
    `net.ifnames=0 slowpath.job=${job} slowpath.init=${guestInit}`,
    append,
  ];
  const ports = ['out', 'err', 'status'].flatMap((name) => [
    '-chardev',
    `socket,id=${name},path=${join(job, name)}.sock`,
    '-device',
    `virtserialport,chardev=${name},name=${name}`,
  ]);
  const folder = (path, tag, rest) => [
    '-virtfs',
    `local,path=${path},mount_tag=${tag},security_model=none,${rest}`,
  ];
  // KVM is not asked for: where it is offered in nested machines it often does not work, and then only fails at boot.
  const machine = [
    '-accel',
    'tcg,thread=multi,tb-size=1024',
    '-cpu',
    'max',
    '-smp',
    String(smp),
    '-m',
    memory,
  ];
  return [
    ...machine,
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-serial', `file:${job}/serial`],
    ...['-kernel', kernel.elf, '-initrd', initrd, '-append', line.join(' ').trim()],
    ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci', ...ports],
    ...folder('/', 'hostroot', 'readonly=on,multidevs=remap'),
    ...shared.flatMap((path, i) => folder(path, `rw${i}`, 'multidevs=remap')),
  ];
}

/** Starts QEMU; settles when it has ended. */
function runQemu(args, timeoutMs, onStart) {
  return new Promise((resolve, reject) => {
    // Should this process be killed without a chance to act, QEMU must not run on.
    const command = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...args];
    const qemu = spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let timedOut = false;
    for (const stream of [qemu.stdout, qemu.stderr])
      stream.on('data', (chunk) => {
        said = (said + chunk).slice(-10_000);
      });
    const timer = setTimeout(() => {
      timedOut = true;
      qemu.kill('SIGKILL');
    }, timeoutMs);
    qemu.on('error', (error) => {
      clearTimeout(timer);
      reject(new Error(`qemu-system-x86_64: ${error.message}`));
    });
    qemu.on('close', () => {
      clearTimeout(timer);
      resolve({ timedOut, said });
    });
    onStart(qemu);
  });
}

/**
 * Runs a command as root in the guest. Output and errors arrive on this process's while it runs.
 *
 * @param {{ command: string[], cwd?: string, env?: Record<string, string>, kernel?: string, shared?: string[], timeoutSeconds?: number,
 *   smp?: number, memory?: string, append?: string }} options `kernel`: as of `ensureKernel`; `shared`: folders of the
 *   host that the guest may write
 * @returns {Promise<number>} the command's exit status; 124 when the time was up, 125 when the guest died
 */
export async function runInGuest(options) {
  const { cwd = process.cwd(), env = process.env, timeoutSeconds = 600, smp = 2, memory = '4G' } = options;
  const { command, append = '' } = options;
  const shared = (options.shared ?? []).map((path) => {
    mkdirSync(path, { recursive: true });
    return realpathSync(path);
  });
  const kernel = await ensureKernel(options.kernel);
  const initrd = ensureInitrd(kernel);
  const job = realpathSync(mkdtempSync(join(tmpdir(), 'sp-vm-')));
  let qemu;
  const interrupt = () => qemu?.kill('SIGKILL');
  const cleanUp = () => rmSync(job, { recursive: true, force: true });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.prependListener(signal, interrupt);
  process.once('exit', cleanUp);
  try {
    writeJob(job, kernel, { command, cwd, env, shared });
    let status = '';
    const statusSink = {
      write: (chunk) => {
        status += chunk;
      },
    };
    const ports = await Promise.all([
      receive(join(job, 'out.sock'), process.stdout),
      receive(join(job, 'err.sock'), process.stderr),
      receive(join(job, 'status.sock'), statusSink),
    ]);
    const args = qemuArguments(job, kernel, initrd, { smp, memory, shared, append });
    const { timedOut, said } = await runQemu(args, timeoutSeconds * 1000, (child) => {
      qemu = child;
    });
    // QEMU may have ended before it connected; then nothing will ever close.
    await Promise.race([
      Promise.all(ports.map(({ done }) => done)),
      new Promise((wake) => setTimeout(wake, 1000).unref()),
    ]);
    for (const { close } of ports) close();
    if (/^\d+\n/.test(status)) return Number.parseInt(status, 10);
    const why = timedOut ? `no end after ${timeoutSeconds} s` : 'the guest ended without a status';
    const serial = readSerial(job);
    console.error(`vm: ${why}\n${said}${serial}`.trimEnd());
    return timedOut ? TIMED_OUT : DIED;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeListener(signal, interrupt);
    process.removeListener('exit', cleanUp);
    cleanUp();
  }
}

/** The last lines of the guest's console: kernel messages and what the init scripts complained of. */
function readSerial(job) {
  try {
    return readFileSync(join(job, 'serial'), 'utf8').split('\n').slice(-40).join('\n');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return '';
  }
}
