import { expect } from 'chai';
import {
  F_CT_LABEL,
  F_CT_MARK,
  F_CT_NW_DST,
  F_CT_NW_PROTO,
  F_CT_NW_SRC,
  F_CT_STATE,
  F_CT_TP_DST,
  F_CT_TP_SRC,
  F_DP_HASH,
  F_ETH_DST,
  F_NW_SRC,
  F_RECIRC_ID,
  F_SKB_PRIORITY,
} from '../../ts/fields/index.js';
import { formatActions } from '../../ts/flow/index.js';
import { SLOW_ACTION, type Translation, Translator, XLATE_ERRORS } from '../../ts/xlate/index.js';
import { makeKey, makeSwitch, type Setup, type TestSwitch } from '../support/xlate.js';

// What is expected here is what ovs-vswitchd 3.1.0 answered for the same flows, unless a test says otherwise.

const PORTS = [1, 2, 3, 4].map((n) => ({ ofport: n, odpPort: 10 + n }));
const UDP =
  'udp,in_port=11,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,udp_src=1,udp_dst=2';

const translator = new Translator();

function text(result: Translation): string {
  return result.actionsLength === 0
    ? 'drop'
    : formatActions(result.actions.subarray(0, result.actionsLength));
}

function make(flows: readonly string[], setup: Partial<Setup> = {}): TestSwitch {
  return makeSwitch({ ports: PORTS, flows, ...setup });
}

function ask(flows: readonly string[], setup: Partial<Setup> = {}, packet = UDP): string {
  return text(translator.translate(make(flows, setup).snapshot, makeKey(packet), 0));
}

/** The packet behind the last recirculation of `sw`, with what `change` does to its key. */
function resume(sw: TestSwitch, change: (key: Int32Array) => void = () => {}, packet = UDP): Translation {
  const key = makeKey(packet);
  key[F_RECIRC_ID] = sw.recirc.size;
  change(key);
  return translator.translate(sw.snapshot, key, 0);
}

describe('xlate: very many outputs', () => {
  const outputs = (count: number): Translation => {
    const list = Array.from({ length: count }, () => 'output:2').join(',');
    return translator.translate(make([`actions=${list}`]).snapshot, makeKey(UDP), 0);
  };

  it('are done in the slow path when the kernel would not queue them all', () => {
    expect(outputs(1001).slow).to.equal(SLOW_ACTION);
    expect(text(outputs(1001)).split(',')).to.have.length(1001);
    expect(outputs(1000).slow).to.equal(0);
  });
});

describe('xlate: action sets', () => {
  it('are carried out at the end, in their order, with the last of each kind', () => {
    const flows = [
      'actions=2,write_actions(output:3,push_vlan:0x8100,set_field:00:00:00:00:00:09->eth_dst,output:4),goto_table:1',
    ];
    expect(ask(flows)).to.equal('12,set(eth(dst=00:00:00:00:00:09)),push_vlan(vid=0,pcp=0),14');
  });
  it('do nothing without an output or group, or when cleared', () => {
    expect(ask(['actions=write_actions(push_vlan:0x8100)'])).to.equal('drop');
    const flows = ['actions=write_actions(output:3),goto_table:1', 'table=1 actions=clear_actions'];
    expect(ask(flows)).to.equal('drop');
  });
  it('tell their output in actset_output, until there is a group', () => {
    const groups = ['group_id=1,type=indirect,bucket=actions=output:4'];
    const match = (port: string) => [
      'actions=write_actions(output:3),goto_table:1',
      `table=1,actset_output=${port} actions=output:2`,
    ];
    expect(ask(match('3'))).to.equal('12,13');
    expect(ask(match('2'))).to.equal('13');
    const both = [
      'actions=write_actions(output:3,group:1),goto_table:1',
      'table=1,actset_output=3 actions=2',
    ];
    expect(ask(both, { groups })).to.equal('14');
  });
});

