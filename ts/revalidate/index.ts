export { ChangeLog } from './changes.js';
export { type RevalidateCounters, REVALIDATE_COUNTER_HELP } from './counters.js';
export { DEFAULT_POLICY, type RevalidatePolicy, termsOf, worthTranslating } from './policy.js';
export { Revalidator, type RevalidatorContext } from './revalidator.js';
