import { Child, command } from './processes.js';

let made = 0;

/** Namespaces are deleted when the process exits, and being told to stop would end it without that. */
function exitOnSignals(): void {
  process.once('SIGTERM', () => process.exit(143));
  process.once('SIGHUP', () => process.exit(129));
}

/** Options of a veth end. */
export interface EndOptions {
  /** Address with prefix length, IPv4 or IPv6; none without. */
  readonly addresses?: readonly string[];
  readonly mac?: string;
  /** Switches the offloads off that leave checksums and segmentation to the receiver. */
  readonly offloads?: boolean;
}

/** A network namespace of a test. */
export class Namespace {
  /** As `ip netns` knows it: sp-test-PID-…. */
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** For setns and for the addon's `netns` options. */
  get path(): string {
    return `/run/netns/${this.name}`;
  }

  /** Runs a program in it to its end; its standard output. Throws when it fails. */
  run(program: string, ...args: string[]): string {
    return command('ip', ['netns', 'exec', this.name, program, ...args]);
  }

  /** ip -n NAME WORDS, the words being those of one line. */
  ip(line: string): string {
    return command('ip', ['-n', this.name, ...line.split(' ')]);
  }

  /** Starts a program in it. */
  start(program: string, args: readonly string[], input?: string): Child {
    return new Child(
      'ip',
      ['netns', 'exec', this.name, program, ...args],
      input === undefined ? {} : { input },
    );
  }

  /** As `start`; its standard input stays open. */
  startWithInput(program: string, args: readonly string[]): Child {
    return new Child('ip', ['netns', 'exec', this.name, program, ...args], { keepInput: true });
  }

  /** Sets a link up, with an address or more. No duplicate address detection: it takes seconds. */
  up(device: string, { addresses = [], mac, offloads = true }: EndOptions = {}): void {
    if (mac) this.ip(`link set ${device} address ${mac}`);
    if (!offloads) this.run('ethtool', '-K', device, 'tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off');
    for (const address of addresses)
      this.ip(`addr add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`);
    this.ip(`link set ${device} up`);
  }

  /** Frames that left by the device. */
  sent(device: string): number {
    const [{ stats64 }] = JSON.parse(this.ip(`-s -j link show dev ${device}`)) as [
      { stats64: { tx: { packets: number } } },
    ];
    return stats64.tx.packets;
  }

  /** True once the kernel says that frames can leave by the devices; it may say so a second after both ends are up. */
  running(...devices: string[]): boolean {
    return devices.every((device) => /\bstate UP\b/.test(this.ip(`link show dev ${device}`)));
  }
}

/** What labs that were not removed leave to do when the process exits. One listener for all of them. */
const atExit = new Set<() => void>();
process.on('exit', () => {
  for (const clean of atExit) clean();
});

/**
 * The namespaces, links and child processes of one test or suite. Call `remove` in `after` or `afterEach`, which mocha runs
 * after failures too; namespaces that are left when the process exits are deleted then.
 */
export class Lab {
  readonly #namespaces: Namespace[] = [];
  readonly #children: Child[] = [];
  readonly #deleteNamespaces = (): void => {
    for (const namespace of this.#namespaces.splice(0)) command('ip', ['netns', 'del', namespace.name]);
  };

  constructor() {
    if (made === 0 && process.listenerCount('SIGTERM') === 0) exitOnSignals();
    atExit.add(this.#deleteNamespaces);
  }

  /** A new namespace with its loopback up, without IPv6 addresses and multicast that nobody asked for. */
  namespace(label: string): Namespace {
    made += 1;
    const namespace = new Namespace(`sp-test-${process.pid}-${made}-${label}`);
    command('ip', ['netns', 'add', namespace.name]);
    this.#namespaces.push(namespace);
    namespace.run(
      'sysctl',
      '-qw',
      'net.ipv6.conf.default.accept_dad=0',
      'net.ipv6.conf.default.addr_gen_mode=1',
    );
    namespace.ip('link set lo up');
    return namespace;
  }

  /** A veth pair with its ends in two namespaces (or one). Both are down. */
  veth(one: Namespace, oneDevice: string, other: Namespace, otherDevice: string): void {
    const words = `link add ${oneDevice} netns ${one.name} type veth peer name ${otherDevice} netns ${other.name}`;
    command('ip', words.split(' '));
  }

  /** A process that is stopped by `remove`. */
  keep(child: Child): Child {
    this.#children.push(child);
    return child;
  }

  /** Stops the processes, deletes the namespaces and with them all links. Idempotent. */
  async remove(): Promise<void> {
    atExit.delete(this.#deleteNamespaces);
    await Promise.all(this.#children.splice(0).map((child) => child.stop()));
    this.#deleteNamespaces();
  }
}
