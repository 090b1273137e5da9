import { eventually } from './eventually.js';
import { udpFrame } from './frames.js';
import { LocalCollector } from './local-collector.js';
import type { Lab, Namespace } from './netns.js';
import { parseSflow, type SflowSample } from './sflow.js';
import { sendFrames } from './traffic.js';
import { joinUnderlay, openSite, type TunnelSite } from './tunnel-rig.js';

/** Tunnel ports, with their number, key, and where they lead. */
const TUNNELS = [
  { name: 'vxlan0', type: 'vxlan', port: 11, key: 79, remote: '172.31.0.2', options: '' },
  // Over IPv6 the receiver wants a checksum.
  { name: 'geneve0', type: 'geneve', port: 12, key: 77, remote: 'fd31::2', options: ' options:csum=true' },
  { name: 'gre0', type: 'gre', port: 13, key: 78, remote: '172.31.0.2', options: '' },
];
/** What the bridge does; port 1 is that of the host. */
export const TUNNEL_FLOWS = [
  'in_port=1,udp,tp_dst=1 actions=output:11',
  'in_port=1,udp,tp_dst=2 actions=output:12',
  'in_port=1,udp,tp_dst=3 actions=output:13',
  'in_port=1,udp,tp_dst=4 actions=output:11,output:13',
  'in_port=1,udp,tp_dst=5 actions=mod_nw_tos:40,output:11',
  'in_port=11 actions=output:1',
  'in_port=12 actions=output:1',
  'in_port=13 actions=output:1',
].join('\n');
/** Out by tunnels, as TUNNEL_FLOWS say; in by each. */
export const OUT = [1, 2, 3, 4, 5].map((port) => udpFrame(1000, port));
export const IN = ['vx', 'gn', 'gr'];
/** Of the former 1 + 1 + 1 + 2 + 1, of the latter one each. */
export const OUTPUTS = 6 + 3;

/** A switch with tunnels to a far end, whose tunnels are devices of the kernel. */
export interface TunnelEnd {
  readonly host: Namespace;
  readonly far: Namespace;
  readonly target: string;
  readonly datagrams: () => readonly Buffer[];
  vsctl(line: string): Promise<unknown>;
}

/** The far end of a switch's tunnels. */
export function makeFar(lab: Lab, label: string, near: Namespace): Namespace {
  const far = lab.namespace(`${label}-far`);
  joinUnderlay(lab, near, far);
  far.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
  far.ip('link add vx type vxlan id 79 local 172.31.0.2 remote 172.31.0.1 dstport 4789');
  far.ip('link add gn type geneve id 77 remote fd31::1 udp6zerocsumrx');
  far.ip('link add gr type gretap key 78 local 172.31.0.2 remote 172.31.0.1');
  for (const device of IN) far.up(device);
  return far;
}

/** ovs-vsctl commands that add the tunnel ports. */
export const tunnelWords = TUNNELS.map(
  ({ name, type, port, key, remote, options }) =>
    `add-port br0 ${name} -- set Interface ${name} type=${type} ofport_request=${port} ` +
    `options:remote_ip=${remote} options:key=${key}${options}`,
);

/** Flow samples in datagrams. */
export const flowSamples = (datagrams: readonly Buffer[]): SflowSample[] =>
  datagrams.flatMap((one) => parseSflow(one).samples.filter(({ kind }) => kind === 'flow'));

/** Sends all, one after the other, and waits for what comes of each. */
export async function tunnelTraffic(
  { host, far, datagrams }: TunnelEnd,
  count: (all: readonly Buffer[]) => number,
) {
  const start = datagrams().length;
  const come = () => count(datagrams().slice(start));
  const step = async (namespace: Namespace, device: string, frame: Buffer) => {
    const before = come();
    sendFrames(namespace, device, [frame]);
    await eventually('it is exported', () => come() > before);
  };
  for (const frame of OUT) await step(host, 'eth0', frame);
  for (const device of IN) await step(far, device, udpFrame(1000, 9));
  return { since: () => datagrams().slice(start) };
}

/** A switch of ours with the tunnels; close what it gives. */
export async function openTunnelEnd(
  lab: Lab,
  label: string,
): Promise<{ end: TunnelEnd; site: TunnelSite; collector: LocalCollector }> {
  const namespace = lab.namespace(label);
  const far = makeFar(lab, label, namespace);
  const site = openSite(lab, namespace, label, []);
  const collector = await LocalCollector.start();
  site.vsctl(...tunnelWords);
  site.flows(TUNNEL_FLOWS);
  const end: TunnelEnd = {
    host: site.host,
    far,
    target: collector.target,
    datagrams: () => collector.datagrams,
    vsctl: async (line) => {
      site.vsctl(line);
      await site.theSwitch.revalidate();
    },
  };
  return { end, site, collector };
}

/** sFlow samples of the traffic, each packet's, in order. */
export async function sampledTraffic(end: TunnelEnd): Promise<SflowSample[]> {
  const record = `--id=@s create sFlow targets="${end.target}" agent=127.0.0.1 sampling=1 polling=0`;
  await end.vsctl(`${record} -- set Bridge br0 sflow=@s`);
  const { since } = await tunnelTraffic(end, (all) => flowSamples(all).length);
  const samples = flowSamples(since());
  await end.vsctl('clear Bridge br0 sflow');
  return samples;
}
