import type { Row } from '../config/index.js';
import {
  DEFAULT_POLICY,
  type RevalidatePolicy,
  type Revalidator,
  type SoundnessCheck,
} from '../revalidate/index.js';
import { FLOW_LIMIT_MAX, type FlowLimit } from '../ukey/index.js';

/** A pause between rounds below this is not taken, as in OVS (ofproto_set_max_revalidator). */
const MIN_REVALIDATOR_MS = 100;

/** What the flow cache goes by, and what is given for it besides the configuration. */
export interface FlowOptions {
  /** Most flows that may be installed (flow-limit). */
  readonly flowLimit: number;
  readonly policy: RevalidatePolicy;
  /** One of so many installed flows is checked; 0: none (check-soundness, which OVS does not have). */
  readonly checkSoundness: number;
}

/** What Switch.open was told of it; the configuration goes before. */
export interface GivenFlowOptions {
  readonly flowLimit?: number;
  readonly policy?: Partial<RevalidatePolicy>;
  readonly checkSoundness?: number;
}

/** Has limit, revalidator and check go by what was given and by the configuration, whichever of them changes. */
export class FlowOptionsInForce {
  readonly limit: FlowLimit;
  readonly #revalidator: Revalidator;
  readonly #soundness: SoundnessCheck;
  #given: GivenFlowOptions;
  #root: Row | null = null;

  constructor(
    limit: FlowLimit,
    revalidator: Revalidator,
    soundness: SoundnessCheck,
    given: GivenFlowOptions,
  ) {
    this.limit = limit;
    this.#revalidator = revalidator;
    this.#soundness = soundness;
    this.#given = given;
  }

  /** `root`: the Open_vSwitch record. */
  configure(root: Row): void {
    this.#root = root;
    this.#apply();
  }

  /** Other limits; those that are left out become defaults. */
  give({ flowLimit, policy }: GivenFlowOptions): void {
    this.#given = {
      checkSoundness: this.#given.checkSoundness ?? 0,
      ...(flowLimit === undefined ? {} : { flowLimit }),
      ...(policy === undefined ? {} : { policy }),
    };
    this.#apply();
  }

  #apply(): void {
    const { flowLimit, policy, checkSoundness } = flowOptions(this.#root, this.#given);
    this.#soundness.every = checkSoundness;
    this.limit.max = flowLimit;
    this.#revalidator.setPolicy(policy);
  }
}

/** A number that is not negative, else what is given for it (OVS: smap_get_uint). */
function numberOf(root: Row | null, key: string, given: number): number {
  const text = root?.option('other_config', key);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : given;
}

/**
 * Options of the flow cache: what Open_vSwitch other_config says, else what the switch was opened with, else OVS's defaults
 * (ovs-vswitchd.conf.db(5): flow-limit, max-idle, max-revalidator, min-revalidate-pps), and check-soundness.
 */
export function flowOptions(root: Row | null, given: GivenFlowOptions): FlowOptions {
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
