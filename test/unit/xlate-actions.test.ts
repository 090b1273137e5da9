import { expect } from 'chai';
import {
  F_ETH_DST,
  F_IN_PORT,
  F_NW_DST,
  F_NW_TTL,
  F_RECIRC_ID,
  F_TP_DST,
  F_VLAN_TCI,
} from '../../ts/fields/index.js';
import { decodeCookie, formatActions } from '../../ts/flow/index.js';
import {
  SLOW_ACTION,
  type Tracer,
  type Translation,
  Translator,
  XLATE_ERRORS,
} from '../../ts/xlate/index.js';
import { makeKey, makeState, makeSwitch, type Setup } from '../support/xlate.js';

const PORTS = [1, 2, 3, 4].map((n) => ({ ofport: n, odpPort: 10 + n }));
const UDP =
  'udp,in_port=11,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,udp_src=1,udp_dst=2';
const TAGGED = `${UDP},dl_vlan=5,dl_vlan_pcp=3`;
const ICMP = 'icmp,in_port=11,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,icmp_type=8,icmp_code=0';
const ARP = 'arp,in_port=11,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.2';

function run(flows: string[], packet = UDP, setup: Partial<Setup> = {}): Translation {
  const { snapshot } = makeSwitch({ ports: PORTS, flows, ...setup });
  return new Translator().translate(snapshot, makeKey(packet), 0);
}

function text(result: Translation): string {
  return formatActions(result.actions.subarray(0, result.actionsLength));
}

function actions(flows: string[] | string, packet = UDP, setup: Partial<Setup> = {}): string {
  return text(run(typeof flows === 'string' ? [`actions=${flows}`] : flows, packet, setup));
}

describe('xlate: outputs', () => {
  it('go to datapath ports, not back, and not to ports that are not there', () => {
    expect(actions('output:2,output:1,output:9,in_port')).to.equal('12,11');
    expect(actions('drop')).to.equal('drop');
    expect(actions('all')).to.equal('12,13,14');
  });
  it('skip ports that nothing is to be sent to, floods also those that are not to be flooded', () => {
    const ports = [PORTS[0], { ...PORTS[1], noFwd: true }, { ...PORTS[2], noFlood: true }, PORTS[3]];
    expect(actions('output:2,flood', UDP, { ports })).to.equal('14');
    expect(actions('all', UDP, { ports })).to.equal('13,14');
  });
  it('take the port from a register, and look at its bits', () => {
    expect(actions('load:3->NXM_NX_REG0[],output:NXM_NX_REG0[]')).to.equal('13');
    expect(actions('load:0x10003->NXM_NX_REG0[],output:NXM_NX_REG0[]')).to.equal('drop');
    const result = run(['actions=output:NXM_OF_UDP_DST[]']);
    expect(text(result)).to.equal('12');
    expect(result.mask[F_TP_DST]).to.equal(0xffff);
  });
  it('truncate', () => {
    expect(actions('output(port=2,max_len=100),output(port=1,max_len=100),3')).to.equal('trunc(100),12,13');
    const support = { truncate: false };
    expect(run(['actions=output(port=2,max_len=100)'], UDP, { support }).slow).to.equal(SLOW_ACTION);
  });
});

describe('xlate: tables', () => {
  it('resubmit looks up as if from another port, without changing it', () => {
    const flows = ['actions=resubmit(3,1),1', 'table=1,in_port=3 actions=in_port'];
    expect(actions(flows)).to.equal('11');
  });
  it('goto ends in the new table; a miss there drops', () => {
    expect(actions(['actions=2,goto_table:7', 'table=7 actions=3'])).to.equal('12,13');
    expect(actions(['actions=2,goto_table:7'])).to.equal('12');
  });
  it('a packet that no rule matches drops, in standalone bridges it is switched as NORMAL', () => {
    expect(actions([])).to.equal('drop');
    const result = run([], UDP, { failMode: 'standalone' });
    expect(text(result)).to.equal('12,13,14');
    expect(result.ruleCount).to.equal(0);
  });
  it('credits each rule once for each time it is entered', () => {
    const result = run(['actions=resubmit(,1),resubmit(,1)', 'table=1 actions=2']);
    expect(result.rules.slice(0, result.ruleCount).map((r) => r.table)).to.deep.equal([0, 1, 1]);
  });
  it('going back 64 times is too deep, 4096 resubmits are too many; both drop everything', () => {
    const deep = run(['actions=2,resubmit(,0)']);
    expect([XLATE_ERRORS[deep.error], deep.actionsLength]).to.deep.equal(['too_deep', 0]);
    const flows = Array.from(
      { length: 13 },
      (_, t) => `table=${t} actions=resubmit(,${t + 1}),resubmit(,${t + 1})`,
    );
    expect(XLATE_ERRORS[run(flows).error]).to.equal('too_many_resubmits');
  });
  it('fragments have no ports in the tables', () => {
    const flows = ['priority=2,udp,tp_dst=2 actions=2', 'priority=1,udp,tp_dst=0 actions=3'];
    expect(actions(flows)).to.equal('12');
    expect(actions(flows, `${UDP},ip_frag=first`)).to.equal('13');
  });
  it('a port of no bridge drops by in_port alone', () => {
    const result = run(['actions=2'], UDP.replace('in_port=11', 'in_port=99'));
    expect([XLATE_ERRORS[result.error], result.actionsLength]).to.deep.equal(['no_bridge', 0]);
    const words = [...result.mask.keys()].filter((w) => result.mask[w] !== 0);
    expect(words).to.deep.equal([F_IN_PORT, F_RECIRC_ID]);
  });
});

