/** What each counter of the upcall path means; the keys are the counters. */
export const UPCALL_COUNTER_HELP = {
  batches: 'Batches of upcalls received',
  upcalls: 'Upcalls received',
  miss: 'Upcalls because no flow matched',
  slow_path: 'Upcalls of flows whose packets must be translated in userspace',
  sflow: 'Packets sampled for sFlow',
  flow_sample: 'Packets sampled by a sample action',
  ipfix: 'Packets sampled for bridge IPFIX',
  controller: 'Packets for controllers',
  bad_no_cookie: 'Userspace actions without a cookie, dropped',
  bad_cookie_size: 'Userspace actions whose cookie has the wrong size, dropped',
  bad_cookie_type: 'Userspace actions whose cookie is of no known type, dropped',
  bad_key: 'Upcalls whose flow key is malformed, dropped',
  unknown_port: 'Misses on a datapath port of no bridge; a drop flow is installed',
  stale_controller_state: 'Packets for controllers whose frozen state is no longer known, dropped',
  xlate_errors: 'Translations that ended with an error; the flow drops',
  duplicates: 'Misses whose flow an earlier miss had put up already, executed without another install',
  installs: 'Flows put into the datapath',
  install_failures: 'Flows that the datapath refused',
  install_overlaps: 'Flows refused because an equal megaflow was there already',
  flow_limit: 'Flows not installed because the flow limit was reached',
  executes: 'Packets sent back to the datapath with their actions',
  execute_failures: 'Packets whose actions the datapath refused',
  drops: 'Packets whose translation has no actions',
  send_failures: 'Operations lost because sending to the datapath failed',
  oversized: 'Operations that no batch can hold, dropped',
} as const;

export type UpcallCounterName = keyof typeof UPCALL_COUNTER_HELP;
export type UpcallCounters = { [name in UpcallCounterName]: number };

export function createUpcallCounters(): UpcallCounters {
  return Object.fromEntries(Object.keys(UPCALL_COUNTER_HELP).map((name) => [name, 0])) as UpcallCounters;
}
