import { expect } from 'chai';
import { F_TUN_OPTS, F_TUN_OPTS_LEN, FLOW_WORDS } from '../../ts/fields/index.js';
import {
  formatFlow,
  formatTlvMap,
  parseFlow,
  parseTlvMap,
  type TableError,
  TlvMap,
} from '../../ts/openflow/index.js';

const TEXT =
  '{class=0xffff,type=0x0,len=4}->tun_metadata0,{class=0xffff,type=0x1,len=8}->tun_metadata1,{class=0x102,type=0x83,len=124}->tun_metadata40';

function makeMap(): TlvMap {
  const map = new TlvMap();
  map.add(parseTlvMap(TEXT));
  return map;
}

function refusal(map: TlvMap, text: string): string {
  const before = formatTlvMap(map);
  try {
    map.add(parseTlvMap(text));
  } catch (error) {
    expect(formatTlvMap(map)).to.equal(before);
    return (error as TableError).code;
  }
  return 'none';
}

describe('TlvMap', () => {
  it('reads and prints entries', () => {
    expect(formatTlvMap(makeMap())).to.equal(TEXT);
    expect(() => parseTlvMap('{class=1,type=2}->tun_metadata0')).to.throw(/needs class, type and len/);
    expect(() => parseTlvMap('{class=1,type=2,len=4}->reg0')).to.throw(/expected \{class/);
  });

  it('has its fields set in OpenFlow 1.0 as ovs-ofctl does', () => {
    const sent = (action: string) =>
      formatFlow(parseFlow(`actions=${action}`, { version: 'OpenFlow10', tlvMap: makeMap() }));
    for (const action of ['set_field:0x12->tun_metadata1', 'set_field:0x5/0xff->tun_metadata1'])
      expect(sent(action)).to.equal(`reset_counts actions=${action}`);
    expect(sent('load:5->NXM_NX_TUN_METADATA1[3..9]')).to.equal(
      'reset_counts actions=set_field:0x28/0x3f8->tun_metadata1',
    );
  });

  it('refuses what OVS refuses, and then keeps what it had', () => {
    const map = makeMap();
    expect(refusal(map, '{class=1,type=1,len=4}->tun_metadata0')).to.equal('NXTTMFC_ALREADY_MAPPED');
    expect(refusal(map, '{class=0xffff,type=1,len=4}->tun_metadata9')).to.equal('NXTTMFC_DUP_ENTRY');
    expect(refusal(map, '{class=1,type=1,len=4}->tun_metadata64')).to.equal('NXTTMFC_BAD_FIELD_IDX');
    expect(refusal(map, '{class=1,type=1,len=6}->tun_metadata3')).to.equal('NXTTMFC_BAD_OPT_LEN');
    expect(
      refusal(map, '{class=1,type=1,len=4}->tun_metadata2,{class=1,type=2,len=124}->tun_metadata3'),
    ).to.equal('NXTTMFC_TABLE_FULL');
    map.delete(parseTlvMap('{class=0x102,type=0x83,len=124}->tun_metadata40'));
    expect(refusal(map, '{class=1,type=2,len=124}->tun_metadata3')).to.equal('none');
  });

  it('takes options of a key apart and puts them together again', () => {
    const map = makeMap();
    const flow = new Int32Array(FLOW_WORDS);
    // Class 0xffff type 1 with eight bytes, an unknown option, class 0xffff type 0 with four.
    flow.set(
      [-65536 | 0x0102, 0x11223344, 0x55667788, 0x00010001, 7, -65536 | 0x0001, 0x0badcafe],
      F_TUN_OPTS,
    );
    flow[F_TUN_OPTS_LEN] = 28;
    map.unpack(flow, 0);
    const value = (name: string) => {
      const { word, words, presence } = map.field(name)!;
      return [...flow.subarray(word, word + words), (flow[presence!.word] & presence!.mask) !== 0];
    };
    expect(value('tun_metadata0')).to.deep.equal([0x0badcafe, true]);
    expect(value('NXM_NX_TUN_METADATA1')).to.deep.equal([0x11223344, 0x55667788, true]);
    expect(value('tun_metadata40').at(-1)).to.equal(false);
    map.pack(flow, 0);
    expect(flow[F_TUN_OPTS_LEN]).to.equal(20);
    expect([...flow.subarray(F_TUN_OPTS, F_TUN_OPTS + 6)]).to.deep.equal([
      -65536 | 0x0001,
      0x0badcafe,
      -65536 | 0x0102,
      0x11223344,
      0x55667788,
      0,
    ]);
  });

  it('gives flows their fields', () => {
    const tlvMap = makeMap();
    for (const text of [
      'tun_metadata0=0x123,in_port=1 actions=set_field:0x55556666->tun_metadata1,delete_field:tun_metadata40',
      'tun_metadata0=0x3/0xff,tun_metadata1 actions=move:NXM_NX_TUN_METADATA1[0..31]->NXM_NX_REG0[]',
    ]) {
      const flow = parseFlow(text, { version: 'OpenFlow15', tlvMap });
      expect(formatFlow(flow, tlvMap)).to.equal(text);
      expect(() => parseFlow(text)).to.throw(/no known keyword/);
    }
  });
});