describe('xlate: what is set', () => {
  it('is written before the output, only what changed, with the bits that were looked at', () => {
    expect(actions('mod_dl_dst:00:00:00:00:00:09,2')).to.equal('set(eth(dst=00:00:00:00:00:09)),12');
    expect(actions('mod_dl_dst:00:00:00:00:00:02,2')).to.equal('12');
    expect(actions(['ip actions=2,mod_nw_dst:1.2.3.4'])).to.equal('12');
    expect(actions(['ip actions=mod_nw_dst:1.2.3.4,2,mod_nw_dst:10.0.0.2,3'])).to.equal(
      'set(ipv4(dst=1.2.3.4)),12,set(ipv4(dst=10.0.0.2)),13',
    );
    expect(actions(['ip actions=set_field:0.0.0.9/0.0.0.255->nw_dst,2'])).to.equal(
      'set(ipv4(dst=0.0.0.9/0.0.0.255)),12',
    );
    expect(actions(['udp actions=mod_tp_dst:7,2'])).to.equal('set(udp(dst=7)),12');
    expect(actions(['ip actions=mod_nw_tos:4,2'])).to.equal('set(ipv4(tos=0x4/0xfc)),12');
    expect(actions('set_field:5->pkt_mark,2')).to.equal('set(skb_mark(0x5)),12');
  });
  it('is ignored on packets without the field', () => {
    // A flow must match what its actions need, but what they need may get lost on the way: here, ports of later fragments.
    const flows = ['udp actions=mod_tp_dst:7,2'];
    expect(actions(flows, `${UDP.replace(/,udp.*/, '')},ip_frag=later`)).to.equal('12');
  });
  it('of ICMP and ARP takes the slow path', () => {
    const icmp = run(['icmp actions=set_field:0->icmp_type,2'], ICMP);
    expect([text(icmp), icmp.slow]).to.deep.equal(['set(icmp(type=0,code=0)),12', SLOW_ACTION]);
    const arp = run(['arp actions=set_field:10.9.9.9->arp_tpa,2'], ARP);
    expect([text(arp), arp.slow]).to.deep.equal(['set(arp(tip=10.9.9.9)),12', SLOW_ACTION]);
  });
  it('moves bits between fields, and looks at both', () => {
    expect(actions('move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],2')).to.equal(
      'set(eth(dst=00:00:00:00:00:01)),12',
    );
    expect(actions('move:NXM_OF_ETH_SRC[0..15]->NXM_NX_REG1[16..31],output:NXM_NX_REG1[17..31]')).to.equal(
      'drop',
    );
    const result = run(['ip actions=move:NXM_OF_IP_DST[0..7]->NXM_NX_REG3[4..11],output:NXM_NX_REG3[4..19]']);
    expect(text(result)).to.equal('12');
    expect(result.mask[F_NW_DST]).to.equal(0xff);
  });
  it('lowers the TTL, exactly matched, and sends expired packets to the controller', () => {
    const result = run(['ip actions=dec_ttl,2']);
    expect(text(result)).to.equal('set(ipv4(ttl=63)),12');
    expect(result.mask[F_NW_TTL]).to.equal(0xff);
    const expired = actions(
      ['actions=resubmit(,1),3', 'table=1,ip actions=dec_ttl,2'],
      UDP.replace('ttl=64', 'ttl=1'),
    );
    expect(expired).to.match(/^userspace\(pid=0,controller\(reason=2,.*max_len=65535\)\),13$/);
  });
});

