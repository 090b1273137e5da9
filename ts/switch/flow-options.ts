import type { Row } from '../config/index.js';
import {
  DEFAULT_POLICY,
  type RevalidatePolicy,
  type Revalidator,
  type SoundnessCheck,
} from '../revalidate/index.js';
import { FLOW_LIMIT_MAX, type FlowLimit } from '../ukey/index.js';
import type { SwitchOptions } from './options.js';

/** A pause between rounds below this is not taken, as in OVS (ofproto_set_max_revalidator). */
const MIN_REVALIDATOR_MS = 100;

/** Has limit, revalidator and check go by what `flowOptions` says. */
export function applyFlowOptions(
  root: Row,
  given: Parameters<typeof flowOptions>[1],
  limit: FlowLimit,
  revalidator: Revalidator,
  soundness: SoundnessCheck,
): void {
  const { flowLimit, policy, checkSoundness } = flowOptions(root, given);
  soundness.every = checkSoundness;
  limit.max = flowLimit;
  revalidator.setPolicy(policy);
}

/** What the flow cache goes by, and what is given for it besides the configuration. */
export interface FlowOptions {
  /** Most flows that may be installed (flow-limit). */
  readonly flowLimit: number;
  readonly policy: RevalidatePolicy;
  /** One of so many installed flows is checked; 0: none (check-soundness, which OVS does not have). */
  readonly checkSoundness: number;
}

/** A number that is not negative, else what is given for it (OVS: smap_get_uint). */
function numberOf(root: Row, key: string, given: number): number {
  const text = root.option('other_config', key);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : given;
}

/**
 * Options of the flow cache: what Open_vSwitch other_config says, else what the switch was opened with, else OVS's defaults
 * (ovs-vswitchd.conf.db(5): flow-limit, max-idle, max-revalidator, min-revalidate-pps), and check-soundness.
 */
export function flowOptions(
  root: Row,
  given: Pick<SwitchOptions, 'flowLimit' | 'policy' | 'checkSoundness'>,
): FlowOptions {
  const policy = { ...DEFAULT_POLICY, ...given.policy };
  const maxRevalidator = numberOf(root, 'max-revalidator', policy.maxRevalidator);
  const minRevalidatePps = numberOf(root, 'min-revalidate-pps', policy.minRevalidatePps);
  return {
    checkSoundness: numberOf(root, 'check-soundness', given.checkSoundness ?? 0),
    flowLimit: numberOf(root, 'flow-limit', given.flowLimit ?? FLOW_LIMIT_MAX),
    policy: {
      maxIdle: numberOf(root, 'max-idle', policy.maxIdle),
      maxRevalidator: maxRevalidator < MIN_REVALIDATOR_MS ? policy.maxRevalidator : maxRevalidator,
      // No packet a second is as good as one.
      minRevalidatePps: Math.max(minRevalidatePps, 1),
    },
  };
}
