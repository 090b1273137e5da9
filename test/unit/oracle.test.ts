import { join } from 'node:path';
import { expect } from 'chai';
import { parseFlow, parseGroup } from '../../ts/openflow/index.js';
import { root } from '../support/processes.js';

interface OracleCase {
  readonly id: string;
  readonly topology: { readonly name: string; readonly vsctl: readonly string[] };
  readonly groups: readonly string[];
  readonly flows: readonly string[];
  readonly features: readonly string[];
  readonly traces: readonly { readonly flow: string }[];
}
type MakeCase = (seed: number, index: number) => OracleCase;
type ParseTrace = (text: string) => {
  readonly steps: readonly Record<string, unknown>[];
  readonly compare: string;
  readonly slow?: readonly string[];
  readonly translationError?: string;
  readonly datapathActions: string;
  readonly megaflow: string;
};

const oracle = join(root, 'scripts', 'oracle');

describe('oracle: random cases', () => {
  let makeCase: MakeCase;
  before(async () => {
    ({ makeCase } = (await import(join(oracle, 'generate/case.mjs'))) as { makeCase: MakeCase });
  });

  it('are determined by seed and number', () => {
    expect(makeCase(3, 17)).to.deep.equal(makeCase(3, 17));
    expect(makeCase(3, 17)).not.to.deep.equal(makeCase(3, 18));
    expect(makeCase(3, 17)).not.to.deep.equal(makeCase(4, 17));
  });

  it('have all kinds of switches and actions', () => {
    const cases = Array.from({ length: 400 }, (_, i) => makeCase(1, i));
    expect(new Set(cases.map(({ topology }) => topology.name)).size).to.be.greaterThan(10);
    const features = new Set(cases.flatMap((one) => one.features));
    for (const feature of [
      'ct',
      'ct_resubmit',
      'group',
      'learn',
      'mpls',
      'normal',
      'conjunction',
      'action_set',
      'nsh',
    ])
      expect([...features]).to.include(feature);
  });

  it('are in the syntax of ovs-ofctl', () => {
    for (let i = 0; i < 60; i++) {
      const { flows, groups } = makeCase(2, i);
      for (const group of groups) parseGroup(group);
      let taken = 0;
      for (const flow of flows) {
        try {
          parseFlow(flow, { version: 'OpenFlow15' });
          taken += 1;
        } catch (error) {
          // Some are inconsistent, which the switch is to refuse; none is unreadable.
          expect(String(error), flow).not.to.match(/unknown|expected/i);
        }
      }
      expect(taken / flows.length, flows.join('\n')).to.be.greaterThan(0.6);
    }
  });
});

describe('oracle: what ofproto/trace prints', () => {
  let parseTrace: ParseTrace;
  before(async () => {
    ({ parseTrace } = (await import(join(oracle, 'peer/trace-text.mjs'))) as { parseTrace: ParseTrace });
  });
  const rule = '='.repeat(79);

  it('becomes steps, with recirculation ids renamed', () => {
    const text = `Flow: tcp,in_port=1

bridge("br0")
-------------
 0. ip, priority 32768
    ct(table=1)
     -> A clone of the packet is forked to recirculate. The forked pipeline will be resumed at table 1.

Final flow: unchanged
Megaflow: recirc_id=0,eth,tcp,in_port=1
Datapath actions: ct,recirc(0x1f)

${rule}
recirc(0x1f) - resume conntrack with ct_state=est|trk
${rule}

Flow: recirc_id=0x1f,ct_state=est|trk,eth,tcp,in_port=1

bridge("br0")
-------------
 1. ip, priority 32768
    controller

Final flow: unchanged
Megaflow: recirc_id=0x1f,eth,tcp,in_port=1
Datapath actions: drop
This flow is handled by the userspace slow path because it:
  - Sends "packet-in" messages to the OpenFlow controller.
  - Uses action(s) not supported by datapath.
`;
    const { steps, ...rest } = parseTrace(text);
    expect(rest).to.deep.equal({
      datapathActions: 'ct,recirc(R1)',
      megaflow: 'recirc_id=0,eth,tcp,in_port=1',
      compare: 'exact',
    });
    expect(steps).to.deep.equal([
      {
        flow: 'tcp,in_port=1',
        finalFlow: 'unchanged',
        megaflow: 'recirc_id=0,eth,tcp,in_port=1',
        datapathActions: 'ct,recirc(R1)',
      },
      {
        flow: 'recirc_id=R1,ct_state=est|trk,eth,tcp,in_port=1',
        finalFlow: 'unchanged',
        megaflow: 'recirc_id=R1,eth,tcp,in_port=1',
        datapathActions: 'drop',
        slow: [
          'Sends "packet-in" messages to the OpenFlow controller',
          'Uses action(s) not supported by datapath',
        ],
      },
    ]);
  });

  it('tells errors, and floods, whose order is not defined', () => {
    const text = `Flow: arp,in_port=1
 0. priority 0
    NORMAL
     -> no learned MAC for destination, flooding

Final flow: unchanged
Megaflow: recirc_id=0,eth,arp,in_port=1
Datapath actions: drop
Translation failed (Recursion too deep), packet is dropped.
`;
    const { compare, translationError } = parseTrace(text);
    expect(compare).to.equal('multiset');
    expect(translationError).to.equal('Translation failed (Recursion too deep), packet is dropped.');
  });

  it('is refused when it is something else', () => {
    expect(() => parseTrace('Bad openflow flow syntax')).to.throw(/not the output of a trace/);
  });
});

