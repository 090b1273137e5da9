import { expect } from 'chai';
import {
  filterText,
  type FlowObject,
  flowText,
  formatFlow,
  formatGroup,
  formatMeter,
  groupText,
  matchText,
  meterText,
  parseFlow,
  parseGroup,
  parseMeter,
} from '../../ts/openflow/index.js';

describe('flows, groups and meters as objects', () => {
  const same = (flow: FlowObject, text: string) => {
    expect(formatFlow(parseFlow(flowText(flow)))).to.equal(formatFlow(parseFlow(text)));
  };

  it('mean what the same text means', () => {
    same({ actions: [] }, 'actions=drop');
    same(
      { match: { tcp: true, nw_dst: '10.0.0.0/8', tcp_dst: 80 }, actions: 'NORMAL' },
      'tcp,nw_dst=10.0.0.0/8,tp_dst=80 actions=NORMAL',
    );
    same(
      {
        table: 3,
        priority: 7,
        cookie: 0xffff_ffff_ffff_ffffn,
        idleTimeout: 5,
        hardTimeout: 6,
        importance: 2,
        flags: ['send_flow_rem', 'no_packet_counts'],
        match: 'in_port=1,ip',
        actions: ['mod_nw_dst:10.0.0.1', { type: 'output', port: 2, maxLen: 0 }],
      },
      'table=3,priority=7,cookie=0xffffffffffffffff,idle_timeout=5,hard_timeout=6,importance=2,send_flow_rem,no_packet_counts,in_port=1,ip ' +
        'actions=mod_nw_dst:10.0.0.1,output:2',
    );
    same(
      {
        match: { ip: true, ct_state: '+trk-new', reg0: '0x10/0xf0', udp: false },
        actions: ['ct(commit)', 'output:1'],
      },
      'ip,ct_state=+trk-new,reg0=0x10/0xf0 actions=ct(commit),output:1',
    );
  });

  it('mean groups and meters, too', () => {
    const group = groupText({
      groupId: 4,
      type: 'select',
      selectionMethod: 'hash',
      fields: ['ip_src', 'tcp_dst'],
      buckets: [
        { weight: 3, actions: 'output:1' },
        { bucketId: 9, watchPort: 2, actions: ['set_queue:1', 'output:2'] },
      ],
    });
    const text =
      'group_id=4,type=select,selection_method=hash,fields(ip_src,tcp_dst),bucket=weight:3,actions=output:1,bucket=bucket_id:9,watch_port:2,actions=set_queue:1,output:2';
    expect(formatGroup(parseGroup(group))).to.equal(formatGroup(parseGroup(text)));
    for (const burstSize of [0, 20]) {
      const meter = meterText({ meterId: 2, unit: 'pktps', bands: [{ rate: 10, burstSize }] });
      const words = `meter=2 pktps ${burstSize === 0 ? '' : 'burst '}stats bands=type=drop rate=10${burstSize === 0 ? '' : ' burst_size=20'}`;
      expect(formatMeter(parseMeter(meter))).to.equal(formatMeter(parseMeter(words)));
    }
  });

  it('name flows to delete and to show', () => {
    expect(filterText({ table: 2, match: { arp: true }, cookie: '0x5/-1', outPort: 3 })).to.equal(
      'table=2,out_port=3,cookie=0x5/-1,arp',
    );
    expect(filterText({})).to.equal('');
    expect(filterText({ strict: { priority: 5 }, match: 'ip' })).to.equal('priority=5,ip');
  });

  it('do not become more than they say', () => {
    for (const value of ['10.0.0.1,tp_dst=5', '1 actions=NORMAL', 'a=b', '', '1\n2', '1#']) {
      expect(() => matchText({ nw_dst: value }), value).to.throw(/nw_dst: .* is no value of a field/);
    }
    expect(() => matchText({ 'nw_dst=1,in_port': 5 } as object)).to.throw(/is no match field/);
    expect(() => flowText({ actions: 'drop\nactions=NORMAL' })).to.throw(/actions/);
    expect(() => flowText({ actions: 'drop # rest' })).to.throw(/actions/);
  });

  it('are read in the version of OpenFlow that loses nothing', () => {
    const text = 'ip actions=write_actions(output:1),goto_table:2';
    const flow = parseFlow(text, { version: 'as-needed' });
    expect(formatFlow(flow)).to.equal(text);
    expect(formatFlow(parseFlow('actions=mod_nw_src:10.0.0.1', { version: 'as-needed' }))).to.contain(
      'set_field:10.0.0.1->ip_src',
    );
    expect(formatFlow(parseFlow('actions=meter:1,clone(output:2)', { version: 'as-needed' }))).to.contain(
      'meter:1,clone(output:2)',
    );
  });

  it('have no meter in OpenFlow 1.0: ovs-ofctl refuses it, or loses it with a clone', () => {
    expect(() => parseFlow('actions=meter:1,output:2')).to.throw(/OpenFlow 1\.0 has no meters/);
    expect(formatFlow(parseFlow('actions=meter:1,clone(output:2)'))).to.equal(
      'reset_counts actions=clone(output:2)',
    );
    const listed = parseFlow('actions=meter:1,output:2', { loose: true });
    expect(formatFlow(listed)).to.equal('reset_counts actions=meter:1,output:2');
  });
});
