import { expect } from 'chai';
import fc from 'fast-check';
import {
  ActionsBuffer,
  type CtArgument,
  type DatapathAction,
  decodeActions,
  encodeActions,
  formatActions,
  parseActions,
} from '../../ts/flow/index.js';
import { toHex } from '../../ts/util/index.js';
import { fromHexText, odpCases, suiteCases } from './odp-cases.js';

function encode(actions: readonly DatapathAction[]): Uint8Array {
  const out = new ActionsBuffer();
  encodeActions(actions, out);
  expect(out.overflowed).to.equal(false);
  return out.toBytes();
}

const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
const u8 = fc.nat({ max: 0xff });
const u16 = fc.nat({ max: 0xffff });
const u32 = fc.nat({ max: 0xffffffff });
const mac = fc.tuple(u16, u32);
const type = <T extends string>(name: T) => fc.constant(name);

const nat = fc.oneof(
  fc.record({ type: fc.constantFrom('src', 'dst', 'persistent', 'proto_hash', 'proto_random') }),
  fc.record({ type: fc.constantFrom('ip_min', 'ip_max'), address: fc.oneof(bytes(4), bytes(16)) }),
  fc.record({ type: fc.constantFrom('proto_min', 'proto_max'), port: u16 }),
);
const name = fc.stringMatching(/^[a-z0-9_-]{1,15}$/);
const ctArgument: fc.Arbitrary<CtArgument> = fc.oneof(
  fc.record({ type: fc.constantFrom('commit', 'force_commit') }),
  fc.record({ type: type('zone'), zone: u16 }),
  fc.record({ type: type('mark'), value: u32, mask: u32 }),
  fc.record({ type: type('labels'), value: bytes(16), mask: bytes(16) }),
  fc.record({ type: fc.constantFrom('helper', 'timeout'), name }),
  fc.record({ type: type('eventmask'), mask: u32 }),
  fc.record({ type: type('nat'), nat: fc.array(nat, { maxLength: 5 }) }),
) as fc.Arbitrary<CtArgument>;

/** Content of key attributes that are no nested ones: attribute number and size. */
const settable = fc.constantFrom([4, 12], [7, 12], [8, 40], [9, 4], [15, 4], [23, 2], [25, 16]);
const set = settable.chain(([attribute, size]) =>
  fc.record({
    type: type('set'),
    attribute: fc.constant(attribute),
    value: bytes(size),
    mask: fc.option(bytes(size)),
  }),
);

const { list } = fc.letrec<{ list: DatapathAction[]; action: DatapathAction }>((tie) => ({
  list: fc.array(tie('action'), { maxLength: 4 }),
  action: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.record({ type: type('output'), port: u32 }),
    fc.record({
      type: type('userspace'),
      pid: u32,
      userdata: fc.option(fc.uint8Array({ maxLength: 60 })),
      tunnelPort: fc.option(u32),
      actions: fc.boolean(),
    }),
    set,
    fc.record({ type: type('push_vlan'), tpid: u16, tci: u16 }),
    fc.record({ type: fc.constantFrom('pop_vlan', 'pop_eth', 'pop_nsh', 'ct_clear') }),
    fc.record({ type: type('push_mpls'), lse: u32, ethType: u16 }),
    fc.record({ type: type('pop_mpls'), ethType: u16 }),
    fc.record({ type: type('add_mpls'), lse: u32, ethType: u16, flags: u16 }),
    fc.record({ type: type('push_eth'), src: mac, dst: mac }),
    fc.record({
      type: type('push_nsh'),
      flags: u8,
      ttl: u8,
      mdType: fc.constant(1),
      np: u8,
      path: u32,
      context: bytes(16),
      metadata: fc.constant(null),
    }),
    fc.record({ type: type('recirc'), id: u32 }),
    fc.record({ type: type('hash'), algorithm: u32, basis: u32 }),
    fc.record({ type: type('ct'), arguments: fc.array(ctArgument, { maxLength: 6 }) }),
    fc.record({ type: type('trunc'), maxLen: u32 }),
    fc.record({ type: type('meter'), id: u32 }),
    fc.record({ type: fc.constant('tnl_pop'), port: u32 }),
    fc.record({ type: fc.constant('drop'), reason: u32 }),
    fc.record({ type: fc.constant('lb_output'), bond: u32 }),
    fc.record({ type: type('psample'), group: u32, cookie: fc.option(fc.uint8Array({ maxLength: 16 })) }),
    fc.record({
      type: type('tnl_push'),
      tunnelPort: u32,
      outPort: u32,
      tunnelType: u8,
      header: fc.uint8Array({ minLength: 14, maxLength: 80 }),
    }),
    fc.record({ type: type('sample'), probability: u32, actions: tie('list') }),
    fc.record({ type: type('clone'), actions: tie('list') }),
    fc.record({ type: type('check_pkt_len'), size: u16, greater: tie('list'), lessEqual: tie('list') }),
    fc.record({ type: type('dec_ttl'), exhausted: tie('list') }),
  ) as fc.Arbitrary<DatapathAction>,
}));

describe('golden: actions as data', () => {
  it('come back to the bytes that OVS writes, and none is unknown', () => {
    const cases = [...odpCases, ...suiteCases()].filter((c) => c.actions !== undefined);
    expect(cases.length).to.be.greaterThan(700);
    const ours = cases.filter((c) => c.actions!.length / 2 <= 65528);
    for (const c of ours) {
      const actions = decodeActions(fromHexText(c.actions!));
      expect(JSON.stringify(actions), c.in).not.to.include('"type":"unknown"');
      expect(toHex(encode(actions)), c.in).to.equal(c.actions);
    }
  });

  it('come back from their bytes, whatever they are', () => {
    fc.assert(
      fc.property(list, (actions) => {
        expect(decodeActions(encode(actions))).to.deep.equal(actions);
      }),
      { numRuns: 500 },
    );
  });

  it('keep bytes that are no actions', () => {
    fc.assert(
      fc.property(fc.nat({ max: 60 }), fc.uint8Array({ maxLength: 40 }), (number, payload) => {
        const unknown: DatapathAction = { type: 'unknown', attribute: number + 100, payload };
        expect(decodeActions(encode([unknown]))).to.deep.equal([unknown]);
        // The same content in an attribute that is known: it is read, or kept as it is, but never lost or thrown about.
        const known = encode([{ ...unknown, attribute: number % 27 }]);
        expect(() => encode(decodeActions(known))).not.to.throw();
        expect(formatActions(known)).to.be.a('string');
      }),
      { numRuns: 1000 },
    );
  });

  it('are the same by way of text', () => {
    const text =
      'push_vlan(vid=5,pcp=3),ct(commit,zone=7,nat(src=10.0.0.1-10.0.0.9:80-90)),clone(2,drop),recirc(0x5)';
    const actions = decodeActions(parseActions(text.replace(',drop', '')));
    expect(actions[0]).to.deep.equal({ type: 'push_vlan', tpid: 0x8100, tci: 0x7005 });
    expect(actions[1]).to.deep.include({ type: 'ct' });
    expect(formatActions(encode(actions))).to.equal(text.replace(',drop', ''));
  });
});
