import { expect } from 'chai';
import { dumpFlowLines } from '../../ts/datapath/index.js';
import { udpFrame } from '../support/frames.js';
import { Lab, type Namespace } from '../support/netns.js';
import { needsRoot } from '../support/skip.js';
import { failures } from '../support/switch-trials.js';
import { Capture, sendFrames } from '../support/traffic.js';
import { answers, joinUnderlay, openSite, type TunnelSite } from '../support/tunnel-rig.js';

/** Bytes of Ethernet, IPv4, UDP and VXLAN headers. */
const VXLAN_INNER = 14 + 20 + 8 + 8;

/** A tunnel of ours, and the device of Linux at its other end. */
interface TunnelCase {
  readonly name: string;
  /** Options of the Interface record. */
  readonly options: string;
  /** ip link add DEVICE type … */
  readonly device: string;
  /** Third byte of the addresses of both ends. */
  readonly subnet: number;
  /** Actions before the output, where flows choose the tunnel. */
  readonly set?: string;
  /** The datapath's device. */
  readonly vport: string;
}

const CASES: TunnelCase[] = [
  {
    name: 'vxlan',
    options: 'type=vxlan options:remote_ip=172.31.0.2 options:key=100',
    device: 'type vxlan id 100 remote 172.31.0.1 dstport 4789',
    subnet: 1,
    vport: 'vxlan_sys_4789',
  },
  {
    name: 'vxlan with remote and key from the flow',
    options: 'type=vxlan options:remote_ip=flow options:key=flow options:dst_port=4790',
    device: 'type vxlan id 0xabcdef remote 172.31.0.1 dstport 4790',
    subnet: 2,
    set: 'set_field:172.31.0.2->tun_dst,set_field:0xabcdef->tun_id,',
    vport: 'vxlan_sys_4790',
  },
  {
    name: 'vxlan over IPv6, with checksum',
    options: 'type=vxlan options:remote_ip=fd31::2 options:key=7 options:dst_port=4791 options:csum=true',
    device: 'type vxlan id 7 remote fd31::1 dstport 4791 udp6zerocsumrx',
    subnet: 3,
    vport: 'vxlan_sys_4791',
  },
  {
    name: 'geneve',
    options: 'type=geneve options:remote_ip=172.31.0.2 options:key=200 options:csum=true',
    device: 'type geneve id 200 remote 172.31.0.1',
    subnet: 4,
    vport: 'genev_sys_6081',
  },
  {
    // Devices for all remotes, as the datapath's is, take no packets with checksums; they send them.
    name: 'gre with a key, and checksums in what is sent',
    options: 'type=gre options:remote_ip=172.31.0.2 options:key=300 options:csum=true',
    device: 'type gretap remote 172.31.0.1 local 172.31.0.2 key 300 icsum',
    subnet: 5,
    vport: 'gre_sys',
  },
  {
    name: 'gre without a key',
    options: 'type=gre options:remote_ip=172.31.0.2',
    device: 'type gretap remote 172.31.0.1 local 172.31.0.2',
    subnet: 6,
    vport: 'gre_sys',
  },
];

