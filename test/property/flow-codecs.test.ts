import { expect } from 'chai';
import fc from 'fast-check';
import { FLOW_WORDS } from '../../ts/fields/index.js';
import { formatActions, formatKey, parseActions, parseKey } from '../../ts/flow/index.js';
import { FITNESS, KEY_FORM, native } from '../../ts/native/index.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const times = Number(process.env.SLOWPATH_PROPERTY_RUNS ?? 400);
const room = new Uint8Array(4096);

/** A number of so many bits, often one at an end, decimal or hexadecimal. */
const number = (bits: number) =>
  fc
    .tuple(fc.oneof(fc.constantFrom(0, 1, 2 ** bits - 1), fc.nat(2 ** Math.min(bits, 31) - 1)), fc.boolean())
    .map(([value, decimal]) => (decimal ? `${value}` : `0x${value.toString(16)}`));
const digits = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => hex(value));
const long = (bytes: number) => digits(bytes).map((text) => `0x${text}`);
const mac = digits(6).map((text) => text.replace(/..(?=.)/g, '$&:'));
const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => bytes.join('.'));
const ipv6 = fc.oneof(
  digits(16).map((text) => text.replace(/....(?=.)/g, '$&:')),
  fc.constantFrom('::', '::1', 'fe80::1', '1:0:0:2::', 'ffff:ffff::', '::ffff:1.2.3.4'),
);
type Text = fc.Arbitrary<string>;
/** A value, with or without a mask. */
const masked = (value: Text): Text =>
  fc.tuple(value, fc.option(value)).map(([v, m]) => (m === null ? v : `${v}/${m}`));
const field = (name: string, value: Text): Text => masked(value).map((text) => `${name}=${text}`);
const some = (...fields: Text[]): Text =>
  fc
    .tuple(...fields.map((one) => fc.option(one, { freq: 2 })))
    .map((texts) => texts.filter((text) => text !== null).join(','));
/** Flags as `a|b`, or as `+a-b`. */
const flags = (...names: string[]): Text =>
  fc
    .tuple(fc.subarray(names, { minLength: 1 }), fc.constantFrom('|', '+', '-'))
    .map(([chosen, sign]) => (sign === '|' ? chosen.join('|') : chosen.map((name) => sign + name).join('')));
const ports = some(field('src', number(16)), field('dst', number(16)));
const typeCode = some(field('type', number(8)), field('code', number(8)));
const frag = fc.constantFrom('frag=no', 'frag=first', 'frag=later');
const label = fc
  .tuple(...[20, 3, 8, 1].map((bits) => masked(number(bits))))
  .map(([l, tc, ttl, bos]) => `label=${l},tc=${tc},ttl=${ttl},bos=${bos}`);
const geneve = fc
  .constantFrom(4, 8, 124)
  .chain((size) => fc.tuple(masked(long(2)), masked(long(1)), fc.constant(size), masked(long(size))))
  .map(([optClass, type, size, data]) => `geneve({class=${optClass},type=${type},len=${size},${data}})`);
const tunnelOptions = fc.oneof(
  geneve,
  fc.tuple(masked(number(16)), masked(number(8))).map(([id, f]) => `vxlan(gbp(id=${id},flags=${f}))`),
  masked(number(20)).map((index) => `erspan(ver=1,idx=${index})`),
  fc.tuple(number(1), number(4)).map(([dir, hwid]) => `erspan(ver=2,dir=${dir},hwid=${hwid})`),
);
const tunnel = (address: Text, prefix: string): Text =>
  some(
    field('tun_id', long(8)),
    field(`${prefix}src`, address),
    field(`${prefix}dst`, address),
    field('tos', number(8)),
    field('ttl', number(8)),
    field('tp_src', number(16)),
    field('tp_dst', number(16)),
    tunnelOptions,
    flags('df', 'csum', 'oam').map((text) => `flags(${text})`),
  );
const exact = (name: string, value: Text): Text => value.map((text) => `${name}=${text}`);
const nshContext = [1, 2, 3, 4].map((i) => exact(`c${i}`, long(4)));

