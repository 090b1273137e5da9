import { expect } from 'chai';
import { tcpPacket, ethernet, udpFrame } from '../support/frames.js';
import { ping } from '../support/ping.js';
import { TcpHost } from '../support/tcp-host.js';
import { eventually } from '../support/eventually.js';
import { expectAccepted, flowsLike, packetsOf } from '../support/switch-checks.js';
import { describeSwitch, type RunningSwitch } from '../support/switch-rig.js';
import { Capture, sendFrames } from '../support/traffic.js';

const OPEN_PORT = 4000;
const FTP = 21;
const FTP_DATA = 5001;
/** A flow of new connections that drops. */
const NEW_DROPPED = /ct_state\(\+new.*actions:drop/;
/** Neighbour discovery; most of its packets belong to no connection that is tracked. */
const NEIGHBOURS = `priority=20,icmp6,icmp_type=135 actions=NORMAL
  priority=20,icmp6,icmp_type=136 actions=NORMAL`;

/** Connections from port 1 to port 2, and what belongs to them. */
const FIREWALL = ['ip', 'ipv6']
  .map(
    (protocol) => `
  priority=10,${protocol},ct_state=-trk actions=ct(table=1)
  table=1,priority=10,in_port=1,${protocol},ct_state=+trk+new actions=ct(commit),output:2
  table=1,priority=10,in_port=1,${protocol},ct_state=+trk+est-inv actions=output:2
  cookie=3,table=1,priority=10,in_port=2,${protocol},ct_state=+trk+est+rpl-inv actions=output:1
  cookie=4,table=1,priority=10,in_port=2,${protocol},ct_state=+trk+rel-inv actions=output:1
  cookie=5,table=1,priority=10,in_port=2,${protocol},ct_state=+trk+new actions=drop
  cookie=6,table=1,priority=20,${protocol},ct_state=+trk+inv actions=drop`,
  )
  .concat('priority=10,arp actions=NORMAL', NEIGHBOURS)
  .join('\n');

describeSwitch(
  'connection tracking in the kernel',
  (rig) => {
    const host = (number: number) => rig().hosts[number - 1].namespace;
    const send = (number: number, ...frames: Buffer[]) => sendFrames(host(number), 'eth0', frames);
    const listen = (number: number, count = 1) => Capture.start(host(number), 'eth0', count);

    function open(flows: string): RunningSwitch {
      const running = rig().open({ bridge: { failMode: 'secure' } });
      running.theSwitch.addFlows(running.bridge, flows);
      return running;
    }

    let one: TcpHost;
    let two: TcpHost;
    before(async () => {
      [one, two] = await Promise.all([
        TcpHost.start(rig().lab, host(1), [OPEN_PORT]),
        TcpHost.start(rig().lab, host(2), [OPEN_PORT, FTP, FTP_DATA]),
      ]);
    });

    it('a stateful firewall: connections one way, over IPv4 and IPv6', async () => {
      const { theSwitch, bridge } = open(FIREWALL);
      expect(await one.connect('10.0.0.2', OPEN_PORT)).to.include({ client: '10.0.0.1' });
      expect(await one.connect('fd00::2', OPEN_PORT)).to.include({ client: 'fd00::1' });
      expect(await ping(host(1), '10.0.0.2')).to.equal(3);
      expect(await ping(host(1), 'fd00::2')).to.equal(3);
      expect(await packetsOf(theSwitch, bridge, 5), 'new from outside').to.equal(0);
      const refused = [two.attempt('10.0.0.1', OPEN_PORT), two.attempt('fd00::1', OPEN_PORT)];
      await eventually(
        'both are dropped',
        async () => (await flowsLike(theSwitch, NEW_DROPPED)).length === 2,
      );
      for (const attempt of refused) attempt.end();
      expect(await Promise.all(refused.map(({ said }) => said))).to.deep.equal(['', '']);
      expect(await packetsOf(theSwitch, bridge, 5)).to.be.at.least(2);
      expect(await packetsOf(theSwitch, bridge, 3)).to.be.at.least(12);
      expect(await flowsLike(theSwitch, /ct_state\(.*est.*\)/)).to.not.have.length(0);
      await expectAccepted(theSwitch);
    });

    it('errors of a connection are related to it; what belongs to none is invalid', async () => {
      const { theSwitch, bridge } = open(FIREWALL);
      const frame = udpFrame(1000, 9, { src: '10.0.0.1', dst: '10.0.0.2' });
      Buffer.from('020000000002020000000001', 'hex').copy(frame);
      send(1, frame);
      await eventually('the port is unreachable', async () => (await packetsOf(theSwitch, bridge, 4)) === 1);
      const payload = tcpPacket(1000, 2000, 0x04, Buffer.alloc(0), { src: '10.0.0.9', dst: '10.0.0.1' });
      send(2, ethernet({ type: 0x0800, payload }));
      await eventually('a lone RST is invalid', async () => (await packetsOf(theSwitch, bridge, 6)) === 1);
      await expectAccepted(theSwitch);
    });

    it('marks and labels of a zone, set in part, come back with the answers; other zones do not know them', async () => {
      const { theSwitch, bridge } = open(`
        priority=10,arp actions=NORMAL
        priority=20,in_port=1,icmp actions=load:0x1234->NXM_NX_REG0[0..15],ct(table=1,zone=NXM_NX_REG0[0..15])
        priority=20,in_port=2,icmp actions=ct(table=2,zone=0x1234)
        table=1,ip,ct_state=+new actions=ct(commit,zone=0x1234,exec(set_field:0x105/0xfff->ct_mark,set_field:0x7000000000000000a->ct_label)),output:2
        table=1,ct_state=+est actions=output:2
        cookie=1,table=2,ip,ct_state=+est+rpl,ct_zone=0x1234,ct_mark=0x5/0xff,ct_label=0xa/0xf actions=ct(table=3,zone=7),output:1
        cookie=2,table=3,ct_state=+trk,ct_mark=0,ct_label=0 actions=drop`);
      expect(await ping(host(1), '10.0.0.2')).to.equal(3);
      expect(await packetsOf(theSwitch, bridge, 1)).to.equal(3);
      expect(await packetsOf(theSwitch, bridge, 2)).to.equal(3);
      const [commit] = await flowsLike(
        theSwitch,
        /ct\(commit,zone=4660,mark=0x105\/0xfff,label=0x7000000000000000a/,
      );
      const [shown] = await flowsLike(theSwitch, /ct_zone\(0x1234\).*ct_mark\(0x5\/0xff\)/);
      expect([commit, shown]).to.not.include(undefined);
      await expectAccepted(theSwitch);
    });

    it('the packet goes on where it was: registers, metadata and the rest of the actions after ct', async () => {
      const { theSwitch, bridge } = open(`
        udp actions=load:7->NXM_NX_REG3[],set_field:0x99->metadata,set_field:53->udp_dst,ct(table=5,zone=3),set_field:54->udp_dst,output:3
        cookie=1,table=5,reg3=7,metadata=0x99,udp,udp_dst=53,ct_state=+trk+new,ct_zone=3 actions=output:2`);
      for (const round of [1, 2]) {
        const heard = [await listen(2), await listen(3)];
        send(1, udpFrame());
        const ports = await Promise.all(
          heard.map(async (one) => (await one.settled(1))[0]?.readUInt16BE(36)),
        );
        expect(ports, `round ${round}`).to.deep.equal([53, 54]);
      }
      expect(await packetsOf(theSwitch, bridge, 1)).to.equal(2);
      await expectAccepted(theSwitch);
    });

    it('ct_clear: the packet is untracked from there on', async () => {
      const { theSwitch, bridge } = open(`
        udp,ct_state=-trk actions=ct(table=1,zone=9)
        table=1,ct_state=+trk,udp actions=ct_clear,resubmit(,2)
        cookie=1,table=2,ip,ct_state=-trk,ct_zone=0 actions=output:2,ct(table=3,zone=10)
        cookie=2,table=3,ct_state=+trk,ct_zone=10,udp actions=output:3`);
      const heard = [await listen(2, 2), await listen(3, 2)];
      send(1, udpFrame());
      // Flows of other frames that hosts send may be there, too.
      await eventually('the packet is through', async () => (await packetsOf(theSwitch, bridge, 2)) === 1);
      send(1, udpFrame());
      for (const one of heard) expect(await one.settled(2)).to.have.length(2);
      expect(await flowsLike(theSwitch, /actions:ct_clear/)).to.have.length(1);
      expect([await packetsOf(theSwitch, bridge, 1), await packetsOf(theSwitch, bridge, 2)]).to.deep.equal([
        2, 2,
      ]);
      await expectAccepted(theSwitch);
    });

    it('force: a connection that the other side began is turned round', async () => {
      const { theSwitch, bridge } = open(`
        udp,tp_dst=2000 actions=ct(table=1,zone=21)
        cookie=4,table=1,ip,ct_state=+new actions=ct(commit,zone=21)
        udp,tp_src=2000,tp_dst=1000 actions=ct(table=2,zone=21)
        cookie=1,table=2,ip,ct_state=+trk+rpl actions=ct(force,commit,zone=21),output:1
        cookie=2,table=2,ct_state=+trk+est-rpl actions=output:1
        cookie=3,table=2,ct_state=+trk-rpl-est actions=output:1`);
      send(1, udpFrame(1000, 2000));
      await eventually('committed', async () => (await packetsOf(theSwitch, bridge, 4)) === 1);
      const back = udpFrame(2000, 1000, { src: '10.0.0.2', dst: '10.0.0.1' });
      const heard = await listen(1, 2);
      send(2, back);
      await eventually('the answer', async () => (await packetsOf(theSwitch, bridge, 1)) === 1);
      send(2, back);
      expect(await heard.settled(2)).to.have.length(2);
      await eventually(
        'it is the first direction',
        async () => (await packetsOf(theSwitch, bridge, 2)) + (await packetsOf(theSwitch, bridge, 3)) === 1,
      );
      expect(await packetsOf(theSwitch, bridge, 1)).to.equal(1);
      await expectAccepted(theSwitch);
    });

    it('the original direction can be matched by the answers', async () => {
      const { theSwitch, bridge } = open(`
        priority=10,arp actions=NORMAL
        priority=20,in_port=1,tcp actions=ct(table=1)
        priority=20,in_port=2,tcp actions=ct(table=2)
        priority=20,in_port=1,tcp6 actions=ct(table=1)
        priority=20,in_port=2,tcp6 actions=ct(table=2)
        ${NEIGHBOURS}
        table=1,tcp,ct_state=+new actions=ct(commit),output:2
        table=1,tcp6,ct_state=+new actions=ct(commit),output:2
        table=1,ct_state=-new actions=output:2
        cookie=1,table=2,tcp,ct_state=+est,ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=6,ct_tp_dst=${OPEN_PORT} actions=output:1
        cookie=2,table=2,tcp6,ct_state=+est,ct_ipv6_src=fd00::1,ct_ipv6_dst=fd00::2,ct_nw_proto=6,ct_tp_dst=${OPEN_PORT} actions=output:1`);
      expect(await one.connect('10.0.0.2', OPEN_PORT)).to.include({ client: '10.0.0.1' });
      expect(await one.connect('fd00::2', OPEN_PORT)).to.include({ client: 'fd00::1' });
      for (const cookie of [1, 2]) expect(await packetsOf(theSwitch, bridge, cookie)).to.be.at.least(3);
      await expectAccepted(theSwitch);
    });

    it('alg=ftp: the data connection is related to its control connection', async () => {
      const { theSwitch, bridge } = open(`
        priority=10,arp actions=NORMAL
        priority=10,tcp,ct_state=-trk actions=ct(table=1,zone=31)
        table=1,tcp,tp_dst=${FTP},ct_state=+trk+new actions=ct(commit,zone=31,alg=ftp),output:2
        cookie=1,table=1,in_port=1,tcp,ct_state=+trk+new+rel actions=ct(commit,zone=31),output:2
        table=1,in_port=1,tcp,ct_state=+trk+est actions=output:2
        table=1,in_port=2,tcp,ct_state=+trk+est actions=output:1`);
      const blocked = one.attempt('10.0.0.2', FTP_DATA);
      await eventually(
        'nobody asked for data',
        async () => (await flowsLike(theSwitch, NEW_DROPPED)).length === 1,
      );
      blocked.end();
      expect(await blocked.said).to.equal('');
      expect(await one.attempt('10.0.0.2', FTP, 'PASV').said).to.match(/^220 ready\r\n227 .*10,0,0,2,19,137/);
      expect(await one.connect('10.0.0.2', FTP_DATA)).to.include({ client: '10.0.0.1' });
      expect(await packetsOf(theSwitch, bridge, 1)).to.be.at.least(1);
      expect(await flowsLike(theSwitch, /helper=ftp/)).to.have.length(1);
      await expectAccepted(theSwitch);
    });
  },
  { ipv6: true },
);
