import { F_ETH_TYPE, F_MPLS_LSE0 } from '../fields/index.js';
import { countCommonLabels, countLabels, popLabel, pushLabel } from './mpls-stack.js';
import type { Pass } from './pass.js';
import { isMpls } from './protocols.js';

const ETH_TYPE_MPLS = 0x8847;

/**
 * Makes the label stack of the datapath's packet the flow's (OVS: commit_mpls_action): pops what the two do not share, sets
 * the outermost entry where one takes the place of another, pushes the rest. Under a pending encap the entries go in front of
 * whatever the packet begins with.
 */
export function commitMpls(pass: Pass): void {
  const { flow, base, writer } = pass;
  const want = countLabels(flow, null);
  let have = countLabels(base, null);
  let common = countCommonLabels(flow, want, base, have);
  const type = flow[F_ETH_TYPE];
  while (have > common) {
    if (have - 1 === common && want > common) {
      base[F_MPLS_LSE0] = flow[F_MPLS_LSE0 + want - have];
      writer.setMpls(base, 0);
      // The entry is set whole, so all of the packet's must be known (OVS leaves that out).
      pass.mask[F_MPLS_LSE0] = -1;
      common++;
    } else {
      // Behind a label that is not the last there is another one.
      writer.popMpls(!isMpls(type) && have > 1 ? ETH_TYPE_MPLS : type);
      popLabel(base, have, type, null);
      have--;
    }
  }
  for (; have < want; have++) {
    const entry = flow[F_MPLS_LSE0 + want - have - 1];
    if (pass.pendingEncap) writer.addMpls(entry, type, 0);
    else writer.pushMpls(entry, type);
    pushLabel(base, have, type, null, false);
    base[F_MPLS_LSE0] = entry;
  }
}
