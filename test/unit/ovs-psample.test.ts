import { expect } from 'chai';
import fc from 'fast-check';
import { MessageBuilder } from '../../ts/netlink/index.js';
import { decodeSample } from '../../ts/ovs/index.js';

/** A message of the family psample. */
function message(write: (builder: MessageBuilder) => void): Uint8Array {
  const builder = new MessageBuilder(256).begin(37, 0).genl(0, 1);
  write(builder);
  return builder.finish().slice();
}

/** As psample_sample_packet of Linux 6.1 writes it for act_sample. */
const ofTc = message((b) =>
  b
    .u16(0, 3)
    .u16(1, 4)
    .u32(5, 64)
    .u32(2, 1500)
    .u32(3, 9)
    .u32(4, 17)
    .u16(14, 8)
    .bytes(6, Uint8Array.of(1, 2, 3)),
);

describe('messages of psample', () => {
  it('of act_sample: rate, devices, what is left of the packet', () => {
    expect(decodeSample(ofTc)).to.deep.equal({
      ...{ group: 9, probability: 1 / 64, ifindex: 3, outIfindex: 4, cookie: null, size: 1500 },
      packet: Uint8Array.of(1, 2, 3),
    });
  });

  it('of the action of Linux 6.11: probability and cookie', () => {
    const sample = decodeSample(
      message((b) => b.u32(3, 0xffffffff).u32(5, 0x7fffffff).bytes(15, new Uint8Array(8).fill(7)).flag(16)),
    );
    expect(sample).to.deep.include({
      group: 0xffffffff,
      ifindex: 0,
      size: 0,
      cookie: new Uint8Array(8).fill(7),
    });
    expect(sample!.probability).to.be.closeTo(0.5, 1e-9);
  });

  it('is nothing without a group, or with an attribute of a wrong size', () => {
    expect(decodeSample(message((b) => b.u32(5, 1)))).to.equal(null);
    expect(decodeSample(message((b) => b.u32(3, 1).u16(2, 1)))).to.equal(null);
  });

  it('never throws, whatever bytes come', () => {
    const cut = fc.tuple(fc.nat(ofTc.length), fc.nat(ofTc.length - 1), fc.nat(255));
    fc.assert(
      fc.property(cut, ([length, at, byte]) => {
        const bytes = ofTc.slice(0, length);
        if (at < bytes.length) bytes[at] = byte;
        const sample = decodeSample(bytes);
        expect(sample === null || sample.group >= 0).to.equal(true);
      }),
    );
  });
});
