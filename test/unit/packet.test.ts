import { expect } from 'chai';
import fc from 'fast-check';
import {
  buildArp,
  buildIcmp,
  buildTcp,
  buildUdp,
  checksumsRight,
  readPacket,
} from '../../ts/packet/index.js';

const v4 = { ipSrc: '10.0.0.1', ipDst: '10.0.0.2' };
const v6 = { ipSrc: 'fd00::1', ipDst: 'fd00::2' };

describe('packet', () => {
  it('builds the frame that is on every wire', () => {
    // One byte of payload, so that the odd byte counts in the checksum. Sums worked out by hand.
    const frame = buildIcmp({ ...v4, type: 8, id: 0x1234, sequence: 1, payload: 1 });
    expect(Buffer.from(frame).toString('hex')).to.equal(
      '020000000002020000000001' + '0800' + '4500001d00004000400126de0a0000010a000002' + '0800e5ca1234000100',
    );
  });

  it('reads what it builds, with right checksums, over both IP versions and tags', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(v4, v6),
        fc.integer({ min: 0, max: 65535 }),
        fc.integer({ min: 0, max: 65535 }),
        fc.integer({ min: 0, max: 1400 }),
        fc.array(fc.record({ vid: fc.integer({ min: 0, max: 4095 }), pcp: fc.integer({ min: 0, max: 7 }) }), {
          maxLength: 2,
        }),
        fc.integer({ min: 0, max: 255 }),
        (ip, srcPort, dstPort, payload, vlans, tos) => {
          const udp = buildUdp({ ...ip, srcPort, dstPort, payload, vlans, tos });
          const tcp = buildTcp({ ...ip, srcPort, dstPort, payload, vlans, flags: 0x018, seq: 0xfffffff0 });
          const icmp = buildIcmp({ ...ip, type: ip === v4 ? 8 : 128, payload, vlans });
          for (const frame of [udp, tcp, icmp]) expect(checksumsRight(frame)).to.equal(true);
          const headers = readPacket(udp);
          expect(headers.ethernet!.vlans).to.deep.equal(vlans.map((tag) => ({ tpid: 0x8100, ...tag })));
          expect(headers.ip).to.include({
            src: ip.ipSrc,
            dst: ip.ipDst,
            tos,
            ttl: 64,
            proto: 17,
            payloadLength: 8 + payload,
          });
          expect(headers.udp).to.include({ src: srcPort, dst: dstPort });
          expect(udp.length - headers.udp!.payload).to.equal(payload);
          expect(readPacket(tcp).tcp).to.include({
            src: srcPort,
            dst: dstPort,
            flags: 0x018,
            seq: 0xfffffff0,
          });
        },
      ),
    );
  });

  it('sees a flipped bit', () => {
    for (const ip of [v4, v6]) {
      const frame = buildUdp({ ...ip, srcPort: 1, dstPort: 2, payload: 9 });
      for (const at of [frame.length - 1, frame.length - 10, ip === v4 ? 26 : 22]) {
        frame[at] ^= 0x10;
        expect(checksumsRight(frame), `byte ${at}`).to.equal(false);
        frame[at] ^= 0x10;
      }
      expect(checksumsRight(frame)).to.equal(true);
    }
  });

  it('builds and reads ARP', () => {
    const frame = buildArp({ senderIp: '10.0.0.1', targetIp: '10.0.0.2', src: '02:00:00:00:00:0a' });
    const { ethernet, arp } = readPacket(frame);
    expect(ethernet!.dst).to.equal('ff:ff:ff:ff:ff:ff');
    expect(arp).to.deep.equal({
      op: 1,
      senderMac: '02:00:00:00:00:0a',
      senderIp: '10.0.0.1',
      targetMac: '00:00:00:00:00:00',
      targetIp: '10.0.0.2',
    });
  });

  it('reads no header that is cut off, at any length', () => {
    const frame = buildTcp({ ...v4, srcPort: 1, dstPort: 2, vlans: [{ vid: 5 }] });
    for (let length = 0; length < frame.length; length++) {
      const headers = readPacket(frame.subarray(0, length));
      expect(headers.tcp, `${length} bytes`).to.equal(undefined);
      expect(headers.ip === undefined).to.equal(length < 18 + 20);
      expect(headers.ethernet === undefined).to.equal(length < 18);
    }
    expect(readPacket(frame).tcp).to.not.equal(undefined);
  });

  it('refuses addresses that are none', () => {
    expect(() => buildUdp({ ...v4, ipDst: '10.0.0', srcPort: 1, dstPort: 2 })).to.throw(
      RangeError,
      "'10.0.0'",
    );
    expect(() => buildArp({ senderIp: '1.2.3.4', targetIp: '1.2.3.5', src: 'x' })).to.throw(
      RangeError,
      "'x'",
    );
  });
});
