/** What a packet of a slow-path flow needs, in the words of ofproto/trace; by bit of SLOW_*. */
export const SLOW_REASONS: readonly string[] = [
  'Consists of CFM packets',
  'Consists of BFD packets',
  'Consists of LACP packets',
  'Consists of STP packets',
  'Consists of LLDP packets',
  'Uses action(s) not supported by datapath',
  "Datapath can't match specifically enough",
];

/** The reasons of a set of SLOW_* bits. */
export function slowReasons(slow: number): string[] {
  return SLOW_REASONS.filter((_, bit) => (slow & (1 << bit)) !== 0);
}

/** Why a translation failed, by name in XLATE_ERRORS, in the words of ofproto/trace. */
const ERRORS: Readonly<Record<string, string>> = {
  no_bridge: 'Bridge not found',
  too_deep: 'Recursion too deep',
  too_many_resubmits: 'Too many resubmits',
  stack_too_deep: 'Stack too deep',
  no_recirculation_context: 'No recirculation context',
  recirculation_conflict: 'Recirculation conflict',
  too_many_mpls_labels: 'Too many MPLS labels',
  invalid_tunnel: 'Invalid tunnel metadata',
  unsupported_packet_type: 'Unsupported packet type',
  congestion_drop: 'ECN mismatch on tunnel decapsulation',
  forwarding_disabled: 'Forwarding is disabled on port',
};

/** The line that tells of a failed translation. */
export function translationError(error: string): string {
  const reason = Object.hasOwn(ERRORS, error) ? ERRORS[error] : error.replaceAll('_', ' ');
  return `Translation failed (${reason}), packet is dropped.`;
}
