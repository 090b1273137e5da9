import { parseFlows } from '../../ts/openflow/index.js';
import { type Bridge, Switch } from '../../ts/switch/index.js';
import type { Lab, Namespace } from './netns.js';
import { ping } from './ping.js';
import { datapathType } from './test-datapath.js';

/** A switch in a namespace of its own, with one host at port p1 and an underlay device under0. */
export interface TunnelSite {
  readonly namespace: Namespace;
  readonly host: Namespace;
  readonly theSwitch: Switch;
  readonly bridge: Bridge;
  readonly warnings: readonly string[];
  /** ovs-vsctl words, one command a line. Throws when an interface cannot be had. */
  vsctl(...commands: readonly string[]): void;
  /** Flows in ovs-ofctl syntax, of OpenFlow 1.5. */
  flows(text: string): void;
}

/** Two namespaces with a link between them, under0 at both ends: 172.31.0.1 and .2, fd31::1 and ::2. */
export function joinUnderlay(lab: Lab, one: Namespace, other: Namespace): void {
  lab.veth(one, 'under0', other, 'under0');
  one.up('under0', { addresses: ['172.31.0.1/24', 'fd31::1/64'] });
  other.up('under0', { addresses: ['172.31.0.2/24', 'fd31::2/64'] });
}

/** A site with a switch whose bridge br0 drops what no flow takes. `addresses`: the host's, with prefix lengths. */
export function openSite(
  lab: Lab,
  namespace: Namespace,
  label: string,
  addresses: readonly string[],
): TunnelSite {
  const host = lab.namespace(`${label}-host`);
  for (const each of [namespace, host]) each.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
  lab.veth(namespace, 'p1', host, 'eth0');
  namespace.up('p1');
  host.up('eth0', { addresses });
  const warnings: string[] = [];
  const theSwitch = Switch.open({
    datapath: { type: datapathType, netns: namespace.path },
    onWarning: (message) => warnings.push(message),
  });
  const bridge = theSwitch.addBridge('br0', { failMode: 'secure' });
  theSwitch.addPort(bridge, { name: 'p1' });
  const vsctl = (...commands: readonly string[]) => {
    const words = commands.flatMap((command, i) => [...(i === 0 ? [] : ['--']), ...command.split(' ')]);
    const [failed] = theSwitch.vsctl(words).errors;
    if (failed) throw failed.error;
  };
  const flows = (text: string) => {
    const { tlvMap } = bridge;
    const options = { portNames: bridge.portNames(), version: 'OpenFlow15' } as const;
    theSwitch.applyFlows(bridge, parseFlows(text, tlvMap === undefined ? options : { ...options, tlvMap }));
  };
  return { namespace, host, theSwitch, bridge, warnings, vsctl, flows };
}

/** Whether an address answers pings. Under emulation the first ones may wait for neighbours too long, so it is asked again. */
export async function answers(host: Namespace, address: string, attempts = 4): Promise<boolean> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    if ((await ping(host, address, 2, 3)) > 0) return true;
  }
  return false;
}
