import type { Action } from '../openflow/index.js';
import type { ActionOf, Outcome } from './handler.js';
import type { Pass } from './pass.js';

/** Freezes the pipeline when `action` needs headers that a pop_mpls uncovered (OVS: recirc_for_mpls). */
export function recircForMpls(_pass: Pass, _action: Action): void {}

export function actPushMpls(_pass: Pass, _action: ActionOf<'push_mpls'>): Outcome {
  return 'continue';
}

export function actPopMpls(_pass: Pass, _action: ActionOf<'pop_mpls'>): Outcome {
  return 'continue';
}

export function actSetMplsLabel(_pass: Pass, _action: ActionOf<'set_mpls_label'>): Outcome {
  return 'continue';
}

export function actSetMplsTc(_pass: Pass, _action: ActionOf<'set_mpls_tc'>): Outcome {
  return 'continue';
}

export function actSetMplsTtl(_pass: Pass, _action: ActionOf<'set_mpls_ttl'>): Outcome {
  return 'continue';
}

export function actDecMplsTtl(_pass: Pass): Outcome {
  return 'continue';
}
