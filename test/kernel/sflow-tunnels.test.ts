import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { udpFrame } from '../support/frames.js';
import type { LocalCollector } from '../support/local-collector.js';
import { Lab, type Namespace } from '../support/netns.js';
import { needsRoot } from '../support/skip.js';
import { Capture, sendFrames } from '../support/traffic.js';
import {
  flowSamples,
  IN,
  OUT,
  openTunnelEnd,
  sampledTraffic,
  type TunnelEnd,
} from '../support/tunnel-exports.js';
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

  it('tells the outer Ethernet headers when it is to, as they are on the link', async () => {
    const { end, site } = opened;
    const { namespace, host } = site;
    await end.vsctl(
      `--id=@s create sFlow targets="${end.target}" agent=127.0.0.1 sampling=1 polling=0 external_ids:tunnel-ethernet=true -- set Bridge br0 sflow=@s`,
    );
    /** Sends until it is told; what is told, and the Ethernet header of an outer frame with a UDP port that came into under0. */
    async function sent(from: Namespace, device: string, frame: Buffer, at: Namespace, outer: RegExp) {
      const capture = await Capture.start(at, 'under0', 1000);
      const record = await eventually('it is told', async () => {
        const count = flowSamples(end.datagrams()).length;
        sendFrames(from, device, [frame]);
        await eventually('a sample', () => flowSamples(end.datagrams()).length > count);
        const { records } = flowSamples(end.datagrams()).at(-1)!;
        return records.ethernetTunnelEgress ?? records.ethernetTunnelIngress;
      });
      const seen = (await capture.stop()).find((one) => outer.test(one.toString('hex')))!;
      const mac = (bytes: Buffer) => bytes.toString('hex').replace(/..(?=.)/g, '$&:');
      const header = { src: mac(seen.subarray(6, 12)), dst: mac(seen.subarray(0, 6)) };
      return [record, { length: 0, ...header, type: seen.readUInt16BE(12) }];
    }
    // UDP to port 4789 over IPv4, to 6081 over IPv6.
    const vxlan = /^.{24}0800.{44}12b5/;
    const geneve = /^.{24}86dd.{84}17c1/;
    const answer = udpFrame(1000, 9);
    for (const [record, header] of [
      await sent(host, 'eth0', OUT[0], end.far, vxlan),
      await sent(host, 'eth0', OUT[1], end.far, geneve),
      await sent(end.far, 'vx', answer, namespace, vxlan),
      await sent(end.far, 'gn', answer, namespace, geneve),
    ])
      expect(record).to.deep.equal(header);
    const counter = site.theSwitch.stats().exporters.find(({ name }) => name === 'sflow_outer_unknown');
    expect(counter?.total, 'before the kernel was asked').to.be.above(0);
  });
});
