import { expect } from 'chai';
import fc from 'fast-check';
import { SyntaxProblem } from '../../ts/errors/index.js';
import { formatActions, formatKey, parseActions, parseKey } from '../../ts/flow/index.js';
import { odpCases, suiteCases } from './odp-cases.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('golden: text to bytes as OVS parses it', () => {
  const actions = [...odpCases, ...suiteCases()].filter((c) => c.kind === 'actions');

  it('parses actions, and refuses what OVS refuses', () => {
    expect(actions.length).to.be.greaterThan(750);
    let refused = 0;
    for (const c of actions) {
      if (c.error !== undefined) {
        expect(() => parseActions(c.in), c.in).to.throw(SyntaxProblem);
        refused++;
      } else expect(hex(parseActions(c.in)), c.in).to.equal(c.actions);
    }
    expect(refused).to.be.greaterThan(10);
  });

  it('parses more than OVS when asked to', () => {
    const text =
      'push_mpls(label=16,tc=1,ttl=64,bos=1,eth_type=0x8847),pop_mpls(eth_type=0x800),dec_ttl(le_1(1,drop))';
    const shorter = text.replace('1,drop', '1,2');
    expect(formatActions(parseActions(shorter, { extended: true }))).to.equal(shorter);
    expect(() => parseActions(shorter)).to.throw(SyntaxProblem, "unknown action 'push_mpls'");
  });

  it('reads keys that it printed', () => {
    const keys = odpCases.filter((c) => c.keyFromFlow !== undefined);
    for (const c of keys) expect(hex(parseKey(c.keyFromFlowText!).key), c.in).to.equal(c.keyFromFlow);
  });

  it('reads keys and masks of the suite', () => {
    for (const c of suiteCases().filter((c) => c.key !== undefined && c.kind !== 'actions')) {
      const { key, mask } = parseKey(c.in);
      expect(hex(key), c.in).to.equal(c.key);
      expect(formatKey(key, mask), c.in).to.equal(c.text);
    }
  });
});

