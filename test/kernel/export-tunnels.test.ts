import { expect } from 'chai';
import { TestCollector } from '../support/collector.js';
import { eventually } from '../support/eventually.js';
import { readIpfix } from '../support/ipfix-messages.js';
import { hasData } from '../support/ipfix-records.js';
import { describeRecords } from '../support/ipfix-tunnels.js';
import type { LocalCollector } from '../support/local-collector.js';
import { Lab } from '../support/netns.js';
import { PeerSwitch } from '../support/peer-switch.js';
import type { SflowSample } from '../support/sflow.js';
import { needsRoot, skipUnless, strict } from '../support/skip.js';
import {
  IN,
  makeFar,
  openTunnelEnd,
  OUT,
  OUTPUTS,
  sampledTraffic,
  TUNNEL_FLOWS,
  type TunnelEnd,
  tunnelTraffic,
  tunnelWords,
} from '../support/tunnel-exports.js';
import type { TunnelSite } from '../support/tunnel-rig.js';

const PEER_PORT = 6343;

/**
 * A sample without what differs from switch to switch. Tunnels over IPv6 are left out: the daemon tells them as IPv4 from and to nowhere, or not
 * at all. It exchanges the bytes of tunnel ports, and source ports are drawn.
 */
function comparable({ fields, records }: SflowSample): string {
  const isIpv6 = Object.entries(records).some(
    ([name, { dst }]) => name.startsWith('ipv6') || (name === 'ipv4TunnelEgress' && dst === '0.0.0.0'),
  );
  const kept = Object.entries(records)
    .filter(([name]) => !isIpv6 || !/Tunnel|^vni/.test(name))
    .map(
      ([name, record]) =>
        [name, /Tunnel/.test(name) ? { ...record, srcPort: 0, dstPort: 0 } : record] as const,
    )
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const several = Number(fields.output) >>> 31 === 1;
  return JSON.stringify({
    ...Object.fromEntries(kept),
    input: Number(fields.input) > 0,
    output: several ? fields.output : Number(fields.output) > 0,
  });
}

describe('what is exported of tunnels, beside ovs-vswitchd', function () {
  // The daemons start under emulation.
  this.timeout(400_000);
  const lab = new Lab();
  let opened: { end: TunnelEnd; site: TunnelSite; collector: LocalCollector };
  let peer: PeerSwitch | undefined;
  let theirs: TunnelEnd;

  before(async function () {
    needsRoot(this);
    opened = await openTunnelEnd(lab, 'ours');
    await openTheirs().catch((error: Error) => skipUnless(this, false, error.message, strict));
  });
  after(async () => {
    await opened?.site.theSwitch.close();
    opened?.collector.close();
    await lab.remove();
    peer?.close();
  });

  async function openTheirs(): Promise<void> {
    const namespace = lab.namespace('theirs');
    const far = makeFar(lab, 'theirs', namespace);
    const host = lab.namespace('theirs-host');
    lab.veth(namespace, 'p1', host, 'eth0');
    for (const each of [namespace, host]) each.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
    namespace.up('p1');
    host.up('eth0');
    const running = await PeerSwitch.start(lab, namespace, true);
    peer = running;
    const listener = await TestCollector.start(lab, namespace, PEER_PORT);
    const vsctl = (line: string) => running.vsctl(line.split(' '));
    await vsctl('add-br br0 -- set Bridge br0 fail-mode=secure -- add-port br0 p1');
    await vsctl(tunnelWords.join(' -- '));
    await running.addFlows('br0', TUNNEL_FLOWS);
    theirs = { host, far, target: listener.target, datagrams: () => listener.datagrams, vsctl };
  }

  it('sFlow: the same samples, but for IPv6, of which the daemon says nothing', async () => {
    const [mine, peers] = [await sampledTraffic(opened.end), await sampledTraffic(theirs)];
    expect(mine.map(comparable)).to.deep.equal(peers.map(comparable));
  });

  it('IPFIX: the encapsulation of what comes in and goes out', async () => {
    const record =
      '--id=@i create IPFIX targets="TARGET" sampling=1 obs_domain_id=17 other_config:enable-tunnel-sampling=true';
    const seen: object[][] = [];
    for (const end of [opened.end, theirs]) {
      const before = end.datagrams().length;
      await end.vsctl(`${record.replace('TARGET', end.target)} -- set Bridge br0 ipfix=@i`);
      const { since } = await tunnelTraffic(end, (all) => all.filter(hasData).length);
      // Each packet once on its way in, and once for each output.
      const count = OUT.length + IN.length + OUTPUTS;
      await eventually('all records', () => since().filter(hasData).length >= count);
      const all = end.datagrams().slice(before);
      const messages = all.filter((message) => readIpfix(message).domain === 17);
      seen.push(describeRecords(messages));
    }
    // The daemon tells tunnels over IPv6 on the way out as IPv4 from and to nowhere.
    const nowhere = (record: object) => 'destination' in record && record.destination === '00000000';
    const plain = ({ name, direction }: { name?: string; direction?: number }) => ({ direction, name });
    const text = (records: readonly object[]) =>
      records.map((record) => JSON.stringify(nowhere(record) ? plain(record) : record)).sort();
    expect(text(seen[0])).to.deep.equal(text(seen[1]));
  });
});
