import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { openTransport } from '../../ts/exporters/ipfix/session.js';
import { eventually } from '../support/eventually.js';
import { ipfixFrames } from '../support/ipfix-frames.js';
import { IpfixRig } from '../support/ipfix-rig.js';
import { NfCollector } from '../support/nfdump.js';
import { skipUnless } from '../support/skip.js';

/** Bytes that wait in the socket that a UDP port of the loopback is bound to; -1 without one. */
function waiting(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const line = readFileSync('/proc/net/udp', 'utf8')
    .split('\n')
    .map((one) => one.trim().split(/\s+/))
    .find(([, address]) => address === local);
  return line === undefined ? -1 : Number.parseInt(line[4].split(':')[1], 16);
}

describe('exporters: IPFIX and nfdump', () => {
  let collector: NfCollector | undefined;

  before(function () {
    skipUnless(this, spawnSync('nfdump', ['-V']).error === undefined, 'needs nfcapd (Debian package nfdump)');
  });
  afterEach(() => collector?.stop());

  it('nfcapd takes all records without an error in their sequence, and nfdump shows their flows', async () => {
    collector = await NfCollector.start('nfcapd');
    const port = Number(collector.target.split(':')[1]);
    await eventually('nfcapd listens', () => waiting(port) >= 0);
    const rig = new IpfixRig({ targets: [collector.target] }, 1, openTransport);
    const frames = ipfixFrames();
    const names = ['udp', 'tcp', 'sctp', 'icmp', 'vlan', 'udp6', 'arp', 'multicast'];
    for (const name of names) {
      rig.sample(frames[name], { domain: 17, point: 23, input: 'p1', packets: 3 });
      await new Promise(setImmediate);
    }
    await eventually('all is sent', () => rig.totals.sent === 20 + names.length);
    await eventually('nfcapd has read all', () => waiting(port) === 0);
    const flows = await collector.flows();
    expect(collector.said).to.match(/Flows: 8,.*Sequence Errors: 0, Bad Packets: 0/);
    const seen = flows.map((flow) =>
      [
        ...[flow.proto, flow.src4_addr ?? flow.src6_addr, flow.dst4_addr ?? flow.dst6_addr],
        ...[flow.src_port, flow.dst_port, flow.src_tos, flow.in_src_mac, flow.in_dst_mac],
        ...[flow.direction, flow.observationDoaminID, flow.observationPointID],
      ].join(' '),
    );
    const ends = '10.9.0.1 10.9.0.2';
    const to = (mac: string) => `0a:00:00:00:00:01 ${mac} 0 17 23`;
    const macs = to('0a:00:00:00:00:02');
    expect(seen).to.deep.equal([
      `17 ${ends} 1000 2000 185 ${macs}`,
      `6 ${ends} 1000 2000 0 ${macs}`,
      `132 ${ends} 1000 2000 0 ${macs}`,
      `1 ${ends}   0 ${macs}`,
      `17 ${ends} 1000 2000 0 ${macs}`,
      `17 fd09::1 fd09::2 1000 2000 32 ${macs}`,
      `0   0 0 0 ${to('ff:ff:ff:ff:ff:ff')}`,
      `17 10.9.0.1 224.0.0.5 1000 2000 0 ${to('01:00:5e:00:00:05')}`,
    ]);
    // It takes the totals of the exporter for what the flow counts.
    expect(flows.map((flow) => flow.in_packets)).to.deep.equal(names.map((_, i) => 3 * (i + 1)));
    rig.process.close();
  });
});
