import { isIPv4, isIPv6 } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { SyntaxProblem } from '../../ts/errors/index.js';
import {
  alternateHex,
  formatIpv4,
  formatIpv6,
  formatMac,
  fromHex,
  parseIpv4,
  parseIpv6,
  parseMac,
  prefixLength,
  prefixMask,
  TextCursor,
  toHex,
} from '../../ts/util/index.js';

const word = fc.integer({ min: -0x80000000, max: 0x7fffffff });

describe('util: addresses', () => {
  it('formats IPv6 as inet_ntop does', () => {
    const text = (...words: number[]) => formatIpv6(words);
    expect(text(0, 0, 0, 0)).to.equal('::');
    expect(text(0, 0, 0, 1)).to.equal('::1');
    expect(text(0x20010db8, 0, 1, 1)).to.equal('2001:db8::1:0:1');
    expect(text(0x20010000, 0, 0x00010000, 0)).to.equal('2001::1:0:0:0');
    expect(text(1, 0x00020003, 0x00040005, 0x00060007)).to.equal('0:1:2:3:4:5:6:7');
    expect(text(0, 0, 0xffff, 0x01020304)).to.equal('::ffff:1.2.3.4');
    expect(text(0, 0, 0, 0x01020304)).to.equal('::1.2.3.4');
    expect(text(-1, -1, -1, 0)).to.equal('ffff:ffff:ffff:ffff:ffff:ffff::');
  });

  it('parses what it formats', () => {
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word, word, word), (words, keep) => {
        // Zero groups are rare in random words, so mask some away.
        const value = words.map((w, i) => w & (keep[i] & 1 ? 0 : keep[i] & 2 ? 0xffff : -1));
        const text = formatIpv6(value);
        expect(isIPv6(text)).to.equal(true);
        const back = new Int32Array(5);
        expect(parseIpv6(text, back, 1)).to.equal(true);
        expect([...back.subarray(1)]).to.deep.equal(value);
        expect(parseIpv4(formatIpv4(value[0]))).to.equal(value[0]);
        expect(isIPv4(formatIpv4(value[0]))).to.equal(true);
        const mac = new Int32Array(2);
        expect(parseMac(formatMac(words[0] & 0xffff, words[1]), mac, 0)).to.equal(true);
        expect([...mac]).to.deep.equal([words[0] & 0xffff, words[1]]);
      }),
    );
  });

  it('refuses what is not an address', () => {
    const out = new Int32Array(4).fill(9);
    for (const text of [
      '',
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '12345::',
      '1.2.3.4',
      '::1.2.3',
      '1.2.3.4::',
      '1:2:3:4:5:6:7::8',
      'g::',
    ]) {
      expect(parseIpv6(text, out, 0), text).to.equal(false);
    }
    for (const text of ['', '1:2:3:4:5', '1:2:3:4:5:6:7', '1:2:3:4:5:100', '1:2:3:4:5:'])
      expect(parseMac(text, out, 0), text).to.equal(false);
    expect([...out]).to.deep.equal([9, 9, 9, 9]);
    for (const text of ['', '1.2.3', '1.2.3.256', '1.2.3.4.5', '1.2.3.x', '1..2.3'])
      expect(parseIpv4(text), text).to.equal(null);
  });

  it('knows prefixes', () => {
    for (let n = 0; n <= 128; n++) {
      const words = [0, 1, 2, 3].map((i) => prefixMask(Math.max(0, Math.min(32, n - 32 * i))));
      expect(prefixLength(words, 0, 4)).to.equal(n);
    }
    expect(prefixLength([0, -1], 0, 2)).to.equal(-1);
    expect(prefixLength([0xff00ff00 | 0], 0, 1)).to.equal(-1);
  });
});

describe('util: hex and cursor', () => {
  it('turns bytes to hex and back', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(fromHex(toHex(bytes))).to.deep.equal(bytes);
      }),
    );
    expect(fromHex('0')).to.equal(null);
    expect(fromHex('0g')).to.equal(null);
    expect(alternateHex(0)).to.equal('0');
    expect(alternateHex(-1)).to.equal('0xffffffff');
  });

  it('says line and column', () => {
    const cursor = new TextCursor('one\ntwo three');
    expect(cursor.take('one\ntwo')).to.equal(true);
    cursor.skipSpace();
    expect(cursor.match(/[a-z]/y)).to.equal('t');
    try {
      cursor.expect('x');
      expect.fail('should throw');
    } catch (problem) {
      expect(problem).to.be.instanceOf(SyntaxProblem);
      expect((problem as SyntaxProblem).line).to.equal(2);
      expect((problem as SyntaxProblem).column).to.equal(6);
      expect((problem as SyntaxProblem).message).to.equal("line 2, column 6: expected 'x', found 'hree'");
    }
  });
});
