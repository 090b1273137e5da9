import { expect } from 'chai';
import {
  F_ARP_SHA,
  F_ARP_THA,
  F_ETH_DST,
  F_ETH_SRC,
  F_IPV6_LABEL,
  F_IPV6_SRC,
  F_ND_TARGET,
  F_NW_DST,
  F_NW_PROTO,
  F_NW_SRC,
  F_NW_TOS,
  F_NW_TTL,
  F_SKB_MARK,
  F_TP_DST,
  F_TP_SRC,
  F_TUN_DST,
  F_TUN_ERSPAN_DIR,
  F_TUN_ERSPAN_HWID,
  F_TUN_ERSPAN_VER,
  F_TUN_FLAGS,
  F_TUN_ID,
  F_TUN_TTL,
  FLOW_WORDS,
  OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER,
  OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL,
} from '../../ts/fields/index.js';
import { ActionsWriter, CookieWriter } from '../../ts/flow/index.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** A row of flow words at an odd base, so that a forgotten base shows. */
const BASE = 7;
function row(words: Record<number, number>): Int32Array {
  const flow = new Int32Array(BASE + FLOW_WORDS);
  for (const [word, value] of Object.entries(words)) flow[BASE + Number(word)] = value;
  return flow;
}

/** What OVS 3.1 encodes for the same action text. */
describe('flow: ActionsWriter', () => {
  const written = (write: (out: ActionsWriter) => void) => {
    const out = new ActionsWriter();
    out.bytes.fill(0xee);
    write(out);
    expect(out.overflowed).to.equal(false);
    return hex(out.toBytes());
  };

  it('writes simple actions', () => {
    expect(
      written((o) => {
        o.output(100);
        o.trunc(64);
        o.pushVlan(0x8100, 0x101e);
        o.popVlan();
        o.meter(1);
        o.ctClear();
        o.recirc(5);
      }),
    ).to.equal(
      '0800010064000000' +
        '08000d0040000000' +
        '080004008100101e' +
        '04000500' +
        '0800130001000000' +
        '04001000' +
        '0800070005000000',
    );
  });

  it('writes set(eth) when the mask is exact and set_masked when it is not', () => {
    const flow = row({ [F_ETH_SRC]: 0x5054, [F_ETH_SRC + 1]: 4, [F_ETH_DST]: 0x5054, [F_ETH_DST + 1]: 3 });
    const exact = row({ [F_ETH_SRC]: 0xffff, [F_ETH_SRC + 1]: -1, [F_ETH_DST]: 0xffff, [F_ETH_DST + 1]: -1 });
    const src = row({ [F_ETH_SRC]: 0xffff, [F_ETH_SRC + 1]: -1 });
    expect(written((o) => o.setMaskedEthernet(flow, BASE, exact, BASE))).to.equal(
      '1400030010000400505400000004505400000003',
    );
    expect(written((o) => o.setMaskedEthernet(flow, BASE, src, BASE))).to.equal(
      '20000b001c000400505400000004000000000000ffffffffffff000000000000',
    );
  });

  it('writes ipv4, ipv6, tcp, icmp', () => {
    const flow = row({
      [F_NW_SRC]: 0xc0a80103 | 0,
      [F_NW_DST]: 0x0a000201,
      [F_NW_TOS]: 0xb8,
      [F_NW_TTL]: 62,
    });
    expect(
      written((o) => o.setMaskedIpv4(flow, BASE, row({ [F_NW_SRC]: -1, [F_NW_TTL]: 0xff }), BASE)),
    ).to.equal('20000b001c000700c0a801030000000000003e00ffffffff000000000000ff00');
    const v6 = row({
      [F_IPV6_SRC]: 0xfe800000 | 0,
      [F_IPV6_SRC + 3]: 1,
      [F_IPV6_LABEL]: 0x12345,
      [F_NW_TOS]: 3,
    });
    const v6mask = row({
      [F_IPV6_SRC]: -1,
      [F_IPV6_SRC + 1]: -1,
      [F_IPV6_SRC + 2]: -1,
      [F_IPV6_SRC + 3]: -1,
      [F_NW_TOS]: 3,
    });
    expect(written((o) => o.setMaskedIpv6(v6, BASE, v6mask, BASE))).to.equal(
      '58000b0054000800fe8000000000000000000000000000010000000000000000000000000000000000000000' +
        '00030000ffffffffffffffffffffffffffffffff00000000000000000000000000000000' +
        '0000000000030000',
    );
    const ports = row({ [F_TP_SRC]: 80, [F_TP_DST]: 8080 });
    expect(
      written((o) => o.setMaskedTcp(ports, BASE, row({ [F_TP_SRC]: 0xff00, [F_TP_DST]: 0xffff }), BASE)),
    ).to.equal('10000b000c00090000001f90ff00ffff');
    expect(
      written((o) => o.setMaskedUdp(ports, BASE, row({ [F_TP_SRC]: 0xffff, [F_TP_DST]: 0xffff }), BASE)),
    ).to.equal('0c00030008000a0000501f90');
    const icmp = row({ [F_TP_SRC]: 1, [F_TP_DST]: 2 });
    expect(
      written((o) => o.setMaskedIcmp(icmp, BASE, row({ [F_TP_SRC]: 0xff, [F_TP_DST]: 0xff }), BASE)),
    ).to.equal('0c00030006000b0001020000');
    expect(written((o) => o.setMaskedIcmpv6(icmp, BASE, row({ [F_TP_DST]: 0xff }), BASE))).to.equal(
      '0c000b0008000c00000200ff',
    );
  });

  it('writes arp and nd, whose addresses are not aligned', () => {
    const flow = row({
      [F_NW_PROTO]: 2,
      [F_NW_SRC]: 0x01020304,
      [F_ARP_SHA]: 0x1a1b,
      [F_ARP_SHA + 1]: 0x1c1d1e1f,
      [F_ARP_THA]: 0x5054,
      [F_ARP_THA + 1]: 1,
    });
    expect(written((o) => o.setMaskedArp(flow, BASE, row({ [F_NW_PROTO]: 0xff }), BASE))).to.equal(
      '38000b0034000d000000000000000000000200000000000000000000000000000000000000000000ffff0000000000000000000000000000',
    );
    expect(
      written((o) => o.setMaskedArp(flow, BASE, row({ [F_ARP_THA]: 0xffff, [F_ARP_THA + 1]: -1 }), BASE)),
    ).to.equal(
      '38000b0034000d000000000000000000000000000000000050540000000100000000000000000000' +
        '0000000000000000ffffffffffff0000',
    );
    const nd = row({ [F_ND_TARGET]: 0x20010db8, [F_ARP_SHA]: 0x1a1b, [F_ARP_SHA + 1]: 0x1c1d1e1f });
    expect(
      written((o) => o.setMaskedNd(nd, BASE, row({ [F_ARP_SHA]: 0xffff, [F_ARP_SHA + 1]: -1 }), BASE)),
    ).to.equal(
      '40000b003c000e00' +
        '00'.repeat(16) +
        '1a1b1c1d1e1f' +
        '00'.repeat(6) +
        '00'.repeat(16) +
        'ffffffffffff' +
        '00'.repeat(6),
    );
  });

  it('writes tunnels and marks', () => {
    const flow = row({
      [F_TUN_ID + 1]: 1,
      [F_TUN_DST]: 0x01010101,
      [F_TUN_TTL]: 64,
      [F_TUN_FLAGS]: 10,
      [F_TUN_ERSPAN_VER]: 2,
      [F_TUN_ERSPAN_DIR]: 1,
      [F_TUN_ERSPAN_HWID]: 1,
      [F_SKB_MARK]: 1,
    });
    expect(written((o) => o.setTunnel(flow, BASE))).to.equal(
      '38000300340010000c00000000000000000000010800020001010101050004004000000004000500' +
        '10000f00020000000000000000000018',
    );
    expect(written((o) => o.setMark(flow, BASE))).to.equal('0c00030008000f0001000000');
  });

  it('nests userspace, sample, clone and check_pkt_len', () => {
    const cookie = new CookieWriter();
    cookie.putIpfix(0xffff, null, 6);
    expect(
      written((o) => {
        const sample = o.beginSample(8614767);
        o.userspace(0, cookie.bytes, 0, cookie.bytes.length);
        o.endSample(sample);
        o.output(6);
      }),
    ).to.equal(
      '50000600080001006f738300' +
        '440002004000020008000100000000003400020004000000ffff00000000000000000000000000000000000006000000' +
        '0000000000000000000000000000000000000000' +
        '0800010006000000',
    );
    expect(
      written((o) => {
        const check = o.beginCheckPktLen(200);
        const greater = o.begin(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER);
        o.output(4);
        o.end(greater);
        const lessEqual = o.begin(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL);
        o.output(5);
        o.end(lessEqual);
        o.end(check);
      }),
    ).to.equal('2400150006000100c80000000c00020008000100040000000c0003000800010005000000');
  });

  it('overflows once, for ever, and keeps what was whole', () => {
    const out = new ActionsWriter(16);
    out.output(1);
    out.pushMpls(0x10140, 0x8847);
    expect(out.overflowed).to.equal(true);
    out.output(2);
    expect(hex(out.toBytes())).to.equal('0800010001000000');
    out.reset();
    out.output(2);
    expect(out.overflowed).to.equal(false);
    expect(hex(out.toBytes())).to.equal('0800010002000000');
  });
});
