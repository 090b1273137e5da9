import { F_ETH_TYPE, F_NSH_CONTEXT, F_NSH_FLAGS, F_NSH_MDTYPE, F_NSH_NP } from '../fields/index.js';
import { writeSetNsh } from './nsh-actions.js';
import type { Pass } from './pass.js';
import { ETH_TYPE_NSH } from './protocols.js';
import { SLOW_ACTION } from './types.js';

const LAST = F_NSH_CONTEXT + 3;

/**
 * set(nsh(…)) when anything differs (OVS: commit_set_nsh_action): writes what was looked at. Metadata type and next protocol cannot be
 * changed.
 */
export function commitNsh(pass: Pass): void {
  const { flow, base, mask, setMask } = pass;
  if (flow[F_ETH_TYPE] !== ETH_TYPE_NSH) return;
  let differs = false;
  for (let w = F_NSH_FLAGS; w <= LAST; w++) if (flow[w] !== base[w]) differs = true;
  if (!differs) return;
  for (let w = F_NSH_FLAGS; w <= LAST; w++) {
    setMask[w] = mask[w];
    base[w] = flow[w];
  }
  setMask[F_NSH_MDTYPE] = 0;
  setMask[F_NSH_NP] = 0;
  writeSetNsh(pass.writer, flow, setMask);
  if (!pass.snapshot.support.setNsh) pass.slow |= SLOW_ACTION;
}
