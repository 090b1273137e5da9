import { F_IN_PORT, F_NW_FRAG, F_TP_DST, F_TP_SRC } from '../fields/index.js';
import { type Action, OFPP_NORMAL, type Rule } from '../openflow/index.js';
import { perform } from './actions.js';
import { reportTable } from './effects.js';
import { FRAME_BUCKET, FRAME_DEEPENS, FRAME_LAST, FRAME_TABLE, FrameStack, MAX_RESUBMITS } from './frames.js';
import { freezeRest } from './freeze.js';
import { forgetMirrors } from './mirror-reset.js';
import { recircForMpls } from './mpls.js';
import { INTERNAL_TABLE } from './bond-recirc.js';
import { FRAGMENT_RULE, PACKET_IN_RULE, TABLES } from './miss.js';
import { errorNumber, type Pass, type Pipeline } from './pass.js';
import { NW_FRAG_ANY } from './protocols.js';
import { tableTag } from './trail.js';
import { hasTuple, swapTuple } from './tuple.js';
import { STACK_BYTES_MAX } from './value-stack.js';

/** How often a packet may go back to a table it passed, nested (OVS: MAX_DEPTH). */
const MAX_DEPTH = 64;
/** Actions that one packet may cause. OVS has no such limit, and nested groups keep it busy for ever. */
const MAX_WORK = 1 << 19;
/** Bytes of actions beyond which no table is entered any more (OVS: UINT16_MAX). */
const MAX_ACTIONS_BYTES = 0xffff;

const TOO_DEEP = errorNumber('too_deep');
const TOO_MANY_RESUBMITS = errorNumber('too_many_resubmits');
const STACK_TOO_DEEP = errorNumber('stack_too_deep');
const TOO_LONG = errorNumber('actions_too_long');

/** What a standalone bridge does with packets that no rule of table 0 matches. Not a rule of anybody's, so not credited. */
const STANDALONE: readonly Action[] = [{ type: 'output', port: OFPP_NORMAL, maxLen: 0 }];
const NOTHING: readonly Action[] = [];

/** Does action lists, on a stack of its own for the rules that they enter. */
export class FramePipeline implements Pipeline {
  readonly frames = new FrameStack();
  private readonly pass: Pass;
  actions: readonly Action[] = NOTHING;

  constructor(pass: Pass) {
    this.pass = pass;
  }

  clear(): void {
    this.frames.clear();
  }

  execute(actions: readonly Action[], size: number, flags: number, from = 0): void {
    const { frames, pass } = this;
    if (from >= size) {
      if (pass.tracer !== null) pass.tracer.drop();
      return;
    }
    const floor = frames.length;
    if (frames.full) {
      pass.fail(TOO_DEEP, 'too many action lists are nested, packet dropped');
      return;
    }
    const { inBucket } = pass;
    pass.inBucket = (flags & FRAME_BUCKET) !== 0;
    frames.push(actions, size, pass.rule, pass.cookieHigh, pass.cookieLow, pass.table, flags, from);
    this.run(floor);
    pass.inBucket = inBucket;
  }

  checkResources(): boolean {
    const { pass } = this;
    if (pass.depth >= MAX_DEPTH) {
      pass.fail(TOO_DEEP, `over max translation depth ${MAX_DEPTH}`);
    } else if (pass.resubmits >= MAX_RESUBMITS) {
      pass.fail(TOO_MANY_RESUBMITS, `over ${MAX_RESUBMITS} resubmit actions`);
    } else if (pass.writer.length > MAX_ACTIONS_BYTES) {
      pass.note('resubmits yielded over 64 kB of actions', 'error');
      pass.exit = true;
    } else if (pass.stack.bytes >= STACK_BYTES_MAX) {
      pass.fail(STACK_TOO_DEEP, 'resubmits yielded over 64 kB of stack');
    } else {
      return true;
    }
    return false;
  }

  lookup(inPort: number, table: number, mayPacketIn: boolean, honorTableMiss: boolean): Rule | null {
    const { pass } = this;
    pass.table = table;
    const found = this.match(inPort, table);
    const rule = found ?? this.miss(inPort, mayPacketIn, honorTableMiss);
    if (pass.tracer !== null) {
      pass.tracer.table(pass.table, rule);
      pass.bridge.policies?.get(pass.table)?.explain(pass.tracer);
    }
    if (rule !== null) {
      if (rule === FRAGMENT_RULE) reportTable(pass, pass.table, true);
      else if (rule !== PACKET_IN_RULE) pass.credit(rule);
      this.actions = rule.actions;
    } else {
      this.actions = table === 0 && pass.bridge.failMode === 'standalone' ? STANDALONE : NOTHING;
    }
    return rule;
  }

  /**
   * Nothing matched in `pass.table`: the rule of a table behind it, where the tables go on to one another, or one that stands for what else
   * becomes of the packet (OVS: the end of rule_dpif_lookup_from_table). Null to drop it.
   */
  private miss(inPort: number, mayPacketIn: boolean, honorTableMiss: boolean): Rule | null {
    const { pass } = this;
    const { tableMiss, ports } = pass.bridge;
    if (pass.table < TABLES) reportTable(pass, pass.table, false);
    if (tableMiss === undefined || !honorTableMiss || pass.table >= TABLES) return null;
    while (tableMiss.get(pass.table) === 'continue' && pass.table < TABLES - 1) {
      const rule = this.match(inPort, ++pass.table);
      if (rule !== null) return rule;
      reportTable(pass, pass.table, false);
    }
    const config = tableMiss.get(pass.table);
    if (!mayPacketIn || config === undefined || config === 'drop') return null;
    const port = ports.get(pass.flow[F_IN_PORT]);
    return port === undefined || port.noPacketIn ? null : PACKET_IN_RULE;
  }

