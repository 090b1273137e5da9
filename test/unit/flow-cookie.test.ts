import { expect } from 'chai';
import fc from 'fast-check';
import {
  type Cookie,
  COOKIE_BYTES,
  CookieWriter,
  cookieType,
  decodeCookie,
  slowReasonText,
} from '../../ts/flow/index.js';

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const common = {
  inPort: u16,
  uuid: fc.tuple(u32, u32, u32, u32).map((words) => Int32Array.from(words, (word) => word | 0)),
};
const cookies: fc.Arbitrary<Cookie> = fc.oneof(
  fc.record({ ...common, type: fc.constant('sflow' as const), vlanTci: u16, output: u32 }),
  fc.record({ ...common, type: fc.constant('slow_path' as const), reason: u32 }),
  fc.record({
    ...common,
    type: fc.constant('flow_sample' as const),
    probability: u16,
    collectorSetId: u32,
    obsDomainId: u32,
    obsPointId: u32,
    outputPort: u32,
    direction: fc.integer({ min: 0, max: 2 }),
  }),
  fc.record({ ...common, type: fc.constant('ipfix' as const), outputPort: u32 }),
  fc.record({
    ...common,
    type: fc.constant('controller' as const),
    dontSend: fc.boolean(),
    continuation: fc.boolean(),
    reason: u16,
    recircId: u32,
    ruleCookieHigh: u32,
    ruleCookieLow: u32,
    controllerId: u16,
    maxLen: u16,
  }),
);

describe('flow: cookies', () => {
  it('come back from their bytes, at any offset, from a reused writer', () => {
    const writer = new CookieWriter();
    fc.assert(
      fc.property(cookies, fc.integer({ min: 0, max: 9 }), (cookie, offset) => {
        writer.put(cookie);
        const buffer = new Uint8Array(offset + COOKIE_BYTES + 3).fill(0xee);
        buffer.set(writer.bytes, offset);
        expect(decodeCookie(buffer, offset, COOKIE_BYTES)).to.deep.equal(cookie);
      }),
    );
  });

  it('are known by size and type', () => {
    const writer = new CookieWriter();
    writer.putSlowPath(1, null, 16);
    expect(cookieType(writer.bytes, 0, COOKIE_BYTES)).to.equal(2);
    expect(cookieType(writer.bytes, 0, COOKIE_BYTES - 1)).to.equal(0);
    expect(cookieType(writer.bytes, 1, COOKIE_BYTES)).to.equal(0);
    for (const type of [0, 6, 0x102]) {
      const bytes = writer.bytes.slice();
      bytes[0] = type;
      bytes[1] = type >>> 8;
      expect(cookieType(bytes, 0, COOKIE_BYTES), `type ${type}`).to.equal(0);
      expect(decodeCookie(bytes)).to.equal(null);
    }
  });

  it('name their reasons', () => {
    expect(slowReasonText(0)).to.equal('0');
    expect(slowReasonText(1 | 32)).to.equal('cfm,action');
    expect(slowReasonText(64 | 0x80 | 0x80000000)).to.equal('match,0x80000080');
  });
});