describe('xlate: VLAN actions', () => {
  it('push, pop and change tags', () => {
    expect(actions('push_vlan:0x8100,set_field:4106->vlan_vid,2')).to.equal('push_vlan(vid=10,pcp=0),12');
    expect(actions('mod_vlan_vid:10,mod_vlan_pcp:2,2')).to.equal('push_vlan(vid=10,pcp=2),12');
    expect(actions('strip_vlan,2', TAGGED)).to.equal('pop_vlan,12');
    expect(actions('strip_vlan,2')).to.equal('12');
    expect(actions('mod_vlan_vid:10,2', TAGGED)).to.equal('pop_vlan,push_vlan(vid=10,pcp=3),12');
    expect(actions('push_vlan:0x88a8,2', TAGGED)).to.equal('push_vlan(tpid=0x88a8,vid=0,pcp=0),12');
    expect(actions('strip_vlan,2,mod_vlan_vid:5,mod_vlan_pcp:3,3', TAGGED)).to.equal(
      'pop_vlan,12,push_vlan(vid=5,pcp=3),13',
    );
  });
  it('look at the tag that they change, and at none of an untagged packet', () => {
    expect(run(['actions=mod_vlan_vid:10,2'], TAGGED).mask[F_VLAN_TCI]).to.equal(0xffff);
    expect(run(['actions=mod_vlan_vid:10'], TAGGED).mask[F_VLAN_TCI]).to.equal(0x1fff);
    expect(run(['actions=mod_vlan_vid:10,2']).mask[F_VLAN_TCI]).to.equal(0);
    expect(run(['actions=2'], TAGGED).mask[F_VLAN_TCI]).to.equal(0);
  });
});

describe('xlate: controller actions', () => {
  const translator = new Translator();
  it('name the rule and the frozen state', () => {
    const sw = makeSwitch({
      ports: PORTS,
      flows: ['cookie=0x1234,udp actions=load:7->NXM_NX_REG2[],mod_dl_dst:00:00:00:00:00:09,controller:128'],
    });
    const result = translator.translate(sw.snapshot, makeKey(UDP), 0);
    expect(text(result)).to.equal(
      'set(eth(dst=00:00:00:00:00:09)),userspace(pid=0,controller(reason=1,dont_send=0,continuation=0,' +
        'recirc_id=1,rule_cookie=0x1234,controller_id=0,max_len=128))',
    );
    const cookie = decodeCookie(result.actions, result.actionsLength - 48, 48);
    expect([...cookie!.uuid]).to.deep.equal([1, 2, 3, 4]);
    const state = sw.recirc.lookup(1)!;
    expect([state.table, state.inPort, state.registers[2]]).to.deep.equal([0, 1, 7]);
    expect(result.mask[F_ETH_DST + 1]).to.equal(-1);
  });
  it('of a table-miss rule say so', () => {
    expect(actions(['priority=0 actions=controller'])).to.contain('reason=6');
    expect(actions(['priority=1 actions=controller'])).to.contain('reason=1');
  });
  it('leave a state from which the pipeline can go on', () => {
    const sw = makeSwitch({ ports: PORTS, flows: ['table=3,reg1=5 actions=4'] });
    const registers = new Int32Array(16);
    registers[1] = 5;
    const id = sw.recirc.idFor(makeState(sw.bridge, { table: 3, inPort: 2, registers }));
    const key = makeKey(UDP);
    key[F_RECIRC_ID] = id;
    expect(text(translator.translate(sw.snapshot, key, 0))).to.equal('14');
    key[F_RECIRC_ID] = id + 1;
    expect(XLATE_ERRORS[translator.translate(sw.snapshot, key, 0).error]).to.equal(
      'no_recirculation_context',
    );
  });
});

describe('xlate: tracer', () => {
  it('is told tables, rules and actions in order', () => {
    const sw = makeSwitch({ ports: PORTS, flows: ['actions=resubmit(,1),3', 'table=1 actions=2'] });
    const seen: string[] = [];
    const tracer: Tracer = {
      bridge: (bridge) => seen.push(bridge.name),
      thaw: () => seen.push('thaw'),
      table: (table, rule) => seen.push(`${table}:${rule === null ? 'miss' : 'rule'}`),
      bucket: (bucket) => seen.push(`bucket ${bucket.bucketId}`),
      actionSet: () => seen.push('action set'),
      leave: () => seen.push('leave'),
      action: (action) => seen.push(action.type),
      note: (note) => seen.push(note),
      nat: () => {},
      drop: () => seen.push('drop'),
      fork: () => {},
    };
    const translator = new Translator();
    translator.tracer = tracer;
    translator.translate(sw.snapshot, makeKey(UDP), 0);
    expect(seen).to.deep.equal([
      ...['br0', '0:rule', 'resubmit', '1:rule', 'output', 'leave', 'output', 'leave', 'leave'],
    ]);
  });
});
