import {
  F_IN_PORT,
  F_METADATA,
  F_NW_FRAG,
  F_RECIRC_ID,
  F_REG0,
  F_TP_DST,
  F_TP_SRC,
} from '../fields/index.js';
import { type Action, type Rule, OFPP_NONE, OFPP_NORMAL } from '../openflow/index.js';
import { perform } from './actions.js';
import { inputBundle, isMirrorOutput } from './bundle-ports.js';
import { FrameStack, MAX_RESUBMITS } from './frames.js';
import { mirrorIngress } from './mirror.js';
import { outputToPort } from './output.js';
import { errorNumber, Pass } from './pass.js';
import { NW_FRAG_ANY } from './protocols.js';
import type { PacketView } from './packet-view.js';
import type { Tracer } from './trace.js';
import type { FrozenState, Snapshot, Translation, XBridge } from './types.js';
import { beginWildcards, finishWildcards } from './wildcards.js';

/** How often a packet may go back to a table it passed, nested (OVS: MAX_DEPTH). */
const MAX_DEPTH = 64;

const TOO_DEEP = errorNumber('too_deep');
const TOO_MANY_RESUBMITS = errorNumber('too_many_resubmits');
const NO_BRIDGE = errorNumber('no_bridge');
const NO_CONTEXT = errorNumber('no_recirculation_context');
const TOO_LONG = errorNumber('actions_too_long');

/** What a standalone bridge does with packets that no rule of table 0 matches. Not a rule of anybody's, so not credited. */
const STANDALONE: readonly Action[] = [{ type: 'output', port: OFPP_NORMAL, maxLen: 0 }];

/**
 * Takes packets through a bridge's flow tables and finds out what the datapath must do with them and with all that look alike.
 * Pure: reads the snapshot and the key, changes neither, and reports what should happen besides as effects. Allocates
 * nothing for packets that are output, dropped, flooded or forwarded as NORMAL. One translator does one packet at a time; make one for
 * each thread.
 */
export class Translator {
  private readonly pass = new Pass();
  private readonly frames = new FrameStack();
  /** Nesting of tables visited backwards, and rules entered, of the packet at hand. */
  private depth = 0;
  private resubmits = 0;

  /** Is told each step; null (as it is at first) for none. */
  get tracer(): Tracer | null {
    return this.pass.tracer;
  }

  set tracer(tracer: Tracer | null) {
    this.pass.tracer = tracer;
  }

  /** The packet of the last translation as the pipeline left it, FLOW_WORDS words; in_port is the OpenFlow port. */
  get finalFlow(): Int32Array {
    return this.pass.flow;
  }

  /** Says in cookies that their packets are not to reach a controller, as traces do (OVS: without side effects). */
  set dontSend(dontSend: boolean) {
    this.pass.dontSend = dontSend;
  }

  /**
   * Translates the packet whose flow key from the datapath is `keys[base … base + FLOW_WORDS)`. The answer is overwritten by the next
   * call. Never throws: what goes wrong is in `error`, and the packet drops.
   */
  translate(snapshot: Snapshot, keys: Int32Array, base: number, packet?: PacketView | null): Translation {
    const odpPort = keys[base + F_IN_PORT];
    const port = snapshot.portsByOdp[odpPort] ?? null;
    this.pass.begin(snapshot, keys, base, odpPort, port?.bridge ?? null, port?.ofport ?? OFPP_NONE);
    this.pass.packet = packet ?? null;
    if (port !== null) return this.run(keys, base);
    this.unknownPort(odpPort);
    return this.pass;
  }

  /**
   * As translate, for a packet that is in a bridge without having come by a datapath port: `ofport` is the OpenFlow port that it is to
   * have come by, OFPP_NONE for none. For traces, and for packets that a controller sends out.
   */
  translateAt(
    snapshot: Snapshot,
    bridge: XBridge,
    ofport: number,
    keys: Int32Array,
    base: number,
  ): Translation {
    const odpPort = bridge.ports.get(ofport)?.odpPort ?? -1;
    this.pass.begin(snapshot, keys, base, odpPort, bridge, ofport);
    return this.run(keys, base);
  }

  /** Takes the packet that `pass` has through the tables. */
  private run(keys: Int32Array, base: number): Translation {
    const { pass } = this;
    this.frames.clear();
    this.depth = 0;
    this.resubmits = 0;
    beginWildcards(pass.flow, pass.mask, pass.snapshot.support.recirc);
    this.start(keys[base + F_RECIRC_ID]);
    while (!this.frames.empty && pass.error === 0) this.step();
    if (pass.writer.overflowed && pass.error === 0) {
      pass.error = TOO_LONG;
      pass.note('more actions than a netlink attribute holds, packet dropped');
    }
    finishWildcards(keys, base, pass.mask);
    return pass;
  }

