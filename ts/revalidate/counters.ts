import type { DeleteReason } from '../ukey/index.js';

/** What each counter of revalidation means; the keys are the counters. */
export const REVALIDATE_COUNTER_HELP = {
  rounds: 'Revalidation rounds finished',
  interrupted: 'Dumps that the datapath interrupted because its table changed',
  failed: 'Dumps that failed',
  dumped: 'Flows seen in dumps',
  kept: 'Flows found right without another translation',
  translated: 'Flows translated again',
  modified: 'Flows given other actions',
  modify_failures: 'Modifications that the datapath refused; the flow is deleted',
  delete_failures: 'Deletions that the datapath refused although it has the flow',
  unanswered:
    'Modifications and deletions without the flow’s statistics in the answer; what it counted last is lost',
  backwards: 'Flow counters that ran backwards; the flow is counted afresh',
  adopted: 'Flows that an earlier process left and that were taken over',
  checked: 'Installed flows whose soundness was checked',
  unsound: 'Flows that took packets which ought to meet something else; narrower ones took their place',
  missed: 'Flows that a dump did not show although they were installed',
} as const;

export type RevalidateCounterName = keyof typeof REVALIDATE_COUNTER_HELP;
export type RevalidateCounters = { [name in RevalidateCounterName]: number } & {
  /** Flows deleted, by reason. */
  readonly deleted: Partial<Record<DeleteReason, number>>;
};

export function createRevalidateCounters(): RevalidateCounters {
  const counters = Object.fromEntries(Object.keys(REVALIDATE_COUNTER_HELP).map((name) => [name, 0]));
  return { ...counters, deleted: {} } as RevalidateCounters;
}
