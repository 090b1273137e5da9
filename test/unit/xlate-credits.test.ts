import { expect } from 'chai';
import { F_IPV6_SRC, F_VLAN_TCI } from '../../ts/fields/index.js';
import { UkeyTable } from '../../ts/ukey/index.js';
import {
  type CreditSink,
  type Effect,
  FlowRecords,
  type NetflowEffect,
  NETFLOW_DROP,
  type TableEffect,
  Trail,
  type Translation,
  Translator,
  type XBridge,
  type XSampling,
} from '../../ts/xlate/index.js';
import { makeKey, makeSwitch, type Setup } from '../support/xlate.js';

const PORTS = [1, 2, 3].map((ofport) => ({ ofport }));
const PACKET =
  'udp,in_port=1,dl_src=50:54:00:00:00:01,dl_dst=50:54:00:00:00:02,nw_src=10.0.0.1,nw_dst=200.0.0.2,nw_tos=32,tp_src=65000,tp_dst=53';
const NETFLOW: XSampling = {
  sflowProbability: 0,
  ipfixProbability: 0,
  ipfixInput: false,
  ipfixOutput: false,
  ipfixTunnels: false,
  collectorSets: new Set(),
  localGroups: new Map(),
  tunnelSets: new Set(),
  netflow: 5,
};

/** What a translation reports of a packet; `told`: what its record says afterwards, in the same form. */
function report(setup: Omit<Setup, 'ports'>, packet: string, sampling: XSampling | null = null) {
  const { snapshot, bridge } = makeSwitch({ ports: PORTS, ...setup });
  (bridge as { -readonly [K in keyof XBridge]: XBridge[K] }).sampling = sampling;
  const translator = new Translator();
  const trail = new Trail();
  translator.trail = trail;
  const key = makeKey(packet);
  const translation = translator.translate(snapshot, key, 0);
  return { effects: copies(translation), mask: translation.mask.slice(), ...record(translation, trail, key) };
}

/** Effects, and what is in them, are used again. */
function copyOf<T extends Effect>(effect: T): T {
  return effect.type === 'netflow'
    ? { ...effect, src: effect.src.slice(), dst: effect.dst.slice() }
    : { ...effect };
}

function copies({ effects, effectCount }: Translation): Effect[] {
  return effects.slice(0, effectCount).map(copyOf);
}

/** Keeps a translation as installed flows do, and asks what was kept. */
function record(translation: Translation, trail: Trail, key: Int32Array) {
  const records = new FlowRecords();
  const ukeys = new UkeyTable(records);
  const source = { ufid: Int32Array.of(1, 2, 3, 4), ufidAt: 0, key: new Uint8Array(4), keyOffset: 0 };
  const ukey = ukeys.add(
    {
      ...{ ...source, keyLength: 4, mask: translation.mask, maskBase: 0, actions: translation.actions },
      ...{ actionsLength: translation.actionsLength, inPort: 0, slow: 0, generation: 1 },
    },
    0,
  );
  ukeys.setRecord(ukey, records.make(ukeys, ukey, translation, trail, key, 0));
  const told: Effect[] = [];
  const ended: NetflowEffect[] = [];
  const sink: CreditSink = { rule() {}, effect: (effect) => told.push(copyOf(effect)) };
  const isTold = records.credit(ukeys, ukey, sink);
  records.end(ukeys, ukey, { counted() {}, ended: (flow) => ended.push(copyOf(flow)) });
  ukeys.setRecord(ukey, -1);
  return { told, isTold, ended, named: records.handles.size };
}

const netflows = (effects: readonly Effect[]) =>
  effects.filter((effect): effect is NetflowEffect => effect.type === 'netflow');

