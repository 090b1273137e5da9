import { GROUP_ANY } from './constants.js';
import { type FlowMod, TABLE_ALL } from './flow-mod.js';
import type { GroupTable } from './group-table.js';
import type { MeterTable } from './meter-table.js';
import { toFlowSpec } from './parse-flow.js';
import { flattened, outputsToGroup, outputsToPort, usesMeter } from './references.js';
import { TableError } from './table-errors.js';
import {
  type Action,
  FLOW_RESET_COUNTS,
  type FlowMatch,
  type FlowSpec,
  OFPP_NONE,
  type Rule,
} from './types.js';

/** Flow tables as this module needs them; the FlowTables of the classifier are such. */
export interface FlowTarget {
  /** Adds a flow, or puts it in the place of the one with the same match and priority. */
  add(
    flow: FlowSpec,
  ):
    | { readonly outcome: 'added'; readonly rule: Rule }
    | { readonly outcome: 'replaced'; readonly rule: Rule; readonly old: Rule }
    | { readonly outcome: 'overlap'; readonly with: Rule };
  /** The rules with exactly this match and priority (strict), or with this match or a narrower one. */
  select(selection: {
    readonly table: number;
    readonly match: FlowMatch;
    readonly strictPriority?: number;
  }): Rule[];
  /** As select, in no particular order and with pauses; those that are meant. */
  selecting(
    selection: { readonly table: number; readonly match: FlowMatch; readonly strictPriority?: number },
    isMeant: (rule: Rule) => boolean,
  ): Generator<void, Rule[]>;
  /** Puts `rule` in the place of `old`, which has the same table, match and priority; `inherits` its counters, or begins anew. */
  replace(old: Rule, rule: Rule, inherits: boolean): void;
  /** False when it is gone already. */
  remove(rule: Rule): boolean;
}

/** What a change did, in the order it did it. A modified rule is in both lists: its old object and its new one. */
export interface FlowChange {
  readonly added: readonly Rule[];
  readonly removed: readonly Rule[];
}

const NO_CHANGE: FlowChange = { added: [], removed: [] };

/** The table that belongs to the switch itself. */
const HIDDEN_TABLE = 254;

/** Changes flow tables as OpenFlow demands, against the groups and meters that there are. */
export class FlowModder {
  constructor(
    private readonly tables: FlowTarget,
    private readonly groups: GroupTable,
    private readonly meters: MeterTable,
  ) {}

  /** Applies a change. Throws TableError and changes nothing when OpenFlow does not allow it. */
  apply(mod: FlowMod): FlowChange {
    const added: Rule[] = [];
    const removed: Rule[] = [];
    for (const step of this.steps(mod)) {
      for (const rule of step.added) added.push(rule);
      for (const rule of step.removed) removed.push(rule);
    }
    return { added, removed };
  }

  /**
   * As apply, flow by flow, for who has something else to do in between. Which flows are meant is found out in the first steps, in which nothing changes; those
   * that others change or delete until it is their turn are left as they are.
   */
  steps(mod: FlowMod): Iterable<FlowChange> {
    if (mod.table === HIDDEN_TABLE) {
      throw new TableError('OFPBRC_EPERM', `table ${HIDDEN_TABLE} belongs to the switch: expected 0 to 253`);
    }
    switch (mod.command) {
      case 'add':
        return [this.add(mod)];
      case 'modify':
      case 'modify_strict':
        return this.modify(mod);
      default:
        return this.delete(mod);
    }
  }

  /** Deletes the flows that send packets to a group which is gone. */
  deleteByGroup(group: number, everything: FlowMatch): Rule[] {
    return this.deleteWhere(everything, (rule) => outputsToGroup(rule.actions, group));
  }

  /** Deletes the flows that use a meter which is gone. */
  deleteByMeter(meter: number, everything: FlowMatch): Rule[] {
    return this.deleteWhere(everything, (rule) => usesMeter(rule.actions, meter));
  }

  private deleteWhere(match: FlowMatch, isDoomed: (rule: Rule) => boolean): Rule[] {
    const gone = this.tables.select({ table: TABLE_ALL, match }).filter(isDoomed);
    for (const rule of gone) this.tables.remove(rule);
    return gone;
  }

  private add(mod: FlowMod): FlowChange {
    this.checkReferences(mod.actions);
    const result = this.tables.add(toFlowSpec(mod));
    if (result.outcome === 'overlap') {
      throw new TableError(
        'OFPFMFC_OVERLAP',
        `check_overlap: a flow of the same priority ${mod.priority} can match the same packets`,
      );
    }
    return { added: [result.rule], removed: result.outcome === 'replaced' ? [result.old] : [] };
  }

  private *modify(mod: FlowMod): Generator<FlowChange, void> {
    this.checkReferences(mod.actions);
    const meant = yield* this.select(mod);
    if (meant.length === 0 && mod.mayAdd) yield this.add(mod);
    for (const old of meant) {
      if (!this.has(old)) continue;
      const rule = modified(old, mod);
      this.tables.replace(old, rule, (mod.flags & FLOW_RESET_COUNTS) === 0);
      yield { added: [rule], removed: [old] };
    }
  }

  private *delete(mod: FlowMod): Generator<FlowChange, void> {
    const meant = yield* this.select(mod);
    for (const rule of meant) if (this.tables.remove(rule)) yield { added: [], removed: [rule] };
  }

  private has(rule: Rule): boolean {
    const { table, match, priority } = rule;
    return this.tables.select({ table, match, strictPriority: priority })[0] === rule;
  }

  private *select(mod: FlowMod): Generator<FlowChange, Rule[]> {
    const { table, match } = mod;
    const strict = mod.command.endsWith('_strict');
    const steps = this.tables.selecting(
      strict ? { table, match, strictPriority: mod.priority } : { table, match },
      (rule) => isMeant(rule, mod),
    );
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
      yield NO_CHANGE;
    }
  }

  /** A flow may only name groups and meters that there are. */
  private checkReferences(actions: readonly Action[]): void {
    for (const action of flattened(actions)) {
      if (action.type === 'group' && !this.groups.has(action.group)) {
        throw new TableError(
          'OFPBAC_BAD_OUT_GROUP',
          `there is no group ${action.group}: add it before flows that use it`,
        );
      }
      if (action.type === 'meter' && !this.meters.has(action.meter)) {
        throw new TableError(
          'OFPMMFC_INVALID_METER',
          `there is no meter ${action.meter}: add it before flows that use it`,
        );
      }
    }
  }
}

/** A rule with the actions, and if asked for the cookie, of a modification; everything else stays. */
function modified(old: Rule, mod: FlowMod): Rule {
  const rule: Rule = { ...old, actions: mod.actions };
  return mod.setsCookie ? { ...rule, cookieHigh: mod.cookieHigh, cookieLow: mod.cookieLow } : rule;
}

function isMeant(rule: Rule, mod: FlowMod): boolean {
  if (((rule.cookieHigh ^ mod.cookieMatchHigh) & mod.cookieMaskHigh) !== 0) return false;
  if (((rule.cookieLow ^ mod.cookieMatchLow) & mod.cookieMaskLow) !== 0) return false;
  if (mod.outPort !== OFPP_NONE && !outputsToPort(rule.actions, mod.outPort)) return false;
  return mod.outGroup === GROUP_ANY || outputsToGroup(rule.actions, mod.outGroup);
}
