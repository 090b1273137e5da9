import { F_METADATA, F_TUN_ID, F_TUN_OPTS_LEN, FLOW_END_L4, FLOW_WORDS } from '../fields/index.js';
import type { Action } from '../openflow/index.js';
import { ValueStack } from './value-stack.js';

/** The action set: what write_actions gathered. */
export class ActionSet {
  readonly actions: Action[] = [];
  /** Actions in it; the array keeps more. */
  length = 0;
  hasGroup = false;

  clear(): void {
    this.length = 0;
    this.hasGroup = false;
  }

  add(action: Action): void {
    this.actions[this.length++] = action;
  }

  copyFrom(other: ActionSet): void {
    for (let i = 0; i < other.length; i++) this.actions[i] = other.actions[i];
    this.length = other.length;
    this.hasGroup = other.hasGroup;
  }
}

/** What of a pass a scope keeps and puts back. */
interface Kept {
  readonly flow: Int32Array;
  readonly base: Int32Array;
  readonly stack: ValueStack;
  readonly actionSet: ActionSet;
  changed: boolean;
  tunnelCommitted: boolean;
  conntracked: boolean;
  wasMpls: boolean;
  pendingEncap: boolean;
  pendingDecap: boolean;
  readonly commits: number;
}

function copyRow(from: Int32Array, to: Int32Array): void {
  for (let w = 0; w < FLOW_END_L4; w++) to[w] = from[w];
  // Tunnel options are a third of a row and hardly ever there.
  if ((from[F_TUN_OPTS_LEN] | to[F_TUN_OPTS_LEN]) !== 0) {
    for (let w = FLOW_END_L4; w < FLOW_WORDS; w++) to[w] = from[w];
  }
}

/**
 * Room for what a bucket, a clone, a branch or another bridge must not change for what comes after it. Scopes are kept and
 * used again, one for each level of nesting.
 */
export class Scope {
  private readonly flow = new Int32Array(FLOW_WORDS);
  private readonly base = new Int32Array(FLOW_WORDS);
  private readonly tunnelMask = new Int32Array(F_METADATA - F_TUN_ID);
  private readonly optionsMask = new Int32Array(FLOW_WORDS - F_TUN_OPTS_LEN);
  private readonly stack = new ValueStack();
  private readonly actionSet = new ActionSet();
  /** The executed form of an action set, for the scope's user. */
  readonly list: Action[] = [];
  private changed = false;
  private tunnelCommitted = false;
  private conntracked = false;
  private wasMpls = false;
  private pendingEncap = false;
  private pendingDecap = false;
  private commits = 0;

  keepFlow(pass: Kept): void {
    copyRow(pass.flow, this.flow);
    this.pendingEncap = pass.pendingEncap;
    this.pendingDecap = pass.pendingDecap;
    this.commits = pass.commits;
  }

  /** What encap and decap left to do in the scope is nobody's business outside (OVS does it there); what they had before is done by the first commit. */
  restoreFlow(pass: Kept): void {
    copyRow(this.flow, pass.flow);
    const isDone = pass.commits !== this.commits;
    pass.pendingEncap = this.pendingEncap && !isDone;
    pass.pendingDecap = this.pendingDecap && !isDone;
  }

  /** Keeps what the datapath's packet looks like. */
  keepBase(pass: Kept): void {
    this.changed = pass.changed;
    this.tunnelCommitted = pass.tunnelCommitted;
    if (pass.changed || pass.tunnelCommitted) copyRow(pass.base, this.base);
  }

  restoreBase(pass: Kept): void {
    pass.changed = this.changed;
    pass.tunnelCommitted = this.tunnelCommitted;
    if (this.changed || this.tunnelCommitted) copyRow(this.base, pass.base);
  }

  keepTracking(pass: Kept): void {
    this.conntracked = pass.conntracked;
    this.wasMpls = pass.wasMpls;
  }

  restoreTracking(pass: Kept): void {
    pass.conntracked = this.conntracked;
    pass.wasMpls = this.wasMpls;
  }

  /** Keeps the bits of a mask that are about tunnels, and clears them. */
  keepTunnelMask(mask: Int32Array): void {
    for (let w = F_TUN_ID; w < F_METADATA; w++) {
      this.tunnelMask[w - F_TUN_ID] = mask[w];
      mask[w] = 0;
    }
  }

  restoreTunnelMask(mask: Int32Array): void {
    for (let w = F_TUN_ID; w < F_METADATA; w++) mask[w] = this.tunnelMask[w - F_TUN_ID];
  }

  /** Likewise its bits that are about tunnel options. */
  keepOptionsMask(mask: Int32Array): void {
    for (let w = F_TUN_OPTS_LEN; w < FLOW_WORDS; w++) {
      this.optionsMask[w - F_TUN_OPTS_LEN] = mask[w];
      mask[w] = 0;
    }
  }

  restoreOptionsMask(mask: Int32Array): void {
    for (let w = F_TUN_OPTS_LEN; w < FLOW_WORDS; w++) mask[w] = this.optionsMask[w - F_TUN_OPTS_LEN];
  }

  keepSets(pass: Kept): void {
    this.stack.copyFrom(pass.stack);
    this.actionSet.copyFrom(pass.actionSet);
  }

  restoreSets(pass: Kept): void {
    pass.stack.copyFrom(this.stack);
    pass.actionSet.copyFrom(this.actionSet);
  }
}
