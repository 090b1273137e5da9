import { expect } from 'chai';
import type { LocalCollector } from '../support/local-collector.js';
import { Lab } from '../support/netns.js';
import { needsRoot } from '../support/skip.js';
import { IN, OUT, openTunnelEnd, sampledTraffic, type TunnelEnd } from '../support/tunnel-exports.js';
import type { TunnelSite } from '../support/tunnel-rig.js';

describe('sFlow of packets that leave and come by tunnels', () => {
  const lab = new Lab();
  let opened: { end: TunnelEnd; site: TunnelSite; collector: LocalCollector };

  before(async function () {
    needsRoot(this);
    opened = await openTunnelEnd(lab, 'one');
  });
  after(async () => {
    await opened?.site.theSwitch.close();
    opened?.collector.close();
    await lab.remove();
  });

  it('tells the encapsulation over IPv4 and IPv6, and the network identifiers', async () => {
    const samples = await sampledTraffic(opened.end);
    expect(samples).to.have.length(OUT.length + IN.length);
    const known = samples.map(({ records: { header: _, switch: __, ...rest } }) => rest);
    const ipv4 = (src: string, dst: string, protocol: number, dstPort: number, tos = 0) => ({
      ...{ length: 0, protocol, src, dst, srcPort: 0, dstPort, tcpFlags: 0, tos },
    });
    const [near, far] = ['172.31.0.1', '172.31.0.2'];
    const out = (sample: (typeof known)[number]) => sample.ipv4TunnelEgress;
    // The source is the route's choice.
    expect(out(known[0])).to.deep.equal({ ...ipv4('0.0.0.0', far, 17, 4789) });
    expect(known[0].vniEgress).to.deep.equal({ vni: 79 });
    expect(known[1].ipv6TunnelEgress).to.deep.include({
      dst: 'fd310000000000000000000000000002',
      protocol: 17,
    });
    expect(known[1].vniEgress).to.deep.equal({ vni: 77 });
    expect(known[2].vniEgress).to.deep.equal({ vni: 78 });
    expect(known[3]).to.deep.equal({});
    expect(known[4].ipv4TunnelEgress).to.deep.include({ dst: far });
    expect({ ...known[5].ipv4TunnelIngress, srcPort: 0 }).to.deep.equal(ipv4(far, near, 17, 4789));
    expect(known[5].vniIngress).to.deep.equal({ vni: 79 });
    expect(known[6].ipv6TunnelIngress).to.deep.include({
      src: 'fd310000000000000000000000000002',
      dst: 'fd310000000000000000000000000001',
      dstPort: 6081,
    });
    expect(known[7].ipv4TunnelIngress).to.deep.include({ src: far, dst: near, protocol: 47 });
    expect(known[7].vniIngress).to.deep.equal({ vni: 78 });
  });
});
