import type { BundleAlgorithm, MultipathAlgorithm, MultipathFields } from './types.js';

/** Length that sends whole packets to the controller. */
export const MAX_LEN_ALL = 0xffff;
/** Table number of resubmit that means the current one. */
export const TABLE_CURRENT = 255;
/** Highest table of the pipeline that OpenFlow can name. */
export const TABLE_LAST = 254;

/** Reasons of a packet-in (OpenFlow 1.4, OFPR_*), by number. */
export const REASONS = ['no_match', 'action', 'invalid_ttl', 'action_set', 'group', 'packet_out'] as const;
export const REASON_ACTION = 1;

/** Groups with a higher number are reserved (OFPG_MAX). */
export const GROUP_MAX = 0xffffff00;
/** "Any group" of selections, "none" of a bucket's watch_group (OFPG_ANY). */
export const GROUP_ANY = 0xffffffff;
/** "All groups" of deletions (OFPG_ALL). */
export const GROUP_ALL = 0xfffffffc;
/** Meters with a higher number are virtual (OFPM_MAX). */
export const METER_MAX = 0xffff0000;
/** Meters that OpenFlow names: slow path, controller, all. */
export const METER_SLOWPATH = 0xfffffffd;
export const METER_CONTROLLER = 0xfffffffe;
export const METER_ALL = 0xffffffff;

/** Which fields a multipath or bundle action hashes. */
export const HASH_FIELDS: readonly MultipathFields[] = [
  'eth_src',
  'symmetric_l4',
  'symmetric_l3l4',
  'symmetric_l3l4+udp',
  'nw_src',
  'nw_dst',
  'symmetric_l3',
];
export const MULTIPATH_ALGORITHMS: readonly MultipathAlgorithm[] = [
  'modulo_n',
  'hash_threshold',
  'hrw',
  'iter_hash',
];
export const BUNDLE_ALGORITHMS: readonly BundleAlgorithm[] = ['active_backup', 'hrw'];
