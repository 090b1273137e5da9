import { expect } from 'chai';
import fc from 'fast-check';
import { AttributeCursor, MessageBuilder, NLMSG_HDRLEN } from '../../ts/netlink/index.js';

function cursorOf(write: (b: MessageBuilder) => void, names: string[] = []): AttributeCursor {
  const builder = new MessageBuilder(16).begin(1, 0);
  write(builder);
  return new AttributeCursor(builder.finish().slice(), NLMSG_HDRLEN, 'family', names);
}

describe('netlink attributes', () => {
  it('writes what the kernel expects, byte for byte', () => {
    const builder = new MessageBuilder(8);
    const message = builder
      .begin(0x1234, 4)
      .genl(3, 2)
      .word(-1)
      .u8(1, 0xab)
      .be16(2, 0x0800)
      .string(3, 'br0')
      .nest(4, (b) => b.u32(1, 0xdeadbeef).flag(2))
      .finish();
    expect(Buffer.from(message).toString('hex')).to.equal(
      [
        '4000000034120500', // Length 64, type, NLM_F_ACK | NLM_F_REQUEST.
        '0000000000000000',
        '03020000ffffffff',
        '05000100ab000000',
        '0600020008000000',
        '0800030062723000',
        '10000400',
        '08000100efbeadde',
        '04000200',
      ].join(''),
    );
  });

  it('leaves nothing of the message before in the padding', () => {
    const builder = new MessageBuilder();
    builder.begin(1, 0).bytes(1, new Uint8Array(64).fill(0xff)).finish();
    expect([...builder.begin(1, 0).u8(1, 1).finish().subarray(NLMSG_HDRLEN)]).to.deep.equal([
      5, 0, 1, 0, 1, 0, 0, 0,
    ]);
  });

  it('refuses an attribute that does not fit its length field', () => {
    const builder = new MessageBuilder().begin(1, 0);
    expect(() => builder.bytes(7, new Uint8Array(65532))).to.throw(/attribute 7 would have 65536 bytes/);
    const half = new Uint8Array(40000);
    expect(() => builder.nest(8, (b) => b.bytes(1, half).bytes(2, half))).to.throw(/attribute 8/);
  });

  it('reads back any sequence of attributes', () => {
    const attribute = fc.tuple(fc.integer({ min: 0, max: 0x3fff }), fc.uint8Array({ maxLength: 70 }));
    fc.assert(
      fc.property(fc.array(attribute, { maxLength: 20 }), (attributes) => {
        const cursor = cursorOf((b) => {
          for (const [type, bytes] of attributes) b.bytes(type, bytes);
        });
        const read: [number, Uint8Array][] = [];
        while (cursor.next()) read.push([cursor.type, cursor.bytes().slice()]);
        cursor.check();
        expect(read).to.deep.equal(attributes);
      }),
    );
  });

  it('reads numbers of all sizes and counters up to 2^53', () => {
    const cursor = cursorOf((b) => {
      b.u8(1, 200).u16(2, 0x8001).be16(3, 0x8001).u32(4, 0xffffffff).u32(5, -5).u32s(6, [1, 0x1fffff]);
    });
    const read: number[] = [];
    const getters = [
      () => cursor.u8(),
      () => cursor.u16(),
      () => cursor.be16(),
      () => cursor.u32(),
      () => cursor.i32(),
      () => cursor.u64(),
    ];
    while (cursor.next()) read.push(getters[cursor.type - 1]());
    cursor.check();
    expect(read).to.deep.equal([200, 0x8001, 0x8001, 0xffffffff, -5, 0x1fffff * 2 ** 32 + 1]);
  });

  it('keeps the first problem, names the attribute and its length, and ends the walk', () => {
    const cursor = cursorOf((b) => b.u8(2, 1).u8(1, 2).u32(2, 3), ['', 'FIRST', 'MTU']);
    let steps = 0;
    while (cursor.next()) {
      steps++;
      expect(cursor.u32()).to.equal(0);
    }
    expect(steps).to.equal(1);
    expect(() => cursor.check())
      .to.throw('family: attribute MTU (2) has 1 bytes, expected 4')
      .with.property('code', 'ERR_NETLINK_MALFORMED');
  });

  it('tolerates a last attribute without padding, and nothing else that is cut short', () => {
    const bytes = new MessageBuilder().begin(1, 0).u32(1, 1).u8(2, 9).finish().slice(NLMSG_HDRLEN);
    for (let length = 0; length <= bytes.length; length++) {
      const cursor = new AttributeCursor(bytes.subarray(0, length), 0, 'x');
      let count = 0;
      while (cursor.next()) count++;
      const whole = length >= 13 ? 2 : length >= 8 ? 1 : 0;
      expect(count, `${length} bytes`).to.equal(whole);
      expect(cursor.problem === null, `${length} bytes`).to.equal([0, 8, 13, 14, 15, 16].includes(length));
    }
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const cursor = new AttributeCursor(bytes, 0, 'x');
        for (let i = 0; cursor.next(); i++) {
          expect(i).to.be.lessThan(16);
          expect(cursor.bytes().length).to.equal(cursor.length);
          cursor.string();
        }
      }),
    );
  });
});