  /** Any packet from a port of no bridge drops, whatever else it has: one flow for all of them. */
  private unknownPort(odpPort: number): void {
    const { pass } = this;
    pass.mask.fill(0);
    pass.mask[F_IN_PORT] = -1;
    if (pass.snapshot.support.recirc) pass.mask[F_RECIRC_ID] = -1;
    pass.error = NO_BRIDGE;
    if (pass.tracer !== null) pass.note(`datapath port ${odpPort} belongs to no bridge, packet dropped`);
  }

  private start(recircId: number): void {
    if (recircId === 0) {
      this.lookup(this.pass.flow[F_IN_PORT], 0, false);
      return;
    }
    const state = this.pass.snapshot.recirc.lookup(recircId);
    if (state === undefined) {
      this.pass.error = NO_CONTEXT;
      this.pass.note('unknown recirculation id, packet dropped');
    } else {
      this.thaw(state);
    }
  }

  /** Goes on where the packet's pipeline stopped before it was recirculated. */
  private thaw(state: FrozenState): void {
    const { pass } = this;
    const { flow } = pass;
    pass.bridge = state.bridge;
    flow[F_IN_PORT] = state.inPort;
    flow[F_METADATA] = state.metadataHigh;
    flow[F_METADATA + 1] = state.metadataLow;
    for (let i = 0; i < 16; i++) flow[F_REG0 + i] = state.registers[i];
    this.lookup(state.inPort, state.table, false);
  }

  /** Does the next action of the innermost rule, or leaves it. */
  private step(): void {
    const { frames, pass } = this;
    const action = frames.next();
    if (action === null) {
      this.depth -= frames.pop();
      return;
    }
    pass.rule = frames.rule;
    pass.table = frames.table;
    pass.nesting = frames.length - 1;
    if (pass.tracer !== null) pass.tracer.action(action, pass.nesting);
    switch (perform(pass, action)) {
      case 'continue':
        break;
      case 'stop':
        frames.skipRest();
        break;
      case 'table':
        this.enter(pass.nextInPort, pass.nextTable);
        break;
    }
  }

  /** A resubmit or goto: looks `table` up, within the limits that keep a packet from going round for ever. */
  private enter(inPort: number, table: number): void {
    const { pass } = this;
    if (this.depth >= MAX_DEPTH) {
      pass.error = TOO_DEEP;
      pass.note(`over max translation depth ${MAX_DEPTH}, packet dropped`);
    } else if (this.resubmits >= MAX_RESUBMITS) {
      pass.error = TOO_MANY_RESUBMITS;
      pass.note(`over ${MAX_RESUBMITS} resubmit actions, packet dropped`);
    } else {
      this.resubmits++;
      this.lookup(inPort, table, table <= pass.table);
    }
  }

  /** Looks the packet up in `table` as if it had come from `inPort`, and enters the rule that matches. */
  private lookup(inPort: number, table: number, deepens: boolean): void {
    const { pass, frames } = this;
    const rule = this.match(inPort, table);
    if (pass.tracer !== null) pass.tracer.lookup(table, rule, frames.length);
    if (rule !== null) pass.credit(rule);
    if (frames.empty && !this.mayBegin()) return;
    if (rule !== null) {
      this.push(rule.actions, rule, table, deepens);
    } else if (table === 0 && pass.bridge.failMode === 'standalone') {
      this.push(STANDALONE, null, table, deepens);
    }
  }

  /** Before the first action: mirrors get the packet as it came. Nothing is taken from a mirror's output. */
  private mayBegin(): boolean {
    const { pass } = this;
    const bundle = inputBundle(pass);
    if (bundle !== null && isMirrorOutput(pass.bridge, bundle)) {
      pass.note(
        `dropping packet received on port ${bundle.name}, which is reserved exclusively for mirroring`,
      );
      return false;
    }
    mirrorIngress(pass, outputToPort);
    return true;
  }

  private push(actions: readonly Action[], rule: Rule | null, table: number, deepens: boolean): void {
    if (actions.length === 0) return;
    this.frames.push(actions, rule, table, deepens);
    if (deepens) this.depth++;
  }

  /** The rule of one table. Fragments have no ports there (OVS's default frag_handling, "normal"). */
  private match(inPort: number, table: number): Rule | null {
    const { flow, mask, bridge } = this.pass;
    const view = bridge.tables[table];
    if (view === undefined) return null;
    const realPort = flow[F_IN_PORT];
    const source = flow[F_TP_SRC];
    const destination = flow[F_TP_DST];
    flow[F_IN_PORT] = inPort;
    if ((flow[F_NW_FRAG] & NW_FRAG_ANY) !== 0) {
      flow[F_TP_SRC] = 0;
      flow[F_TP_DST] = 0;
    }
    const rule = view.lookup(flow, 0, mask, 0);
    flow[F_IN_PORT] = realPort;
    flow[F_TP_SRC] = source;
    flow[F_TP_DST] = destination;
    return rule;
  }
}