  /** Does what is on the stack above `floor`. */
  private run(floor: number): void {
    const { frames, pass } = this;
    while (frames.length > floor) {
      const action = frames.next();
      if (action === null || pass.error !== 0) {
        this.leave();
        continue;
      }
      if (pass.wasMpls && !pass.exit) recircForMpls(pass, action);
      if (pass.exit) {
        if (pass.freezing) freezeRest(pass, frames.actions, frames.position - 1, frames.size);
        frames.skipRest();
        continue;
      }
      this.step(action);
    }
  }

  /** Does the next action of the innermost list. */
  private step(action: Action): void {
    const { frames, pass } = this;
    if (pass.tracer !== null) pass.tracer.action(action);
    if (++pass.work > MAX_WORK || pass.writer.overflowed) {
      pass.fail(TOO_LONG, 'too much to do for one packet, packet dropped');
      return;
    }
    pass.last =
      frames.position === frames.size && pass.actionSet.length === 0 && (frames.flags & FRAME_LAST) !== 0;
    if (pass.mirrors !== 0) forgetMirrors(pass, action);
    switch (perform(pass, action)) {
      case 'continue':
        if (pass.exit) this.freezeFrom(frames.position - 1);
        break;
      case 'stop':
        frames.skipRest();
        break;
      case 'frozen':
        this.freezeFrom(frames.position);
        break;
      case 'table':
        this.enter(action.type !== 'resubmit');
        break;
      case 'relabel':
        frames.relabel(pass.table, pass.cookieHigh, pass.cookieLow);
        break;
    }
  }

  /** The action at `from` and those behind it are to be done after the recirculation, unless inner ones said so already. */
  private freezeFrom(from: number): void {
    const { frames, pass } = this;
    if (pass.error !== 0 || !pass.exit || !pass.freezing || pass.frozen.length !== 0) return;
    freezeRest(pass, frames.actions, from, frames.size);
    frames.skipRest();
  }

  /**
   * A resubmit, goto or output to TABLE: looks the table up and enters the rule that matches. `again`: when headers must be looked at
   * again first, the action is done again after that.
   */
  private enter(again: boolean): void {
    const { frames, pass } = this;
    if (pass.wasMpls) {
      pass.freeze();
      if (again) this.freezeFrom(frames.position - 1);
      return;
    }
    if (!this.checkResources()) return;
    const from = pass.table;
    const table = pass.nextTable;
    if (pass.nextWithCt) {
      if (!hasTuple(pass)) return;
      swapTuple(pass);
    }
    const rule = this.lookup(pass.nextInPort, table, pass.nextMayPacketIn, pass.nextHonorTableMiss);
    if (pass.nextWithCt) swapTuple(pass);
    pass.resubmits++;
    const { actions } = this;
    if (actions.length === 0) {
      pass.table = from;
      if (pass.tracer !== null) {
        pass.tracer.drop();
        pass.tracer.leave();
      }
      return;
    }
    let bits = pass.last ? FRAME_TABLE | FRAME_LAST : FRAME_TABLE;
    if (table <= from) {
      bits |= FRAME_DEEPENS;
      pass.depth++;
    }
    if (rule !== null) {
      pass.rule = rule;
      pass.cookieHigh = rule.cookieHigh;
      pass.cookieLow = rule.cookieLow;
    }
    pass.inBucket = false;
    frames.push(actions, actions.length, rule, pass.cookieHigh, pass.cookieLow, pass.table, bits);
  }

  /** Leaves the innermost list; the one around it goes on. */
  private leave(): void {
    const { frames, pass } = this;
    const flags = frames.pop();
    if ((flags & FRAME_DEEPENS) !== 0) pass.depth--;
    if ((flags & FRAME_TABLE) !== 0 && pass.tracer !== null) pass.tracer.leave();
    if (frames.length === 0) return;
    pass.rule = frames.rule;
    pass.cookieHigh = frames.cookieHigh;
    pass.cookieLow = frames.cookieLow;
    pass.table = frames.table;
    pass.inBucket = (frames.flags & FRAME_BUCKET) !== 0;
  }

  /** The rule of one table, or what a policy decides there. Fragments have no ports there, unless the bridge wants it otherwise (OVS: frag_handling). */
  private match(inPort: number, table: number): Rule | null {
    const { flow, mask, bridge, thawed, trail } = this.pass;
    const view = table === INTERNAL_TABLE ? thawed?.bond : bridge.tables[table];
    const policy = bridge.policies?.get(table);
    if (policy === undefined && (view === undefined || view === null)) {
      if (trail !== null) trail.table(tableTag(bridge, table), flow, this.pass.nextWithCt);
      return null;
    }
    const isFragment = (flow[F_NW_FRAG] & NW_FRAG_ANY) !== 0;
    if (isFragment && bridge.fragments === 'drop') return FRAGMENT_RULE;
    const realPort = flow[F_IN_PORT];
    const source = flow[F_TP_SRC];
    const destination = flow[F_TP_DST];
    flow[F_IN_PORT] = inPort;
    if (isFragment && bridge.fragments !== 'nx-match') {
      flow[F_TP_SRC] = 0;
      flow[F_TP_DST] = 0;
    }
    if (trail !== null) trail.table(tableTag(bridge, table), flow, this.pass.nextWithCt);
    const rule = policy === undefined ? view!.lookup(flow, 0, mask, 0) : policy.decide(this.pass);
    flow[F_IN_PORT] = realPort;
    flow[F_TP_SRC] = source;
    flow[F_TP_DST] = destination;
    return rule;
  }
}