describe('xlate: groups', () => {
  it('of type all and indirect do their buckets, each on the packet as it was', () => {
    const groups = [
      'group_id=1,type=all,bucket=actions=set_field:00:00:00:00:00:09->eth_dst,output:2,bucket=actions=output:3',
    ];
    expect(ask(['actions=group:1,4'], { groups })).to.equal(
      'set(eth(dst=00:00:00:00:00:09)),12,set(eth(dst=00:00:00:00:00:02)),13,14',
    );
  });
  it('that are not there end the list', () => {
    expect(ask(['actions=2,group:7,3'])).to.equal('12');
  });
  it('of type fast_failover take the first live bucket', () => {
    const ports = [...PORTS.slice(0, 2), { ...PORTS[2], mayForward: false }, PORTS[3]];
    const groups = [
      'group_id=1,type=ff,bucket=watch_port:3,actions=output:2,bucket=watch_group:2,actions=output:3,bucket=watch_port:2,actions=output:4',
      'group_id=2,type=ff,bucket=watch_port:3,actions=output:2',
    ];
    expect(ask(['actions=group:1'], { groups, ports })).to.equal('14');
    expect(ask(['actions=group:2'], { groups, ports })).to.equal('drop');
  });
  it('of type select leave the choice to the datapath: hash, then recirculate', () => {
    const groups = [
      'group_id=1,type=select,bucket=weight:10,actions=2,bucket=weight:20,actions=3,bucket=weight:33,actions=4',
    ];
    const sw = make(['actions=push_vlan:0x8100,group:1'], { groups });
    expect(text(translator.translate(sw.snapshot, makeKey(UDP), 0))).to.equal(
      'push_vlan(vid=0,pcp=0),hash(sym_l4(0)),recirc(0x1)',
    );
    const ports = Array.from(
      { length: 16 },
      (_, i) => Number(text(resume(sw, (key) => (key[F_DP_HASH] = i + 16)))) - 12,
    );
    expect(ports).to.deep.equal([2, 1, 2, 0, 1, 2, 2, 1, 2, 0, 2, 1, 2, 1, 2, 0]);
    expect(resume(sw, (key) => (key[F_DP_HASH] = 5)).mask[F_DP_HASH]).to.equal(15);
  });
  it('hash with what the datapath knows', () => {
    const groups = ['group_id=1,type=select,bucket=actions=2,bucket=actions=3'];
    expect(ask(['actions=group:1'], { groups, support: { maxHashAlgorithm: 0 } })).to.equal(
      'hash(l4(0)),recirc(0x1)',
    );
  });
  it('hash chosen fields themselves, masked, and look at those only', () => {
    const groups = [
      'group_id=1,type=select,selection_method=hash,fields(ip_src=255.255.255.0),bucket=weight:0,actions=1,bucket=actions=2',
    ];
    const sw = make(['actions=group:1'], { groups });
    const result = translator.translate(sw.snapshot, makeKey(UDP), 0);
    expect(text(result)).to.equal('12');
    expect([result.mask[F_NW_SRC], result.mask[F_ETH_DST]]).to.deep.equal([0xffffff00 | 0, 0]);
  });
  it('never take a bucket without weight', () => {
    const groups = ['group_id=1,type=select,bucket=weight:0,actions=2'];
    expect(ask(['actions=group:1,3'], { groups })).to.equal('13');
  });
  it('that call themselves end, in bounded time', () => {
    const groups = ['group_id=1,type=all,bucket=actions=group:1,bucket=actions=group:1'];
    const sw = make(['actions=2,group:1'], { groups });
    expect(XLATE_ERRORS[translator.translate(sw.snapshot, makeKey(UDP), 0).error]).to.equal('too_deep');
  });
  it('credit group and bucket', () => {
    const groups = ['group_id=1,type=indirect,bucket=actions=output:4'];
    const sw = make(['actions=group:1'], { groups });
    const result = translator.translate(sw.snapshot, makeKey(UDP), 0);
    const [effect] = result.effects.slice(0, result.effectCount);
    expect(effect.type === 'bucket' && effect.group.id).to.equal(1);
  });
});