describe('flow: text of actions, any', () => {
  const leaf = fc.oneof(
    fc.integer({ min: 0, max: 65535 }).map(String),
    fc.constantFrom(
      'pop_vlan',
      'ct_clear',
      'pop_eth',
      'ct',
      'ct(commit,zone=5,nat(src=10.0.0.1-10.0.0.9:80-90,random))',
    ),
    fc
      .tuple(fc.integer({ min: 0, max: 4095 }), fc.integer({ min: 0, max: 7 }))
      .map(([vid, pcp]) => `push_vlan(vid=${vid},pcp=${pcp})`),
    fc.integer({ min: 1, max: 0xffffffff }).map((id) => `recirc(0x${id.toString(16)})`),
    fc.tuple(fc.constantFrom('l4', 'sym_l4'), fc.nat()).map(([name, basis]) => `hash(${name}(${basis}))`),
    fc
      .tuple(fc.ipV4(), fc.integer({ min: 0, max: 255 }))
      .map(([ip, ttl]) => `set(ipv4(src=${ip},ttl=${ttl}))`),
    fc.constantFrom(
      'set(ipv6(src=2001:db8::1/ffff:ffff::,label=0x12345))',
      'set(nsh(flags=0,ttl=63,mdtype=1,spi=0x123))',
      'push_nsh(flags=0,ttl=63,mdtype=1,np=4,spi=0x1234,si=1,c1=0x11223344,c2=0x0,c3=0x0,c4=0x0)',
      'push_nsh(flags=0,ttl=63,mdtype=2,np=4,spi=0x1234,si=1,md2=0x1122334455000000)',
      'tnl_pop(4)',
      'lb_output(3)',
      'set(tunnel(tun_id=0x7,dst=1.2.3.4,ttl=64,gtpu(flags=0x30,msgtype=255),flags(key)))',
      'set(tunnel(tun_id=0x7,dst=1.2.3.4,ttl=64,erspan(ver=2,dir=1,hwid=0x4),flags(key)))',
      'tnl_push(tnl_port(4),header(size=46,type=3,eth(dst=f8:bc:12:44:34:b6,src=f8:bc:12:46:58:e0,dl_type=0x0800),ipv4(src=1.1.2.88,dst=1.1.2.92,proto=47,tos=0,ttl=64,frag=0x4000),gre((flags=0x3000,proto=0x6558),key=0x1c7,seq=0x5)),out_port(1))',
      'tnl_push(tnl_port(4),header(size=58,type=5,eth(dst=f8:bc:12:44:34:b6,src=f8:bc:12:46:58:e0,dl_type=0x0800),ipv4(src=1.1.2.88,dst=1.1.2.92,proto=17,tos=0x4,ttl=64,frag=0x4000),udp(src=0,dst=6081,csum=0x0),geneve(oam,vni=0x1c7,options({class=0xffff,type=0x80,len=4,0xa}))),out_port(1))',
      'set(tcp(src=80/0xff00))',
      'userspace(pid=7,slow_path(lldp,action))',
      'userspace(pid=7,controller(reason=1,dont_send=0,continuation=1,recirc_id=9,rule_cookie=0xffffffff00000001,controller_id=3,max_len=128))',
      'userspace(pid=7,userdata(0102ff0405060708),actions,tunnel_out_port=3)',
      'set(tunnel(tun_id=0x7,dst=1.2.3.4,ttl=64,geneve({class=0x102,type=0x80,len=4,0x1234}),flags(df|csum|key)))',
    ),
  );
  const { list } = fc.letrec<{ list: string; item: string }>((tie) => ({
    list: fc.array(tie('item'), { minLength: 1, maxLength: 4 }).map((items) => items.join(',')),
    item: fc.oneof(
      { depthSize: 'small', maxDepth: 4 },
      leaf,
      tie('list').map((inner) => `clone(${inner})`),
      tie('list').map((inner) => `sample(sample=50.0%,actions(${inner}))`),
      fc.tuple(tie('list'), tie('list')).map(([gt, le]) => `check_pkt_len(size=100,gt(${gt}),le(${le}))`),
    ),
  }));

  it('comes back from its bytes', () => {
    fc.assert(
      fc.property(list, (text) => {
        expect(formatActions(parseActions(text))).to.equal(text);
      }),
    );
  });

  it('is a SyntaxProblem with a column inside the text, or bytes, whatever one deletes', () => {
    fc.assert(
      fc.property(list, fc.nat(), fc.nat({ max: 3 }), (text, at, count) => {
        const from = at % text.length;
        const damaged = text.slice(0, from) + text.slice(from + count + 1);
        try {
          parseActions(damaged);
        } catch (problem) {
          expect(problem).to.be.instanceOf(SyntaxProblem);
          expect((problem as SyntaxProblem).column).to.be.within(1, damaged.length + 1);
        }
      }),
    );
  });

  it('formats any bytes without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 24 }), (bytes, type) => {
        const attribute = Uint8Array.of(4 + bytes.length, 0, type, 0, ...bytes, 0, 0, 0);
        expect(formatActions(attribute)).to.be.a('string');
        expect(formatKey(attribute, attribute, { verbose: true })).to.be.a('string');
        expect(formatKey(attribute, bytes)).to.be.a('string');
      }),
      { numRuns: 2000 },
    );
  });

  it('says where it went wrong', () => {
    const column = (text: string) => {
      try {
        parseActions(text);
      } catch (problem) {
        return (problem as SyntaxProblem).column;
      }
      return 0;
    };
    expect(column('1,flood')).to.equal(3);
    expect(column('set(ipv4(src=1.2.3))')).to.equal(14);
    expect(column('push_vlan(vid=4096,pcp=0)')).to.equal(15);
    expect(column('clone(1')).to.equal(8);
    expect(column('set(ipv4(proto=1,constructor=2))')).to.equal(18);
  });
});
