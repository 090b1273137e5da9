import { F_ETH_DST, F_TUN_OPTS_LEN, FLOW_WORDS } from '../fields/index.js';
import type { Action, MatchField } from '../openflow/index.js';
import type { Pass } from './pass.js';
import { prerequisiteHolds } from './prerequisites.js';

/** Whether a packet has a field is looked at here without counting: what changes the field counts. */
const uncounted = new Int32Array(FLOW_WORDS);

/** A field of the packet's headers; others (registers, tunnel, marks) do not leave with it. */
function changesHeader(pass: Pass, field: MatchField): boolean {
  return (
    field.word >= F_ETH_DST &&
    field.word < F_TUN_OPTS_LEN &&
    prerequisiteHolds(field.prerequisite, pass.flow, uncounted)
  );
}

function changesPacket(pass: Pass, action: Action): boolean {
  switch (action.type) {
    case 'push_vlan':
    case 'pop_vlan':
    case 'set_vlan_vid':
    case 'set_vlan_pcp':
    case 'push_mpls':
    case 'pop_mpls':
    case 'set_mpls_label':
    case 'set_mpls_tc':
    case 'set_mpls_ttl':
    case 'dec_mpls_ttl':
    case 'dec_ttl':
    case 'dec_nsh_ttl':
    case 'encap':
    case 'decap':
      return true;
    case 'ct':
      return action.nat !== null;
    case 'set_field':
      return changesHeader(pass, action.field);
    default:
      return false;
  }
}

/**
 * A packet that is changed is another one to mirrors, which get it again when it is output (OVS 3.1.7; 3.1.0 sent it once). As there move and
 * pop change it unnoticed.
 */
export function forgetMirrors(pass: Pass, action: Action): void {
  if (changesPacket(pass, action)) pass.mirrors = 0;
}