describe('xlate: clones', () => {
  it('of what can be taken back are done in line', () => {
    expect(ask(['actions=clone(mod_dl_dst:00:00:00:00:00:09,2),3'])).to.equal(
      'set(eth(dst=00:00:00:00:00:09)),12,set(eth(dst=00:00:00:00:00:02)),13',
    );
  });
  it("of what cannot are the datapath's, unless nothing follows", () => {
    expect(ask(['ip actions=clone(ct(commit),2),3'])).to.equal('clone(ct(commit),12),13');
    expect(ask(['ip actions=1,clone(ct(commit),2)'])).to.equal('ct(commit),12');
    expect(ask(['actions=clone(output(port=2,max_len=100)),load:1->NXM_NX_REG0[]'])).to.equal(
      'trunc(100),12',
    );
    expect(ask(['ip actions=clone(clone(ct(commit),2)),3'])).to.equal('clone(ct(commit),12),13');
    const flows = [
      'ip actions=write_actions(output:3),goto_table:6',
      'table=6,ip actions=clone(ct(commit),2)',
    ];
    expect(ask(flows)).to.equal('clone(ct(commit),12,13),13');
    expect(ask(['actions=clone(ct(commit)),3'].map((flow) => `ip ${flow}`))).to.equal('clone(ct(commit)),13');
  });
  it('are samples where there is no clone, and left out where there is neither', () => {
    const flows = ['ip actions=clone(ct(commit),2),3'];
    expect(ask(flows, { support: { clone: false } })).to.match(/^sample\(.*actions\(ct\(commit\),12\)\),13$/);
    expect(ask(flows, { support: { clone: false, sampleNesting: 3 } })).to.equal('13');
  });
  it('end the pipeline when they exit', () => {
    expect(ask(['actions=clone(exit),2'])).to.equal('drop');
  });
  // Not as ovs-vswitchd: it gives what follows an Ethernet header, which Linux refuses for a packet that has one.
  it('keep to themselves what an encap left to do', () => {
    const flows = ['actions=clone(encap(mpls)),1,mod_dl_dst:00:00:00:00:00:09,2'];
    expect(ask(flows)).to.equal('set(eth(dst=00:00:00:00:00:09)),12');
    const group =
      'group_id=1,type=all,bucket=actions=encap(mpls),bucket=actions=mod_dl_dst:00:00:00:00:00:09,2';
    expect(ask(['actions=group:1'], { groups: [group] })).to.equal('set(eth(dst=00:00:00:00:00:09)),12');
  });
  it('keep the stack and the action set to themselves', () => {
    const flows = [
      'actions=push:NXM_OF_ETH_DST[],clone(pop:NXM_NX_XXREG0[],push:NXM_OF_ETH_SRC[]),pop:NXM_OF_ETH_SRC[],2',
    ];
    expect(ask(flows)).to.equal('set(eth(src=00:00:00:00:00:02)),12');
  });
});