describe('tunnels to devices of Linux', () => {
  const lab = new Lab();
  let site: TunnelSite;
  let peer: Namespace;

  before(function () {
    needsRoot(this);
    const namespace = lab.namespace('site');
    peer = lab.namespace('peer');
    joinUnderlay(lab, namespace, peer);
    site = openSite(
      lab,
      namespace,
      'site',
      CASES.map(({ subnet }) => `10.0.${subnet}.1/24`),
    );
    for (const { device, subnet } of CASES) {
      const [kind, ...options] = device.split(' ').slice(1);
      peer.ip(`link add t${subnet} type ${kind} ${options.join(' ')}`);
      peer.up(`t${subnet}`, { addresses: [`10.0.${subnet}.2/24`] });
    }
  });
  after(async () => {
    await site?.theSwitch.close();
    await lab.remove();
  });

  const ports = () => site.theSwitch.datapath.ports().map(({ name }) => name);

  for (const { name, options, subnet, set = '', vport } of CASES) {
    it(`${name}: pings go through`, async () => {
      site.vsctl(`add-port br0 t${subnet} -- set Interface t${subnet} ${options}`);
      expect(ports()).to.include(vport);
      site.flows(
        `in_port=p1,arp,arp_tpa=10.0.${subnet}.2 actions=${set}output:t${subnet}\n` +
          `in_port=p1,ip,nw_dst=10.0.${subnet}.2 actions=${set}output:t${subnet}\n` +
          `in_port=t${subnet} actions=output:p1`,
      );
      const answered = await answers(site.host, `10.0.${subnet}.2`);
      const lines = await dumpFlowLines(site.theSwitch.datapath, { names: true });
      expect(answered, lines.join('\n')).to.equal(true);
      const { upcall } = site.theSwitch.stats();
      expect(failures(upcall), lines.join('\n')).to.deep.equal([]);
      expect(lines.filter((line) => /set\(tunnel\(/.test(line) && line.endsWith(vport))).not.to.be.empty;
      expect(lines.filter((line) => /^tunnel\(|,tunnel\(/.test(line))).not.to.be.empty;
      expect(site.warnings).to.deep.equal([]);
    });
  }

  /** Outer IPv4 header of what a frame is sent as. */
  async function outer(
    frame: Buffer,
  ): Promise<{ tos: number; ttl: number; df: boolean; udpChecksum: number }> {
    const capture = await Capture.start(peer, 'under0', 100);
    sendFrames(site.host, 'eth0', [frame]);
    // The host asks now and then whether those whom it pinged by other tunnels are still there.
    let packet: Buffer | undefined;
    do [packet] = await capture.take(1);
    while (packet !== undefined && !packet.subarray(VXLAN_INNER).equals(frame));
    await capture.stop();
    if (packet === undefined) throw new Error('the frame did not come');
    return {
      tos: packet[15],
      ttl: packet[22],
      df: (packet[20] & 0x40) !== 0,
      udpChecksum: packet.readUInt16BE(14 + 20 + 6),
    };
  }

  it('the outer header: TTL, DSCP, fragmentation and checksum by options, or from the packet', async () => {
    const to = (tos: number, ttl: number) => udpFrame(1, 2, { dst: '10.0.1.2', tos, ttl });
    expect(await outer(to(0x28, 9))).to.deep.equal({ tos: 0, ttl: 64, df: true, udpChecksum: 0 });
    // Congestion marks are carried over in any case.
    expect(await outer(to(0x29, 9))).to.include({ tos: 1 });
    site.vsctl('set Interface t1 options:ttl=5 options:tos=0x44 options:df_default=false options:csum=true');
    await site.theSwitch.revalidate();
    const fixed = await outer(to(0x28, 9));
    expect(fixed).to.include({ tos: 0x44, ttl: 5, df: false });
    expect(fixed.udpChecksum).not.to.equal(0);
    site.vsctl('set Interface t1 options:ttl=inherit options:tos=inherit');
    await site.theSwitch.revalidate();
    expect(await outer(to(0x28, 9))).to.include({ tos: 0x28, ttl: 9 });
    expect(await outer(to(0x2a, 10))).to.include({ tos: 0x2a, ttl: 10 });
    expect(failures(site.theSwitch.stats().upcall)).to.deep.equal([]);
  });

  it('tunnels of a type and UDP port share a port of the datapath, which goes with the last', () => {
    const devices = () => site.theSwitch.datapath.route.links().map(({ name }) => name);
    site.vsctl('add-port br0 t9 -- set Interface t9 type=vxlan options:remote_ip=172.31.0.9 options:key=9');
    expect(ports().filter((name) => name === 'vxlan_sys_4789')).to.have.length(1);
    expect(site.bridge.portByName('t9')?.odpPort).to.equal(site.bridge.portByName('t1')?.odpPort);
    site.vsctl('del-port t1');
    expect(ports()).to.include('vxlan_sys_4789');
    site.vsctl('del-port t9');
    expect(ports()).not.to.include('vxlan_sys_4789');
    expect(devices()).not.to.include('vxlan_sys_4789');
    site.vsctl('set Interface t4 options:dst_port=6082');
    expect(ports()).to.include('genev_sys_6082').and.not.include('genev_sys_6081');
    expect(site.warnings).to.deep.equal([]);
  });

  it('nothing of them is left when the switch is closed', async () => {
    await site.theSwitch.close();
    const links = site.namespace.ip('-o link show');
    expect(links).to.match(/under0/);
    expect(links).not.to.match(/_sys/);
  });
});