/** What stands between the parentheses of each key attribute that has a name. */
const ATTRIBUTES: Readonly<Record<string, Text>> = {
  skb_priority: masked(number(32)),
  skb_mark: masked(number(32)),
  recirc_id: masked(number(32)),
  dp_hash: masked(number(32)),
  ct_state: flags('new', 'est', 'rel', 'rpl', 'inv', 'trk', 'snat', 'dnat'),
  ct_zone: masked(number(16)),
  ct_mark: masked(number(32)),
  ct_label: masked(long(16)),
  ct_tuple4: some(
    field('src', ipv4),
    field('dst', ipv4),
    field('proto', number(8)),
    field('tp_src', number(16)),
    field('tp_dst', number(16)),
  ),
  ct_tuple6: some(
    field('src', ipv6),
    field('dst', ipv6),
    field('proto', number(8)),
    field('tp_src', number(16)),
    field('tp_dst', number(16)),
  ),
  tunnel: fc.oneof(tunnel(ipv4, ''), tunnel(ipv6, 'ipv6_')),
  in_port: masked(number(32)),
  packet_type: fc
    .tuple(masked(number(16)), masked(number(16)))
    .map(([namespace, id]) => `ns=${namespace},id=${id}`),
  eth: some(field('src', mac), field('dst', mac)),
  vlan: fc
    .tuple(masked(number(12)), masked(number(3)), fc.boolean())
    .map(([vid, pcp, bare]) => `vid=${vid},pcp=${pcp}${bare ? ',cfi=0' : ''}`),
  eth_type: masked(long(2)),
  mpls: fc.array(label, { minLength: 1, maxLength: 3 }).map((entries) => entries.join(',')),
  ipv4: some(
    field('src', ipv4),
    field('dst', ipv4),
    field('proto', number(8)),
    field('tos', number(8)),
    field('ttl', number(8)),
    frag,
  ),
  ipv6: some(
    field('src', ipv6),
    field('dst', ipv6),
    field('label', number(20)),
    field('proto', number(8)),
    field('tclass', number(8)),
    field('hlimit', number(8)),
    frag,
  ),
  tcp: ports,
  udp: ports,
  sctp: ports,
  tcp_flags: flags('fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr', '[200]', '[400]', '[800]'),
  icmp: typeCode,
  icmpv6: typeCode,
  arp: some(
    field('sip', ipv4),
    field('tip', ipv4),
    field('op', number(16)),
    field('sha', mac),
    field('tha', mac),
  ),
  nd: some(field('target', ipv6), field('sll', mac), field('tll', mac)),
  // OVS prints the reserved bits without their mask.
  nd_ext: fc
    .tuple(long(4), masked(number(8)))
    .map(([reserved, type]) => `nd_reserved=${reserved},nd_options_type=${type}`),
  // OVS never prints what a mask leaves out of a header.
  nsh: some(
    exact('flags', number(2)),
    exact('ttl', number(6)),
    exact('np', number(8)),
    exact('spi', long(3)),
    exact('si', number(8)),
    ...nshContext,
  ).map((text) => `mdtype=1,${text}`),
};

const attributes = Object.entries(ATTRIBUTES).map(([name, content]) => content.map((c) => `${name}(${c})`));
/** Each attribute at most once, in any order: which mask belongs to which of two cannot be told. */
const keyText: Text = fc
  .shuffledSubarray(attributes, { minLength: 1 })
  .chain((chosen) => fc.tuple(...chosen))
  .chain((chosen) => fc.tuple(fc.constant(chosen.join(',')), fc.boolean()))
  .map(([text, nested]) =>
    nested ? `eth_type(0x8100),encap(${text.replace(/eth_type\(.*?\),?/, '')})` : text,
  );

describe('property: key text → bytes → text → bytes', () => {
  it('comes to rest after the first bytes, every attribute, with masks', () => {
    fc.assert(
      fc.property(keyText, (text) => {
        const { key, mask } = parseKey(text);
        const printed = formatKey(key, mask, { verbose: true });
        const again = parseKey(printed);
        expect(hex(again.key), printed).to.equal(hex(key));
        expect(hex(again.mask), printed).to.equal(hex(mask));
        expect(formatKey(again.key, again.mask)).to.equal(formatKey(key, mask));
      }),
      { numRuns: times },
    );
  });
});

describe('property: set(…) of every key attribute', () => {
  it('is masked unless all is set, and reads as it is printed', () => {
    fc.assert(
      fc.property(fc.oneof(...attributes), (attribute) => {
        const bytes = parseActions(`set(${attribute})`);
        const printed = formatActions(bytes);
        // OVS prints these without a value when their mask is empty, and does not read that.
        if (/ct_(zone|mark|label)\(\)/.test(printed)) return;
        const again = parseActions(printed, { extended: true });
        expect(formatActions(again)).to.equal(printed);
      }),
      { numRuns: times },
    );
  });
});

const tcp = fc.tuple(number(16), number(16)).map(([src, dst]) => `src=${src},dst=${dst}`);
/** IP protocol and what is behind the IP header. */
const LAYER_4 = [
  [6, tcp.map((text) => `tcp(${text}),tcp_flags(syn|ack)`)],
  [17, tcp.map((text) => `udp(${text})`)],
  [132, tcp.map((text) => `sctp(${text})`)],
] as const;
const exactTypeCode = (type: Text) =>
  fc.tuple(type, number(8)).map(([value, code]) => `type=${value},code=${code}`);