describe('oracle: floods, whose order is not defined', () => {
  interface About {
    readonly flow?: string;
    readonly tunnelPorts?: ReadonlySet<string>;
    readonly ignored?: ReadonlySet<string>;
  }
  let same: (a: string, b: string, about?: About) => boolean;
  before(async () => {
    ({ sameEffects: same } = (await import(join(oracle, 'effects.mjs'))) as { sameEffects: typeof same });
  });

  it('do the same when the same packets leave by the same ports', () => {
    expect(same('1,2,set(eth(src=a)),3', '2,1,set(eth(src=a)),3')).to.equal(true);
    expect(same('push_vlan(vid=1,pcp=0),1,pop_vlan,2', '2,push_vlan(vid=1,pcp=0),1')).to.equal(true);
    expect(same('trunc(64),1,2', '2,trunc(64),1')).to.equal(true);
    const tunnels = { tunnelPorts: new Set(['5', '6']) };
    const [one, other] = ['set(tunnel(x)),5,4,set(tunnel(y)),6', '4,set(tunnel(y)),6,set(tunnel(x)),5'];
    expect(same(one, other, tunnels)).to.equal(true);
  });

  it('do not when a packet, a port or a length is another', () => {
    expect(same('1,set(eth(src=a)),2', '2,set(eth(src=a)),1')).to.equal(false);
    expect(same('1,2', '1,2,2')).to.equal(false);
    expect(same('trunc(64),1,2', '1,trunc(64),2')).to.equal(false);
    expect(same('set(tunnel(x)),5', 'set(tunnel(y)),5', { tunnelPorts: new Set(['5']) })).to.equal(false);
  });

  it('are compared in branches too, and whether cloned or last', () => {
    expect(same('check_pkt_len(size=9,gt(1,2),le(3))', 'check_pkt_len(size=9,gt(2,1),le(3))')).to.equal(true);
    expect(same('check_pkt_len(size=9,gt(1,2),le(3))', 'check_pkt_len(size=9,gt(1),le(3,2))')).to.equal(
      false,
    );
    expect(same('1,meter(0),2', 'clone(meter(0),2),1')).to.equal(true);
    expect(same('clone(push_vlan(vid=1,pcp=0),1),2', '2,push_vlan(vid=1,pcp=0),1')).to.equal(true);
  });

  it('tell a packet that went through a meter or the connection tracker', () => {
    expect(same('clone(meter(0),2),1', 'meter(0),2,1')).to.equal(false);
    expect(same('clone(ct(commit)),1', 'ct(commit),1')).to.equal(false);
  });

  it('know what a masked set leaves as it is', () => {
    const flow = 'dl_dst=50:54:00:00:00:01';
    const masked = (mask: string) => `set(eth(dst=10:00:00:00:00:05/${mask})),1`;
    expect(same(masked('10:00:00:00:00:ff'), 'set(eth(dst=50:54:00:00:00:05)),1', { flow })).to.equal(true);
    expect(same(masked('50:00:00:00:00:ff'), 'set(eth(dst=50:54:00:00:00:05)),1', { flow })).to.equal(false);
  });

  it('know a field that is set back, and fields that do not count', () => {
    const flow = 'ip,nw_ttl=64';
    expect(same('set(ipv4(ttl=63)),1,set(ipv4(ttl=64)),2', '2,set(ipv4(ttl=63)),1', { flow })).to.equal(true);
    const ignored = new Set(['skb_mark']);
    expect(same('set(skb_mark(0x3)),1,2', '1,set(skb_mark(0x3)),2')).to.equal(false);
    expect(same('set(skb_mark(0x3)),1,2', '1,set(skb_mark(0x3)),2', { ignored })).to.equal(true);
  });
});

