export { ChangeLog } from './changes.js';
export { type RevalidateCounters, REVALIDATE_COUNTER_HELP } from './counters.js';
export {
  DEFAULT_POLICY,
  DELETE,
  deleteVerdict,
  type DumpedFlows,
  judge,
  KEEP,
  type RevalidatePolicy,
  type RoundTerms,
  termsOf,
  TRANSLATE,
} from './policy.js';
export { SoundnessCheck, type SoundnessContext } from './soundness.js';
export { Revalidator, type RevalidatorContext } from './revalidator.js';
