import { expect } from 'chai';
import fc from 'fast-check';

import * as fields from '../../ts/fields/index.js';
import { KEY_FORM, native } from '../../ts/native/index.js';
import { attribute } from '../support/netlink.js';

const { FLOW_WORDS } = fields;

/** Ethernet, IPv4 and UDP: 02:…:01 → 02:…:02, 10.0.0.1:port → 10.0.0.2:53. */
function udpFrame(port: number): Uint8Array {
  const frame = Buffer.alloc(60);
  frame.write('020000000002020000000001080045000020', 'hex');
  frame.writeUInt8(64, 22);
  frame.writeUInt8(17, 23);
  frame.write('0a0000010a000002', 26, 'hex');
  frame.writeUInt16BE(port, 34);
  frame.writeUInt16BE(53, 36);
  frame.writeUInt16BE(12, 38);
  return new Uint8Array(frame);
}

describe('codecs of the addon', () => {
  const addon = native();

  it('a packet becomes a key, its attributes, and the key again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65535 }), fc.nat({ max: 3 }), (port, base) => {
        const keys = new Int32Array(FLOW_WORDS * 2 + 3);
        addon.extractPacket(udpFrame(port), keys, base);
        keys[base + fields.F_IN_PORT] = 7;
        expect(keys[base + fields.F_TP_SRC]).to.equal(port);
        expect(keys[base + fields.F_NW_DST]).to.equal(0x0a000002);
        const out = new Uint8Array(512);
        const length = addon.encodeKey(keys, base, out, 4);
        expect(length).to.be.greaterThan(40);
        expect(out.subarray(0, 4)).to.deep.equal(new Uint8Array(4));
        const again = new Int32Array(FLOW_WORDS);
        expect(addon.decodeKey(out.subarray(4, 4 + length), again, 0)).to.equal(0);
        expect(again).to.deep.equal(keys.slice(base, base + FLOW_WORDS));
      }),
      { numRuns: 50 },
    );
  });

  it('masks keep the bits that they have', () => {
    const key = new Int32Array(FLOW_WORDS);
    addon.extractPacket(udpFrame(4242), key, 0);
    const mask = new Int32Array(FLOW_WORDS);
    mask[fields.F_IN_PORT] = -1;
    mask[fields.F_ETH_TYPE] = 0xffff;
    mask[fields.F_NW_SRC] = 0xffffff00 | 0;
    mask[fields.F_TP_DST] = 0xffff;
    const out = new Uint8Array(512);
    const length = addon.encodeMask(key, 0, mask, 0, out, 0);
    const again = new Int32Array(FLOW_WORDS);
    expect(addon.decodeMask(out.subarray(0, length), key, 0, again, 0)).to.equal(0);
    for (const field of [fields.F_IN_PORT, fields.F_ETH_TYPE, fields.F_NW_SRC, fields.F_TP_DST])
      expect(again[field] & mask[field], `word ${field}`).to.equal(mask[field]);
    expect(again[fields.F_NW_SRC]).to.equal(mask[fields.F_NW_SRC]);
    expect(again[fields.F_TP_SRC]).to.equal(0);
  });

  it('encoding says -1 when there is no room, and writes nothing behind it', () => {
    const key = new Int32Array(FLOW_WORDS);
    addon.extractPacket(udpFrame(1), key, 0);
    const out = new Uint8Array(20).fill(0xee);
    expect(addon.encodeKey(key, 0, out.subarray(0, 10), 0)).to.equal(-1);
    expect(out.subarray(10)).to.deep.equal(new Uint8Array(10).fill(0xee));
    expect(addon.encodeMask(key, 0, key, 0, out, 20)).to.equal(-1);
  });

  it('malformed attributes are an error, unknown ones too much', () => {
    const key = new Int32Array(FLOW_WORDS);
    expect(addon.decodeKey(Uint8Array.of(9, 0, 1), key, 0)).to.equal(3);
    const out = new Uint8Array(512);
    addon.extractPacket(udpFrame(1), key, 0);
    const length = addon.encodeKey(key, 0, out, 0);
    const more = Buffer.concat([out.subarray(0, length), attribute(60, Buffer.alloc(4))]);
    expect(addon.decodeKey(new Uint8Array(more), key, 0)).to.equal(1);
  });

  it('flow ids are those of the bytes, wherever these are', () => {
    const bytes = Uint8Array.from({ length: 77 }, (_, i) => i);
    const ids = new Int32Array(9);
    addon.flowId(bytes, ids, 0);
    addon.flowId(new Uint8Array([0, ...bytes]).subarray(1), ids, 4);
    expect(ids.slice(0, 4)).to.deep.equal(ids.slice(4, 8));
    expect(ids[8]).to.equal(0);
    addon.flowId(bytes.subarray(1), ids, 4);
    expect(ids.slice(0, 4)).not.to.deep.equal(ids.slice(4, 8));
  });

  it('the clock is monotonic milliseconds', () => {
    const before = addon.monotonicMs();
    const here = Number(process.hrtime.bigint() / 1_000_000n);
    expect(Math.abs(before - here)).to.be.lessThan(1000);
    expect(addon.monotonicMs()).to.be.at.least(before);
  });

  it('arguments are checked before anything is written', () => {
    const key = new Int32Array(FLOW_WORDS);
    const none = new Uint8Array(0);
    expect(() => addon.decodeKey(none, key, 1)).to.throw(RangeError, 'decodeKey: key');
    expect(() => addon.decodeKey(none, key, -1)).to.throw(RangeError, 'key offset');
    expect(() => addon.decodeKey(none, new Int32Array(3), 0)).to.throw(RangeError, `${FLOW_WORDS} elements`);
    expect(() => addon.decodeKey(none, new Uint32Array(FLOW_WORDS) as never, 0)).to.throw(TypeError);
    expect(() => addon.decodeMask(none, key, 0, key, 1)).to.throw(RangeError, 'mask');
    expect(() => addon.encodeKey(key, 0, none, 1)).to.throw(RangeError, 'offset');
    expect(() => addon.extractPacket('x' as never, key, 0)).to.throw(TypeError, 'frame');
    expect(() => addon.flowId(none, new Int32Array(3), 0)).to.throw(RangeError, 'out');
  });

  it('extracts by the rules of the kernel or of OVS, whichever is asked for', () => {
    const igmp = Buffer.from(
      '02000000000202000000000108004500001c00000000010200000a0000010a00000216000000e1000001',
      'hex',
    );
    const row = new Int32Array(FLOW_WORDS);
    native().extractPacket(igmp, row, 0);
    expect(row[fields.F_TP_SRC]).to.equal(0);
    native().extractPacket(igmp, row, 0, KEY_FORM.full);
    expect(row[fields.F_TP_SRC]).to.equal(0x16);
    expect(() => native().extractPacket(igmp, row, 0, 2)).to.throw(RangeError, 'form');
  });

  it('measures receiving only once asked', () => {
    const { receiveNs, decodeNs, batches } = native().measureReceive();
    for (const n of [receiveNs, decodeNs, batches]) expect(n).to.be.at.least(0);
  });
});
