import { expect } from 'chai';
import { formatActions } from '../../ts/flow/index.js';
import { Translator, type XBridge, type XSampling } from '../../ts/xlate/index.js';
import { makeKey, makeSwitch } from '../support/xlate.js';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const NOTHING: XSampling = {
  sflowProbability: 0,
  ipfixProbability: 0,
  ipfixInput: false,
  ipfixOutput: false,
  ipfixTunnels: false,
  collectorSets: new Set(),
  localGroups: new Map(),
  tunnelSets: new Set(),
  netflow: 0,
};

/** Datapath actions of a packet from port 1 with one flow; userspace actions are shown by their kind. */
function actionsOf(
  actions: string,
  sampling: Partial<XSampling>,
  { psample = true, meter }: { readonly psample?: boolean; readonly meter?: number } = {},
): string {
  const { snapshot, bridge } = makeSwitch({
    ports: [1, 2].map((ofport) => ({ ofport })),
    flows: [`in_port=1 actions=${actions}`],
    support: { psample },
  });
  const changed = bridge as Writable<XBridge>;
  changed.sampling = { ...NOTHING, ...sampling };
  if (meter !== undefined) changed.slowPathMeter = meter;
  const { actions: bytes, actionsLength } = new Translator().translate(snapshot, makeKey('udp,in_port=1'), 0);
  return formatActions(bytes.subarray(0, actionsLength)).replace(
    /userspace\(pid=0,flow_sample\(.*?\)\)/g,
    'up',
  );
}

describe('the action sample with local groups', () => {
  const sample = (probability: number, set = 7) =>
    `sample(probability=${probability},collector_set_id=${set},obs_domain_id=1,obs_point_id=0xfffffffe),output:2`;
  const local = { localGroups: new Map([[7, 42]]) };
  const both = { ...local, collectorSets: new Set([7]) };
  const PSAMPLE = 'psample(group=42,cookie=0x00000001fffffffe)';

  it('is psample for every packet, and in sample(…) for some', () => {
    expect(actionsOf(sample(65535), local)).to.equal(`${PSAMPLE},2`);
    expect(actionsOf(sample(32768), local)).to.equal(`sample(sample=50.0%,actions(${PSAMPLE})),2`);
  });

  it('is both where the set has IPFIX too, the meter before what comes up', () => {
    expect(actionsOf(sample(65535), both)).to.equal(`${PSAMPLE},up,2`);
    expect(actionsOf(sample(32768), both)).to.equal(`sample(sample=50.0%,actions(${PSAMPLE},up)),2`);
    expect(actionsOf(sample(65535), both, { meter: 3 })).to.equal(
      `sample(sample=100.0%,actions(${PSAMPLE},meter(3),up)),2`,
    );
    expect(actionsOf(sample(65535), local, { meter: 3 })).to.equal(`${PSAMPLE},2`);
  });

  it('comes up where the datapath has no psample', () => {
    expect(actionsOf(sample(65535), local, { psample: false })).to.equal('up,2');
    expect(actionsOf(sample(32768), both, { psample: false })).to.equal('sample(sample=50.0%,actions(up)),2');
  });

  it('of other sets is what it was', () => {
    expect(actionsOf(sample(65535, 8), local)).to.equal('2');
    expect(actionsOf(sample(65535, 8), both)).to.equal('up,2');
    expect(actionsOf(sample(65535), { ...local, ipfixProbability: 1 })).to.equal(`${PSAMPLE},2`);
  });

  it('sees what the actions before it did', () => {
    expect(actionsOf(`mod_tp_dst:9,${sample(65535)}`, local)).to.equal(`set(udp(dst=9)),${PSAMPLE},2`);
  });
});
