// Hosts for the demonstration: each is a network namespace kept alive by a process of ours, joined to this one by a veth pair.
import { spawn, spawnSync } from 'node:child_process';

function ip(...words) {
  const result = spawnSync('ip', words, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`ip ${words.join(' ')}: ${result.stderr.trim()}`);
}

/** One host: addresses 10.99.0.N/24 and fd99::N/64 behind the device `port` in our namespace. */
export class Host {
  static async create(number, port = `port${number}`) {
    const host = new Host(number, port);
    // It ends with its input, so that it does not outlive us, whatever ends us; Ctrl-C does not reach it before we are done.
    host.keeper = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    await host.#namespaceReady();
    const inner = `inside${number}`;
    ip('link', 'add', host.port, 'type', 'veth', 'peer', 'name', inner);
    ip('link', 'set', inner, 'netns', String(host.keeper.pid));
    ip('link', 'set', host.port, 'up');
    host.run('sysctl', ['-qw', `net.ipv6.conf.${inner}.accept_dad=0`]);
    host.must('ip', ['link', 'set', 'lo', 'up']);
    host.must('ip', ['address', 'add', `${host.ipv4}/24`, 'dev', inner]);
    host.must('ip', ['-6', 'address', 'add', `${host.ipv6}/64`, 'dev', inner, 'nodad']);
    host.must('ip', ['link', 'set', inner, 'up']);
    return host;
  }

  constructor(number, port) {
    this.port = port;
    this.ipv4 = `10.99.0.${number}`;
    this.ipv6 = `fd99::${number}`;
  }

  /** The arguments that run a command inside the host. */
  inside(command, args) {
    return ['--target', String(this.keeper.pid), '--net', command, ...args];
  }

  run(command, args) {
    return spawnSync('nsenter', this.inside(command, args), { encoding: 'utf8' });
  }

  must(command, args) {
    const result = this.run(command, args);
    if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stderr.trim()}`);
  }

  /** Starts a command inside the host; resolves with { code, stdout } when it has ended. */
  start(command, args, onLine = () => {}) {
    const child = spawn('nsenter', this.inside(command, args), { stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.on('data', (data) => {
      stdout += data;
      onLine(stdout);
    });
    const done = new Promise((resolve) => child.on('exit', (code) => resolve({ code, stdout })));
    return { child, done };
  }

  close() {
    this.keeper?.kill('SIGKILL');
  }

  async #namespaceReady() {
    const { readlinkSync } = await import('node:fs');
    const ours = readlinkSync('/proc/self/ns/net');
    for (let i = 0; i < 200; i++) {
      try {
        if (readlinkSync(`/proc/${this.keeper.pid}/ns/net`) !== ours) return;
      } catch {
        // The process is not there yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('a network namespace for a host did not come up');
  }
}
