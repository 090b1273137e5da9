import { expect } from 'chai';
import { ethernet, udpPacket } from '../support/frames.js';
import { eventually } from '../support/eventually.js';
import { ping } from '../support/ping.js';
import { expectAccepted, flowsLike } from '../support/switch-checks.js';
import { describeSwitch, type RunningSwitch } from '../support/switch-rig.js';
import { TcpHost } from '../support/tcp-host.js';
import { Capture, sendFrames } from '../support/traffic.js';

const MAC_1 = '02:00:00:00:00:01';
const MAC_2 = '02:00:00:00:00:02';
const PORT = 80;
const WIRE_PORT = 8080;

/** Both directions between ports 1 and 2, whose first direction `commit` changes when it is new. */
function gateway(protocol: 'ip' | 'ipv6', commit: string): string {
  return `
    priority=10,arp actions=NORMAL
    priority=20,icmp6,icmp_type=135 actions=NORMAL
    priority=20,icmp6,icmp_type=136 actions=NORMAL
    priority=10,in_port=1,${protocol} actions=ct(table=1,zone=1,nat)
    priority=10,in_port=2,${protocol} actions=ct(table=2,zone=1,nat)
    table=1,${protocol},ct_state=+trk+new actions=ct(commit,zone=1,nat(${commit})),output:2
    table=1,${protocol},ct_state=+trk+est actions=output:2
    table=2,${protocol},ct_state=+trk+est actions=output:1
    table=2,${protocol},ct_state=+trk+rel actions=output:1`;
}

describeSwitch(
  'network address translation in the kernel',
  (rig) => {
    const host = (number: number) => rig().hosts[number - 1].namespace;

    function open(flows: string): RunningSwitch {
      const running = rig().open({ bridge: { failMode: 'secure' } });
      running.theSwitch.addFlows(running.bridge, flows);
      return running;
    }

    let one: TcpHost;
    before(async () => {
      // Addresses that only the switch knows, behind those that have them translated.
      for (const address of [
        '10.0.0.100',
        '10.0.0.101',
        '10.0.0.102',
        '10.0.0.103',
        'fd00::100',
        'fd00::101',
      ])
        host(2).ip(`neigh add ${address} lladdr ${MAC_1} dev eth0`);
      for (const address of ['10.0.0.200', 'fd00::200'])
        host(1).ip(`neigh add ${address} lladdr ${MAC_2} dev eth0`);
      [one] = await Promise.all([
        TcpHost.start(rig().lab, host(1), []),
        TcpHost.start(rig().lab, host(2), [PORT, WIRE_PORT]),
      ]);
    });

    it('SNAT: TCP, ping and errors, to one address and back', async () => {
      const { theSwitch } = open(gateway('ip', 'src=10.0.0.100'));
      expect(await one.connect('10.0.0.2', PORT)).to.include({ client: '10.0.0.100', server: '10.0.0.2' });
      expect(await ping(host(1), '10.0.0.2')).to.equal(3);
      // The port is closed: the error comes back as one of the host's own packets.
      const heard = await Capture.start(host(1), 'eth0', 1);
      const payload = udpPacket(1000, 9, Buffer.alloc(8), { src: '10.0.0.1', dst: '10.0.0.2' });
      sendFrames(host(1), 'eth0', [ethernet({ src: MAC_1, dst: MAC_2, type: 0x0800, payload })]);
      const [error] = await heard.frames();
      expect(error.subarray(34, 36).toString('hex'), 'ICMP port unreachable').to.equal('0303');
      expect([...error.subarray(30, 34), ...error.subarray(54, 58)]).to.deep.equal([
        10, 0, 0, 1, 10, 0, 0, 1,
      ]);
      expect(await flowsLike(theSwitch, /ct\(commit,zone=1,nat\(src=10\.0\.0\.100\)\)/)).to.not.have.length(
        0,
      );
      await expectAccepted(theSwitch);
    });

    it('DNAT: another address and port, answered as if by the first', async () => {
      const { theSwitch } = open(gateway('ip', `dst=10.0.0.2:${PORT}`));
      expect(await one.connect('10.0.0.200', WIRE_PORT)).to.include({ client: '10.0.0.1', serverPort: PORT });
      expect(await ping(host(1), '10.0.0.200')).to.equal(3);
      await expectAccepted(theSwitch);
    });

    it('IPv6: SNAT to a port range and DNAT', async () => {
      const running = open(gateway('ipv6', 'src=[fd00::100]:7000-7009'));
      const seen = await one.connect('fd00::2', PORT);
      expect(seen).to.include({ client: 'fd00::100' });
      expect(seen.clientPort).to.be.within(7000, 7009);
      expect(await ping(host(1), 'fd00::2')).to.equal(3);
      await expectAccepted(running.theSwitch);
      await running.theSwitch.close();
      const { theSwitch } = open(gateway('ipv6', `dst=[fd00::2]:${PORT}`));
      expect(await one.connect('fd00::200', WIRE_PORT)).to.include({ client: 'fd00::1', serverPort: PORT });
      await expectAccepted(theSwitch);
    });

    const ranges = [
      'src=10.0.0.100-10.0.0.103:6000-6009,hash',
      'src=10.0.0.100-10.0.0.103:6000-6009,random',
      'src=10.0.0.100-10.0.0.103:6000-6009,persistent,hash',
      'src=10.0.0.100-10.0.0.103,persistent',
    ];
    it('ranges of addresses and ports: hash, random and persistent', async () => {
      const flows = ranges.map(
        (range, i) => `udp,tp_dst=${2000 + i} actions=ct(commit,zone=${10 + i},nat(${range})),output:2`,
      );
      const { theSwitch } = open(flows.join('\n'));
      const heard = await Capture.start(host(2), 'eth0', 40);
      const frames = ranges.flatMap((_, i) =>
        Array.from({ length: 10 }, (_, n) => {
          const payload = udpPacket(3000 + n, 2000 + i, Buffer.alloc(8), { src: `10.0.1.${n % 5}` });
          return ethernet({ type: 0x0800, payload });
        }),
      );
      sendFrames(host(1), 'eth0', frames);
      const came = await heard.frames();
      expect(came).to.have.length(40);
      for (const [i] of ranges.entries()) {
        const own = came.filter((frame) => frame.readUInt16BE(36) === 2000 + i);
        const bySource = new Map<number, Set<string>>();
        for (const frame of own) {
          const port = frame.readUInt16BE(34);
          const address = frame.subarray(26, 30).join('.');
          expect(address, ranges[i]).to.match(/^10\.0\.0\.10[0-3]$/);
          if (i < 3) expect(port, ranges[i]).to.be.within(6000, 6009);
          else {
            expect(port, 'kept').to.be.within(3000, 3009);
            const source = (port - 3000) % 5;
            bySource.set(source, (bySource.get(source) ?? new Set()).add(address));
          }
        }
        expect(own).to.have.length(10);
        for (const addresses of bySource.values())
          expect(addresses, 'persistent').to.have.property('size', 1);
      }
      const installed = () => flowsLike(theSwitch, /nat\(src=10\.0\.0\.100-10\.0\.0\.103/);
      await eventually('four flows', async () => (await installed()).length === 4);
      expect(
        (await installed()).map((line) => /persistent,?(hash)?|hash|random/.exec(line)?.[0]).sort(),
      ).to.deep.equal(['hash', 'persistent', 'persistent,hash', 'random']);
      await expectAccepted(theSwitch);
    });
  },
  { hosts: 2, ipv6: true },
);