describe('oracle: known differences', () => {
  interface Step {
    readonly flow: string;
    readonly finalFlow: string;
    readonly megaflow: string;
    readonly datapathActions: string;
  }
  interface Answer {
    readonly flow?: string;
    readonly compare?: string;
    readonly steps: readonly Step[];
  }
  type Judge = (ours: Answer) => { readonly verdict: string };
  type Known = (
    seen: { readonly entry: object; readonly theirs: Answer; readonly ours: Answer },
    judge: Judge,
  ) => readonly { readonly name: string }[] | null;
  let explain: (theirs: Partial<Step>, ours: Partial<Step>, vsctl?: string) => readonly string[] | null;
  before(async () => {
    const { knownDifferences } = (await import(join(oracle, 'known.mjs'))) as { knownDifferences: Known };
    explain = (theirs, ours, vsctl = '') => {
      const step = { flow: 'tcp,ct_state=est|trk,in_port=1', finalFlow: 'unchanged', megaflow: 'tcp' };
      const answer = (own: Partial<Step>): Answer => ({
        flow: step.flow,
        steps: [{ ...step, datapathActions: 'drop', ...own }],
      });
      const ports = [1, 2, 3].map((odpPort) => ({ name: `p${odpPort}`, odpPort, type: 'dummy' }));
      const topology = { name: 'plain', vsctl: vsctl.split(' '), bridges: [{ ports }] };
      const judge: Judge = (given) => ({
        verdict: JSON.stringify(given.steps) === JSON.stringify(answer(theirs).steps) ? 'agree' : 'differs',
      });
      const entry = { topology, flows: [], flowsOf10: [] };
      return (
        knownDifferences({ entry, theirs: answer(theirs), ours: answer(ours) }, judge)?.map(
          ({ name }) => name,
        ) ?? null
      );
    };
  });

  it('explain what they say', () => {
    const clear = 'ct_clear of a packet that arrives tracked';
    expect(explain({ datapathActions: 'ct_clear,2' }, { datapathActions: '2' })).to.deep.equal([clear]);
    const mirror = '--id=@p get Port p3 -- create Mirror name=m output_port=@p';
    expect(
      explain(
        { datapathActions: '3,set(eth(src=a)),1' },
        { datapathActions: '3,set(eth(src=a)),1,3' },
        mirror,
      ),
    ).to.deep.equal(['mirrors of packets that were changed']);
    const setTos = 'set(ipv4(tos=0x20/0xfc)),2';
    expect(
      explain(
        { datapathActions: setTos, megaflow: 'eth,ip,nw_tos=0' },
        { datapathActions: setTos, megaflow: 'eth,tcp,nw_tos=0' },
      ),
    ).to.deep.equal(['IP headers that change look at the protocol']);
  });

  it('hide no other', () => {
    expect(explain({ megaflow: 'eth,ip' }, { megaflow: 'eth,tcp' })).to.equal(null);
    expect(explain({ datapathActions: 'ct_clear,2' }, { datapathActions: '3' })).to.equal(null);
    expect(
      explain({ datapathActions: 'ct_clear,2' }, { datapathActions: '2', megaflow: 'tcp,nw_ttl=1' }),
    ).to.equal(null);
    expect(
      explain({ datapathActions: 'ct_clear,2' }, { datapathActions: '2', finalFlow: 'tcp,reg0=1' }),
    ).to.equal(null);
    const mirror = '--id=@p get Port p3 -- create Mirror name=m output_port=@p';
    expect(explain({ datapathActions: '1' }, { datapathActions: '1,2' }, mirror)).to.equal(null);
    expect(explain({ datapathActions: '1,3' }, { datapathActions: '1' }, mirror)).to.equal(null);
  });
});