describe('xlate: connection tracking', () => {
  it('forks: a copy goes on in the table, the packet here, untracked', () => {
    const sw = make([
      'ip,ct_state=-trk actions=load:5->NXM_NX_REG1[],ct(table=1,zone=7),2',
      'table=1,ip,ct_state=+trk+est,reg1=5 actions=3',
    ]);
    expect(text(translator.translate(sw.snapshot, makeKey(UDP), 0))).to.equal('ct(zone=7),recirc(0x1),12');
    const tracked = (key: Int32Array): void => {
      key[F_CT_STATE] = 0x22;
    };
    expect(text(resume(sw, tracked))).to.equal('13');
    expect(text(resume(sw, (key) => (key[F_CT_STATE] = 0x21)))).to.equal('drop');
  });
  it('sets mark and label in the action alone', () => {
    const sw = make([
      'ip actions=ct(commit,exec(set_field:1/3->ct_mark,set_field:0x1/0xffffffff->ct_label)),2',
    ]);
    const result = translator.translate(sw.snapshot, makeKey(UDP), 0);
    expect(text(result)).to.equal('ct(commit,mark=0x1/0x3,label=0x1/0xffffffff),12');
    expect([result.mask[F_CT_MARK], result.mask[F_CT_LABEL + 3]]).to.deep.equal([0, 0]);
  });
  it('translates addresses, by ranges and ports', () => {
    const nat = (spec: string) => ask([`ip actions=ct(commit,nat(${spec}))`]);
    expect(nat('src=10.1.1.1-10.1.1.9:80-90,random')).to.equal(
      'ct(commit,nat(src=10.1.1.1-10.1.1.9:80-90,random))',
    );
    expect(nat('dst=10.1.1.1-10.1.1.1')).to.equal('ct(commit,nat(dst=10.1.1.1))');
    expect(ask(['ip actions=ct(nat)'])).to.equal('ct(nat)');
  });
  it('forces, helps, and takes the zone from a field', () => {
    expect(ask(['tcp actions=ct(commit,force,alg=ftp)'], {}, UDP.replaceAll('udp', 'tcp'))).to.equal(
      'ct(force_commit,helper=ftp)',
    );
    const sw = make(['udp actions=ct(zone=NXM_OF_UDP_DST[])']);
    const result = translator.translate(sw.snapshot, makeKey(UDP), 0);
    expect(text(result)).to.equal('ct(zone=2)');
  });
  it('clears only what was tracked', () => {
    expect(ask(['ip actions=ct_clear,2'])).to.equal('12');
    const sw = make(['ip,ct_state=-trk actions=ct(table=1)', 'table=1,ip actions=ct_clear,2']);
    translator.translate(sw.snapshot, makeKey(UDP), 0);
    expect(text(resume(sw, (key) => (key[F_CT_STATE] = 0x22)))).to.equal('ct_clear,12');
  });
  it("resubmit(ct) looks up with the connection's first addresses", () => {
    const sw = make([
      'ip,ct_state=-trk actions=ct(table=1)',
      'table=1,ip actions=resubmit(,2,ct),resubmit(,2)',
      'table=2,udp,nw_src=10.9.9.9,tp_dst=99 actions=3',
      'table=2,priority=1,udp actions=4',
    ]);
    translator.translate(sw.snapshot, makeKey(UDP), 0);
    const result = resume(sw, (key) => {
      key[F_CT_STATE] = 0x22;
      key[F_CT_NW_SRC] = 0x0a090909;
      key[F_CT_NW_DST] = 0x0a000002;
      key[F_CT_NW_PROTO] = 17;
      key[F_CT_TP_SRC] = 5;
      key[F_CT_TP_DST] = 99;
    });
    expect(text(result)).to.equal('13,14');
    expect(result.mask[F_CT_TP_DST]).to.equal(0xffff);
    // Nothing was committed yet: no addresses, and the second resubmit is done all the same.
    expect(text(resume(sw, (key) => (key[F_CT_STATE] = 0x21)))).to.equal('14');
  });
});

describe('xlate: recirculation', () => {
  it('goes on with the actions that were left, of all rules', () => {
    const sw = make([
      'ip actions=push:NXM_NX_REG3[],set_field:5->reg3,resubmit(,5),output:2,pop:NXM_NX_REG3[],output:NXM_NX_REG3[]',
      'table=5 actions=1,debug_recirc,mod_dl_dst:00:00:00:00:00:09,3',
    ]);
    expect(text(translator.translate(sw.snapshot, makeKey(UDP), 0))).to.equal('recirc(0x1)');
    expect(text(resume(sw))).to.equal('set(eth(dst=00:00:00:00:00:09)),13,12');
  });
  it('keeps registers, metadata, action set and stack', () => {
    const sw = make([
      'actions=load:3->NXM_NX_REG1[],push:NXM_NX_REG1[],debug_recirc,pop:NXM_NX_REG2[],output:NXM_NX_REG2[],write_metadata:7,goto_table:1',
      'table=1,metadata=7,reg1=3 actions=write_actions(output:2),goto_table:2',
      'table=2 actions=debug_recirc',
    ]);
    expect(text(translator.translate(sw.snapshot, makeKey(UDP), 0))).to.equal('recirc(0x1)');
    expect(text(resume(sw))).to.equal('13,recirc(0x2)');
    const state = sw.recirc.lookup(2)!;
    expect([state.actionSet.length, state.metadataLow, state.registers[2]]).to.deep.equal([1, 7, 3]);
  });
  it('in a bucket or clone does not stop what follows a bucket', () => {
    const groups = ['group_id=1,type=all,bucket=actions=resubmit(,5),bucket=actions=output:3'];
    const flows = ['actions=group:1,output:2', 'table=5 actions=4,debug_recirc'];
    expect(ask(flows, { groups })).to.equal('14,recirc(0x1),13,12');
    expect(ask(['actions=clone(debug_recirc,1),3'])).to.equal('recirc(0x1)');
  });
  it('has one id for equal states', () => {
    const sw = make(['actions=debug_recirc,2']);
    const id = () => text(translator.translate(sw.snapshot, makeKey(UDP), 0));
    expect([id(), id(), sw.recirc.size]).to.deep.equal(['recirc(0x1)', 'recirc(0x1)', 1]);
  });
  it('waits for a controller that pauses, but not in a trace', () => {
    const sw = make(['actions=controller(pause),2']);
    expect(text(translator.translate(sw.snapshot, makeKey(UDP), 0))).to.contain('continuation=1');
    expect(text(resume(sw))).to.equal('12');
    translator.dontSend = true;
    expect(text(translator.translate(sw.snapshot, makeKey(UDP), 0))).to.equal('drop');
    translator.dontSend = false;
  });
});

