import { expect } from 'chai';
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
  tunnelSets: new Set(),
  netflow: true,
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
  return { effects: copies(translation), ...record(translation, trail, key) };
}

function copies({ effects, effectCount }: Translation): Effect[] {
  return effects.slice(0, effectCount).map((effect) => ({ ...effect }));
}

/** Keeps a translation as installed flows do, and asks what was kept. */
function record(translation: Translation, trail: Trail, key: Int32Array) {
  const records = new FlowRecords();
  const ukeys = new UkeyTable((arena, block) => records.drop(arena, block));
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
  const sink: CreditSink = { rule() {}, effect: (effect) => told.push({ ...effect }) };
  const isTold = records.credit(ukeys, ukey, sink);
  records.end(ukeys, ukey, { counted() {}, ended: (flow) => ended.push({ ...flow }) });
  ukeys.setRecord(ukey, -1);
  return { told, isTold, ended, named: records.handles.size };
}

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

  it('what NetFlow is told is the packet as it came, and where it went', () => {
    const flows = ['in_port=1 actions=mod_nw_src:1.2.3.4,mod_tp_dst:99,output:2'];
    const { effects, told, ended, named } = report({ flows }, PACKET, NETFLOW);
    const [flow] = effects.filter((effect): effect is NetflowEffect => effect.type === 'netflow');
    expect(flow).to.include({ inPort: 1, output: 2, nwSrc: 0x0a000001, nwDst: 0xc8000002 | 0 });
    expect(flow).to.include({ nwProto: 17, nwTos: 32, tpSrc: 65000, tpDst: 53 });
    expect(told).to.deep.equal([flow]);
    expect(ended).to.deep.equal([flow]);
    expect(named, 'objects held after the record went').to.equal(0);
  });

  it('NetFlow counts neither what only controllers get, nor what is not IPv4, nor without a record', () => {
    const netflows = (flow: string, packet: string, sampling: XSampling | null) =>
      report({ flows: [flow] }, packet, sampling).effects.filter(({ type }) => type === 'netflow');
    expect(netflows('actions=controller', PACKET, NETFLOW)).to.have.length(0);
    expect(netflows('actions=output:2', 'in_port=1,arp', NETFLOW)).to.have.length(0);
    expect(netflows('actions=output:2', PACKET, null)).to.have.length(0);
    const [dropped] = netflows('actions=drop', PACKET, NETFLOW);
    expect((dropped as NetflowEffect).output).to.equal(NETFLOW_DROP);
  });

  it('a flow of which only another translation tells all still ends for NetFlow', () => {
    const flows = ['actions=learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]),output:2'];
    const { isTold, ended } = report({ flows }, PACKET, NETFLOW);
    expect([isTold, ended.length]).to.deep.equal([false, 1]);
  });
});