const layer3 = fc.oneof(
  ...[...LAYER_4, [1, exactTypeCode(number(8)).map((text) => `icmp(${text})`)] as const].map(
    ([proto, rest]) =>
      fc
        .tuple(ipv4, ipv4, number(8), number(8), rest)
        .map(([src, dst, tos, ttl, text]) => [
          '0x0800',
          `ipv4(src=${src},dst=${dst},proto=${proto},tos=${tos},ttl=${ttl},frag=no),${text}`,
        ]),
  ),
  ...[
    ...LAYER_4,
    [
      58,
      fc
        .tuple(ipv6, mac, mac)
        .map(([target, sll, tll]) => `icmpv6(type=135,code=0),nd(target=${target},sll=${sll},tll=${tll})`),
    ] as const,
  ].map(([proto, rest]) =>
    fc
      .tuple(ipv6, ipv6, number(20), number(8), rest)
      .map(([src, dst, flow, hlimit, text]) => [
        '0x86dd',
        `ipv6(src=${src},dst=${dst},label=${flow},proto=${proto},tclass=0,hlimit=${hlimit},frag=no),${text}`,
      ]),
  ),
  fc
    .tuple(ipv4, ipv4, number(8), mac, mac)
    .map(([sip, tip, op, sha, tha]) => [
      '0x0806',
      `arp(sip=${sip},tip=${tip},op=${op},sha=${sha},tha=${tha})`,
    ]),
  fc
    .tuple(number(20), number(3), number(8))
    .map(([value, tc, ttl]) => ['0x8847', `mpls(label=${value},tc=${tc},ttl=${ttl},bos=1)`]),
);
const tunnelKey = fc
  .tuple(long(8), ipv4, fc.option(tunnelOptions))
  .map(([id, dst, options]) => `tun_id=${id},src=10.0.0.1,dst=${dst},ttl=64,${options ?? 'flags(df)'}`);
const meta = some(
  number(32).map((id) => `recirc_id(${id})`),
  number(32).map((mark) => `skb_mark(${mark})`),
  tunnelKey.map((text) => `tunnel(${text.replace(/\/\w+/g, '')})`),
  fc
    .tuple(number(16), number(32))
    .map(([zone, mark]) => `ct_state(est|trk),ct_zone(${zone}),ct_mark(${mark})`),
);
/** Text of a key as a packet can have it, without masks. */
const packetKey: Text = fc
  .tuple(meta, mac, mac, layer3, fc.option(number(12)))
  .map(([metadata, src, dst, [type, rest], vlan]) => {
    const inner = `eth_type(${type}),${rest}`;
    const tagged = vlan === null ? inner : `eth_type(0x8100),vlan(vid=${vlan},pcp=3),encap(${inner})`;
    return `${metadata},in_port(3),eth(src=${src},dst=${dst}),${tagged}`;
  });

function decode(key: Uint8Array): { row: Int32Array; fitness: string } {
  const row = new Int32Array(FLOW_WORDS);
  return { fitness: FITNESS[native().decodeKey(key, row, 0)]!, row };
}

describe('property: row → bytes → row, and bytes → row → bytes', () => {
  for (const [name, form] of Object.entries(KEY_FORM)) {
    it(`of keys that packets have, ${name} form`, () => {
      fc.assert(
        fc.property(packetKey, (text) => {
          const { row } = decode(parseKey(text).key);
          const first = room.slice(0, native().encodeKey(row, 0, room, 0, form));
          const again = decode(first);
          expect(again.fitness, native().decodeProblem()).to.equal('perfect');
          expect([...again.row], formatKey(first)).to.deep.equal([...row]);
          const second = room.slice(0, native().encodeKey(again.row, 0, room, 0, form));
          expect(hex(second)).to.equal(hex(first));
        }),
        { numRuns: times },
      );
    });
  }

  it('of any words: fits where it says it does, and nowhere else', () => {
    const word = fc.oneof(fc.integer(), fc.constant(0), fc.constant(-1), fc.nat(255));
    const words = fc.array(word, { minLength: FLOW_WORDS, maxLength: FLOW_WORDS });
    fc.assert(
      fc.property(words, fc.constantFrom(KEY_FORM.kernel, KEY_FORM.full), (values, form) => {
        const row = Int32Array.from(values);
        const size = native().encodeKey(row, 0, room, 0, form);
        expect(size).to.be.greaterThan(0);
        expect(native().encodeKey(row, 0, new Uint8Array(size), 0, form)).to.equal(size);
        expect(native().encodeKey(row, 0, new Uint8Array(size - 1), 0, form)).to.equal(-1);
        decode(room.slice(0, size));
      }),
      { numRuns: times },
    );
  });
});
