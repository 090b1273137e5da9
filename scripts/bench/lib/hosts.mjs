// Two hosts, each a network namespace that a process of ours keeps alive. Each has eth0 behind a port of the switch, and
// eth1 on a wire straight to the other: what the kernel does without a switch.
import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { SWITCH_PORTS } from './field.mjs';
import { inNetns, ip, sleep } from './processes.mjs';

const NETS = { eth0: '10.20.0', eth1: '10.21.0' };

class Host {
  constructor(number) {
    this.number = number;
    this.keeper = spawn('unshare', ['--net', 'sleep', '3600'], { stdio: 'ignore' });
    this.pid = this.keeper.pid;
    this.netns = `/proc/${this.pid}/ns/net`;
  }

  async ready() {
    const ours = readlinkSync('/proc/self/ns/net');
    for (let waited = 0; waited < 5000; waited += 10) {
      try {
        if (readlinkSync(this.netns) !== ours) return;
      } catch (error) {
        if (error.code !== 'ENOENT') throw error;
      }
      await sleep(10);
    }
    throw new Error('a network namespace for a host did not come up');
  }

  address(device) {
    return `${NETS[device]}.${this.number}`;
  }

  setUp(device) {
    const run = (...words) => inNetns(this.pid, 'ip', ...words);
    run('link', 'set', device, 'addrgenmode', 'none');
    run('address', 'add', `${this.address(device)}/24`, 'dev', device);
    run('link', 'set', device, 'up');
  }

  /** Checksum offload of the sender, and with it segmentation: 'on' is how veth devices come. */
  offloads(device, state) {
    inNetns(this.pid, 'ethtool', '-K', device, 'tx', state, ...(state === 'on' ? ['tso', 'on'] : []));
  }
}

/** Lays out wires between the namespace of this process and two hosts. */
export async function makeHosts() {
  const hosts = [new Host(1), new Host(2)];
  for (const host of hosts) await host.ready();
  const [a, b] = hosts.map((host) => String(host.pid));
  ip('link', 'add', 'eth1', 'netns', a, 'type', 'veth', 'peer', 'name', 'eth1', 'netns', b);
  for (const [i, host] of hosts.entries()) {
    const port = SWITCH_PORTS[i];
    ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(host.pid));
    ip('link', 'set', port, 'addrgenmode', 'none');
    ip('link', 'set', port, 'up');
    for (const device of Object.keys(NETS)) host.setUp(device);
  }
  return hosts;
}

export function endHosts(hosts) {
  for (const host of hosts) host.keeper.kill('SIGKILL');
}
