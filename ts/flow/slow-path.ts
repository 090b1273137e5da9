/** Names of OVS's slow path reasons; index = bit number of SLOW_* in ../xlate. */
export const SLOW_PATH_REASONS = ['cfm', 'bfd', 'lacp', 'stp', 'lldp', 'action', 'match'] as const;
