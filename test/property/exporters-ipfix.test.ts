import { expect } from 'chai';
import fc from 'fast-check';
import { layer3, layer4, type Observation } from '../../ts/exporters/ipfix/flow-key.js';
import { Tunnel } from '../../ts/exporters/ipfix/tunnel.js';
import {
  F_ETH_SRC,
  F_IPV6_SRC,
  F_NW_SRC,
  F_NW_TTL,
  F_TUN_DST,
  F_TUN_ID,
  F_TUN_SRC,
  F_TUN_TP_DST,
  F_TUN_TP_SRC,
  FLOW_WORDS,
} from '../../ts/fields/index.js';
import { KEY_FORM, native } from '../../ts/native/index.js';
import { formatIpv4, formatIpv6, formatMac } from '../../ts/util/index.js';
import { ipfixFrames } from '../support/ipfix-frames.js';
import { readIpfix } from '../support/ipfix-messages.js';
import { recordsOf } from '../support/ipfix-records.js';
import { IpfixRig } from '../support/ipfix-rig.js';
import { dissect, needsTshark } from '../support/tshark.js';

const FRAMES = Object.values(ipfixFrames());
const word = fc.integer({ min: 0, max: 0xffffffff });
const name = fc.string({ unit: 'grapheme-ascii', maxLength: 15 });

/** Frames of each kind with some bytes changed and cut somewhere, so that any layer may be broken. */
const frame = fc
  .tuple(
    fc.constantFrom(...FRAMES),
    fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 6 }),
    fc.integer({ min: 14, max: 400 }),
  )
  .map(([whole, changes, length]) => {
    const bytes = Uint8Array.from(whole.subarray(0, length));
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return bytes;
  });

const sampled = fc.record({
  frame,
  outer: fc.tuple(word, word, word, word, fc.nat(0xffff), fc.nat(0xffff)),
  tunnel: fc.constantFrom(null, 'vxlan', 'gre', 'geneve', 'lisp', 'stt'),
  domain: fc.nat(1),
  point: word,
  direction: fc.nat(1),
  input: name,
  output: name,
  ifindex: word,
  packets: fc.constantFrom(1, 400, 0xffffffff),
  dropped: fc.boolean(),
});

type Sampled = typeof sampled extends fc.Arbitrary<infer T> ? T : never;

function give(rig: IpfixRig, one: Sampled): Int32Array {
  const keys = new Int32Array(FLOW_WORDS);
  native().extractPacket(one.frame, keys, 0, KEY_FORM.full);
  [F_TUN_SRC, F_TUN_DST, F_TUN_ID, F_TUN_ID + 1, F_TUN_TP_SRC, F_TUN_TP_DST].forEach((field, i) => {
    keys[field] = one.outer[i];
  });
  const tunnel = new Tunnel();
  const known = one.tunnel !== null && tunnel.fromFlow(one.tunnel, keys, 0);
  const seen: Observation = {
    ...{ domain: one.domain, point: one.point, direction: one.direction },
    input: { ifindex: one.ifindex, name: Buffer.from(one.input) },
    output: { ifindex: one.ifindex, name: Buffer.from(one.output) },
    ...{ tunnel: known ? tunnel : null, virtual: rig.process.virtual },
  };
  const l3 = layer3(keys, 0);
  rig.process.sample(seen, {
    ...{ keys, base: 0, l3, l4: layer4(keys, 0, l3), direction: one.direction },
    ...{ bytes: one.frame.length, packets: one.packets, dropped: one.dropped },
  });
  return keys;
}

describe('exporters: IPFIX of any flow', () => {
  before(function () {
    needsTshark(this);
  });

  it('is well-formed to tshark, which reads what the flow key says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sampled, { minLength: 60, maxLength: 60 }), name, async (all, virtualId) => {
        const rig = new IpfixRig({ virtualId });
        const keys = all.map((one) => give(rig, one));
        const messages = rig.messages.map(readIpfix);
        expect(Math.max(...rig.messages.map(({ length }) => length))).to.be.at.most(1500 - 28);
        for (const domain of new Set(messages.map((one) => one.domain))) {
          const sequences = messages
            .filter((one) => one.domain === domain && one.sets[0].id >= 256)
            .map(({ sequence }) => sequence);
          expect(sequences).to.deep.equal(sequences.map((_, i) => i));
        }
        const records = recordsOf(await dissect(rig.messages, 'cflow', 4739));
        expect(records).to.have.length(all.length);
        for (const [i, record] of records.entries()) {
          const key = keys[i];
          const { domain, point, direction, packets } = all[i];
          expect(record).to.deep.include({
            ...{ od_id: `${domain}`, observation_point_id: `${point}`, direction: `${direction}` },
            ...{ packets: `${packets}`, srcmac: formatMac(key[F_ETH_SRC], key[F_ETH_SRC + 1]) },
            ...(record.ip_version !== undefined && { ip_ttl: `${key[F_NW_TTL]}` }),
            ...(record.ip_version === '4' && { srcaddr: formatIpv4(key[F_NW_SRC]) }),
            ...(record.ip_version === '6' && { srcaddrv6: formatIpv6(key, F_IPV6_SRC) }),
          });
        }
      }),
      { numRuns: 2 },
    );
  }).timeout(120_000);
});