describe('xlate: check_pkt_larger', () => {
  const flows = ['actions=check_pkt_larger(100)->NXM_NX_REG0[0],resubmit(,1),4', 'table=1,reg0=1 actions=2'];
  it('translates the rest of the list for both answers, then what is outside once', () => {
    expect(ask(flows)).to.equal('check_pkt_len(size=100,gt(12,14),le(14))');
    expect(ask([`actions=resubmit(,3),3`, `table=3,${flows[0]}`, flows[1]])).to.equal(
      'check_pkt_len(size=100,gt(12,14),le(14)),13',
    );
  });
  it('looks at the packet itself where the datapath cannot', () => {
    const sw = make(flows, { support: { checkPktLen: false } });
    const packet = { bytes: new Uint8Array(200), offset: 0, length: 200 };
    const long = translator.translate(sw.snapshot, makeKey(UDP), 0, packet);
    expect([text(long), long.slow]).to.deep.equal(['12,14', SLOW_ACTION]);
    expect(text(translator.translate(sw.snapshot, makeKey(UDP), 0, { ...packet, length: 100 }))).to.equal(
      '14',
    );
  });
  it('twenty in a row are an error, not an endless translation', () => {
    const many = Array.from({ length: 20 }, (_, i) => `check_pkt_larger(${100 + i})->NXM_NX_REG0[0]`);
    const sw = make([`actions=${many.join(',')},2`]);
    const result = translator.translate(sw.snapshot, makeKey(UDP), 0);
    expect([XLATE_ERRORS[result.error], result.actionsLength]).to.deep.equal(['actions_too_long', 0]);
  });
});

describe('xlate: queues and meters', () => {
  it('set, restore and use the priority, which is matched', () => {
    const sw = make(['actions=set_queue:3,2,pop_queue,3,enqueue:4:7,3']);
    const result = translator.translate(sw.snapshot, makeKey(UDP), 0);
    expect(text(result)).to.equal(
      'set(skb_priority(0x3)),12,set(skb_priority(0)),13,set(skb_priority(0x7)),14,set(skb_priority(0)),13',
    );
    expect(result.mask[F_SKB_PRIORITY]).to.equal(-1);
  });
  it('are limited by meters that exist', () => {
    expect(ask(['actions=meter:2,2'], { meters: [[2, 9]] })).to.equal('meter(9),12');
    expect(ask(['actions=meter:3,2'], { meters: [[2, 9]] })).to.equal('12');
  });
  it('limit packets to controllers', () => {
    const limited = ask(['actions=controller'], { meters: [[0xfffffffd, 5]] });
    expect(limited).to.match(/^sample\(sample=100.0%,actions\(meter\(5\),userspace\(.*\)\)\)$/);
  });
});