describe('xlate: whom packets are credited to', () => {
  const tables = (effects: readonly Effect[]) =>
    effects
      .filter((effect): effect is TableEffect => effect.type === 'table')
      .map(({ table, matched }) => [table, matched]);

  it('tables where no rule matches, each time that they are asked', () => {
    const flows = ['in_port=1 actions=resubmit(,1),resubmit(,2),resubmit(,1)', 'table=2 actions=output:2'];
    const { effects, told, isTold } = report({ flows }, PACKET);
    expect(tables(effects)).to.deep.equal([
      [1, false],
      [1, false],
    ]);
    expect([isTold, tables(told)]).to.deep.equal([true, tables(effects)]);
    expect(tables(report({ flows: [] }, PACKET).told)).to.deep.equal([[0, false]]);
  });

  it('what NetFlow is told is the packet as the pipeline left it, and where it went', () => {
    const flows = ['in_port=1 actions=mod_nw_src:1.2.3.4,output:2,mod_tp_dst:99,set_field:5->in_port'];
    const { effects, told, ended, named } = report({ flows }, PACKET, NETFLOW);
    const [flow] = netflows(effects);
    expect(flow).to.include({ inPort: 5, output: 2, ipVersion: 4, nwProto: 17, nwTos: 32 });
    expect(flow).to.include({ tpSrc: 65000, tpDst: 99, vlanIn: 0, vlanOut: 0 });
    expect([...flow.src, ...flow.dst]).to.deep.equal([0x01020304, 0, 0, 0, 0xc8000002 | 0, 0, 0, 0]);
    expect(told).to.deep.equal([flow]);
    expect(ended).to.deep.equal([flow]);
    expect(named, 'objects held after the record went').to.equal(0);
  });

  it('NetFlow 9 is told of IPv6 and VLANs, too', () => {
    const packet =
      'udp6,in_port=1,dl_vlan=7,dl_vlan_pcp=3,ipv6_src=2001:db8::1,ipv6_dst=2001:db8::2,nw_tos=32,tp_src=1,tp_dst=2';
    const flows = ['actions=mod_vlan_vid:9,output:2'];
    const sampling = { ...NETFLOW, netflow: 9 as const };
    const { effects, told, ended, mask } = report({ flows }, packet, sampling);
    const [flow] = netflows(effects);
    expect(flow).to.include({
      ipVersion: 6,
      nwProto: 17,
      nwTos: 32,
      tpSrc: 1,
      tpDst: 2,
      vlanIn: 7,
      vlanOut: 9,
    });
    expect([...flow.src]).to.deep.equal([0x20010db8, 0, 0, 1]);
    expect([...flow.dst]).to.deep.equal([0x20010db8, 0, 0, 2]);
    expect(told).to.deep.equal([flow]);
    expect(ended).to.deep.equal([flow]);
    expect(mask[F_VLAN_TCI] & 0xfff).to.equal(0xfff);
    expect([...mask.subarray(F_IPV6_SRC, F_IPV6_SRC + 4)]).to.deep.equal([-1, -1, -1, -1]);
  });

  it('NetFlow counts neither what is not IPv4, nor what labels cover in the end, nor without a record', () => {
    const flowsOf = (flow: string, packet: string, sampling: XSampling | null) =>
      netflows(report({ flows: [flow] }, packet, sampling).effects);
    expect(flowsOf('actions=output:2', 'in_port=1,arp', NETFLOW)).to.have.length(0);
    expect(flowsOf('actions=output:2', 'in_port=1,udp6', NETFLOW)).to.have.length(0);
    expect(flowsOf('actions=output:2,push_mpls:0x8847', PACKET, NETFLOW)).to.have.length(0);
    expect(flowsOf('actions=output:2', PACKET, null)).to.have.length(0);
    const [dropped] = flowsOf('actions=drop', PACKET, NETFLOW);
    expect(dropped.output).to.equal(NETFLOW_DROP);
    const [toController] = flowsOf('actions=controller', PACKET, NETFLOW);
    expect(toController.output).to.equal(NETFLOW_DROP);
  });

  it('a flow of which only another translation tells all still ends for NetFlow', () => {
    const flows = ['actions=learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]),output:2'];
    const { isTold, ended } = report({ flows }, PACKET, NETFLOW);
    expect([isTold, ended.length]).to.deep.equal([false, 1]);
  });
});
