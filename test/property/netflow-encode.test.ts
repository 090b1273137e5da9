import { expect } from 'chai';
import fc from 'fast-check';
import { formatIpv4, formatIpv6 } from '../../ts/util/index.js';
import { netflowFlow, NetflowRig } from '../support/netflow.js';
import { needsTshark } from '../support/tshark.js';

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const vlan = fc.integer({ min: 0, max: 0xfff });
const words = fc.tuple(word, word, word, word).map((four) => Int32Array.from(four));

/** A flow with what it counted, milliseconds after the one before. */
const counted = fc.record({
  six: fc.boolean(),
  src: words,
  dst: words,
  ports: fc.tuple(u16, u16, u16, u16),
  nwProto: u8,
  nwTos: u8,
  vlans: fc.tuple(vlan, vlan),
  packets: fc.integer({ min: 1, max: 2 ** 40 }),
  bytes: fc.integer({ min: 1, max: 2 ** 50 }),
  tcpFlags: u8,
  later: fc.integer({ min: 0, max: 100_000 }),
});
type Counted = typeof counted extends fc.Arbitrary<infer T> ? T : never;

/** Counts each flow once; the records as tshark reads them, and what was counted. */
async function exported(version: 5 | 9, flows: readonly Counted[]) {
  const rig = new NetflowRig({ version, activeTimeout: 0 });
  for (const { six, src, dst, ports, nwProto, nwTos, vlans, packets, bytes, tcpFlags, later } of flows) {
    rig.now += later;
    const [inPort, output, tpSrc, tpDst] = ports;
    const flow = netflowFlow({
      ...{ ipVersion: six ? 6 : 4, src: six ? src : src.map((w, i) => (i === 0 ? w : 0)), inPort, output },
      ...{ dst: six ? dst : dst.map((w, i) => (i === 0 ? w : 0)), tpSrc, tpDst, nwProto, nwTos },
      ...(version === 9 ? { vlanIn: vlans[0], vlanOut: vlans[1] } : {}),
    });
    rig.counted(flow, packets, bytes, tcpFlags);
    rig.exporter.ended(flow);
    if (later % 3 === 0) rig.exporter.tick(rig.now);
  }
  rig.exporter.close();
  for (const message of rig.messages) expect(message.length).to.be.at.most(1472);
  return rig.records();
}

const hex = (value: number) => `0x${value.toString(16).padStart(2, '0')}`;

/** Fields of a record that do not depend on its version. */
function common({ src, dst, six, ports, nwProto, nwTos, tcpFlags }: Counted): Record<string, string> {
  const [inputint, outputint] = ports.map(String);
  const tos = { protocol: String(nwProto), tos: hex(nwTos), tcpflags: hex(tcpFlags) };
  return six
    ? { srcaddrv6: formatIpv6(src, 0), dstaddrv6: formatIpv6(dst, 0), inputint, outputint, ...tos }
    : { srcaddr: formatIpv4(src[0]), dstaddr: formatIpv4(dst[0]), inputint, outputint, ...tos };
}

describe('NetFlow: tshark reads what was counted, whatever it is', function () {
  this.timeout(180_000);
  before(function () {
    needsTshark(this);
  });

  it('version 9', () =>
    fc.assert(
      fc.asyncProperty(fc.array(counted, { minLength: 1, maxLength: 200 }), async (flows) => {
        const records = await exported(9, flows);
        expect(records).to.have.length(flows.length);
        for (const [i, record] of records.entries()) {
          const { packets, bytes, vlans } = flows[i];
          expect(record).to.include({ ...common(flows[i]), packets: String(packets), octets: String(bytes) });
          expect(record).to.include({ vlanid: String(vlans[0]), post_vlanid: String(vlans[1]) });
        }
      }),
      { numRuns: 6 },
    ));

  it('version 5, whose records of one flow add up', () =>
    fc.assert(
      fc.asyncProperty(fc.array(counted, { minLength: 1, maxLength: 40 }), async (flows) => {
        // Of one packet a byte at least; no more than is believed.
        const four = flows.map((flow) => ({ ...flow, six: false, bytes: (flow.bytes % 2 ** 38) + 1 }));
        const records = await exported(5, four);
        let at = 0;
        for (const flow of four) {
          const own = records.slice(at, at + Math.ceil(flow.bytes / 0xffffffff));
          at += own.length;
          for (const record of own) expect(record).to.include(common(flow));
          expect(own.reduce((sum, { octets }) => sum + Number(octets), 0)).to.equal(flow.bytes);
        }
        expect(at).to.equal(records.length);
      }),
      { numRuns: 6 },
    ));
});
