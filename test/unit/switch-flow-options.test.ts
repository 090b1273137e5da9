import { expect } from 'chai';
import { emptyConfiguration, vsctl } from '../../ts/config/index.js';
import {
  DEFAULT_POLICY,
  type RevalidatePolicy,
  type Revalidator,
  type SoundnessCheck,
} from '../../ts/revalidate/index.js';
import { FlowOptionsInForce } from '../../ts/switch/flow-options.js';
import { FLOW_LIMIT_MAX, FlowLimit } from '../../ts/ukey/index.js';

describe('switch: options of the flow cache', () => {
  /** The Open_vSwitch record with these values of other_config. */
  const root = (...options: string[]) =>
    vsctl(
      emptyConfiguration(),
      options.length === 0
        ? ['init']
        : ['set', 'Open_vSwitch', '.', ...options.map((option) => `other_config:${option}`)],
    ).configuration.root;

  it('the configuration goes before what was given, and neither forgets the other', () => {
    const limit = new FlowLimit(FLOW_LIMIT_MAX);
    const set: RevalidatePolicy[] = [];
    const revalidator = {
      setPolicy: (policy: RevalidatePolicy) => set.push(policy),
    } as unknown as Revalidator;
    const soundness = { every: 0 };
    const given = { flowLimit: 1000, policy: { maxIdle: 60 }, checkSoundness: 5 };
    const options = new FlowOptionsInForce(limit, revalidator, soundness as SoundnessCheck, given);
    const inForce = () => ({ flowLimit: limit.max, ...set.at(-1) });

    options.configure(root());
    expect(inForce()).to.deep.equal({ ...DEFAULT_POLICY, flowLimit: 1000, maxIdle: 60 });
    options.configure(root('flow-limit=500'));
    expect(inForce()).to.deep.equal({ ...DEFAULT_POLICY, flowLimit: 500, maxIdle: 60 });
    options.give({ flowLimit: 77, policy: { maxIdle: 70 } });
    expect(inForce(), 'given while the configuration says something').to.include({
      flowLimit: 500,
      maxIdle: 70,
    });
    options.configure(root('max-revalidator=200'));
    expect(inForce(), 'what was given last is not forgotten').to.deep.equal({
      ...DEFAULT_POLICY,
      flowLimit: 77,
      maxIdle: 70,
      maxRevalidator: 200,
    });
    expect(soundness.every, 'no limit').to.equal(5);
    options.give({});
    expect(inForce()).to.deep.equal({ ...DEFAULT_POLICY, flowLimit: FLOW_LIMIT_MAX, maxRevalidator: 200 });
  });
});
