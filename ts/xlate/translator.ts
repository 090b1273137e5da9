import {
  F_ETH_DST,
  F_ETH_TYPE,
  F_IN_PORT,
  F_RECIRC_ID,
  OVS_ACTION_ATTR_CLONE,
  OVS_ACTION_ATTR_OUTPUT,
} from '../fields/index.js';
import { ACTIONS_LIMIT } from '../flow/index.js';
import { type Action, OFPP_NONE } from '../openflow/index.js';
import { addToSet, doActionSet } from './action-set.js';
import { clearConntrack } from './conntrack.js';
import { reportLacp, reportPort } from './effects.js';
import { frameLayer3 } from './encap.js';
import { FRAME_LAST } from './frames.js';
import { finishFreezing, thawFlow } from './freeze.js';
import { inputBundle, isMirrorOutput } from './bundle-ports.js';
import { mirrorIngress } from './mirror.js';
import { markNetflow, reportNetflow } from './netflow.js';
import { outputToPort } from './output.js';
import type { PacketView } from './packet-view.js';
import { errorNumber, Pass } from './pass.js';
import { FramePipeline } from './pipeline.js';
import { fixSampling, sampleIngress } from './sample.js';
import type { Tracer } from './trace.js';
import type { Trail } from './trail.js';
import { acceptsEcn, findInPort } from './tunnel.js';
import { finishOptions } from './tunnel-options.js';
import {
  type FrozenState,
  SLOW_ACTION,
  SLOW_LACP,
  type Snapshot,
  type Translation,
  type XBridge,
  type XPort,
} from './types.js';
import { beginWildcards, finishWildcards } from './wildcards.js';

const NO_BRIDGE = errorNumber('no_bridge');
const NO_CONTEXT = errorNumber('no_recirculation_context');
const TOO_LONG = errorNumber('actions_too_long');
const INVALID_TUNNEL = errorNumber('invalid_tunnel');
const ETH_TYPE_LACP = 0x8809;
/** Linux's default of net.core.netdev_max_backlog, and bytes of an output action. */
const OUTPUTS_MAX = 1000;
const OUTPUT_BYTES = 8;
/** Ethernet type of frames that have a length there, and the address of spanning tree messages. */
const LLC = 0x05ff;
const STP_HIGH = 0x0180;
const STP_LOW = 0xc2000000 | 0;

/**
 * Actions that no message holds, or that queue more packets than Linux can hold for the ports at a time, are done packet by packet (OVS:
 * xlate_actions, too_many_output_actions).
 */
function limitActions(pass: Pass): void {
  if (pass.error !== 0) return;
  const { writer } = pass;
  if (writer.length > ACTIONS_LIMIT || writer.count(OVS_ACTION_ATTR_OUTPUT) > OUTPUTS_MAX) {
    pass.slow |= SLOW_ACTION;
  }
}

/** Whether the packet is a message of LACP to the port that it came by (OVS: process_special). */
function isLacp({ flow, thawed }: Pass, port: XPort): boolean {
  return flow[F_ETH_TYPE] === ETH_TYPE_LACP && thawed === null && (port.bundle?.lacp ?? null) !== null;
}

/** Whether the port takes the packet: STP's messages have a flag of their own (OVS: may_receive). */
function mayReceive({ flow, mask }: Pass, port: XPort): boolean {
  const noRecvStp = port.noRecvStp === true;
  // Ethernet types are always matched, addresses are not.
  if (port.noRecv === noRecvStp || flow[F_ETH_TYPE] !== LLC) return !port.noRecv;
  mask[F_ETH_DST] = 0xffff;
  mask[F_ETH_DST + 1] = -1;
  const isStp = flow[F_ETH_DST] === STP_HIGH && flow[F_ETH_DST + 1] === STP_LOW;
  return isStp ? !noRecvStp : !port.noRecv;
}

/**
 * Takes packets through a bridge's flow tables and finds out what the datapath must do with them and with all that look alike.
 * Pure: reads the snapshot and the key, changes neither, and reports what should happen besides as effects. Allocates
 * nothing for packets that are output, dropped, flooded or forwarded as NORMAL. One translator does one packet at a time; make one for
 * each thread.
 */
export class Translator {
  private readonly pass = new Pass();
  private readonly pipeline = new FramePipeline(this.pass);

  constructor() {
    this.pass.pipeline = this.pipeline;
  }

  /** Is told each step; null (as it is at first) for none. */
  get tracer(): Tracer | null {
    return this.pass.tracer;
  }

  set tracer(tracer: Tracer | null) {
    this.pass.tracer = tracer;
  }

  /** Notes what each translation depends on, for whoever keeps its result; null (as it is at first) for nobody. */
  get trail(): Trail | null {
    return this.pass.trail;
  }

  set trail(trail: Trail | null) {
    this.pass.trail = trail;
  }

  /** The packet of the last translation as the pipeline left it, FLOW_WORDS words; in_port is the OpenFlow port. */
  get finalFlow(): Int32Array {
    return this.pass.flow;
  }

  /** Nothing will be sent: cookies of controller actions say so, and no pipeline waits for a controller. False at first. */
  get dontSend(): boolean {
    return this.pass.dontSend;
  }

  set dontSend(value: boolean) {
    this.pass.dontSend = value;
  }

  /** Packets have as many tags as their keys say, whatever the snapshot's limit. False at first. */
  set allTags(value: boolean) {
    this.pass.allTags = value;
  }

  /**
   * Translates the packet whose flow key from the datapath is `keys[base … base + FLOW_WORDS)`. The answer is overwritten by the next
   * call. Never throws: what goes wrong is in `error`, and the packet drops.
   */
  translate(snapshot: Snapshot, keys: Int32Array, base: number, packet?: PacketView | null): Translation {
    const { pass } = this;
    const odpPort = keys[base + F_IN_PORT];
    const port = findInPort(snapshot, keys, base, odpPort);
    pass.begin(snapshot, keys, base, odpPort, port?.bridge ?? null, port?.ofport ?? OFPP_NONE, port);
    pass.packet = packet ?? null;
    if (port !== null) return this.translateFrom(port, keys, base, false);
    this.unknownPort(odpPort);
    return pass;
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
    packet?: PacketView | null,
  ): Translation {
    const port = bridge.ports.get(ofport) ?? null;
    this.pass.begin(snapshot, keys, base, port?.odpPort ?? -1, bridge, ofport, port);
    this.pass.packet = packet ?? null;
    return this.translateFrom(port, keys, base, true);
  }

  /** As translateAt, for a packet that comes with its actions: it is looked up in no table unless they say so (OFPT_PACKET_OUT). */
  translateActions(
    snapshot: Snapshot,
    bridge: XBridge,
    ofport: number,
    keys: Int32Array,
    base: number,
    actions: readonly Action[],
    packet?: PacketView | null,
  ): Translation {
    this.given = actions;
    try {
      return this.translateAt(snapshot, bridge, ofport, keys, base, packet);
    } finally {
      this.given = null;
    }
  }

  /** Takes the packet that `pass` has through the tables. */
  private translateFrom(port: XPort | null, keys: Int32Array, base: number, asFields: boolean): Translation {
    const { pass } = this;
    this.pipeline.clear();
    if (pass.trail !== null) pass.trail.begin(keys, base, pass.flow[F_IN_PORT]);
    beginWildcards(pass.flow, pass.mask, pass.snapshot.support.recirc);
    const netflow = pass.bridge.sampling?.netflow ?? 0;
    if (netflow !== 0) markNetflow(netflow, pass.flow, pass.mask);
    if (pass.tracer !== null) pass.tracer.bridge(pass.bridge);
    if (pass.invalidOptions) pass.fail(INVALID_TUNNEL, 'Invalid Geneve tunnel metadata');
    else {
      this.start(port, keys[base + F_RECIRC_ID]);
      // A packet that was recirculated has been counted.
      if (netflow !== 0 && pass.error === 0 && pass.thawed === null) reportNetflow(netflow, pass, keys, base);
    }
    if (pass.tracer !== null) pass.tracer.leave();
    if (pass.writer.overflowed && pass.error === 0) {
      pass.fail(TOO_LONG, 'more actions than can be written, packet dropped');
    }
    if (pass.error !== 0) pass.slow = 0;
    // A copy of which the original is not used any more is none.
    else if (pass.cloned) pass.writer.unwrapLast(OVS_ACTION_ATTR_CLONE);
    if (pass.writer.length > OUTPUTS_MAX * OUTPUT_BYTES) limitActions(pass);
    finishWildcards(keys, base, pass.mask);
    finishOptions(keys, base, pass.mask, pass.bridge.tlvMap, asFields);
    return pass;
  }

  /** Any packet from a port of no bridge drops, whatever else it has: one flow for all of them. */
  private unknownPort(odpPort: number): void {
    const { pass } = this;
    if (pass.trail !== null) pass.trail.begin(pass.flow, 0, OFPP_NONE);
    pass.mask.fill(0);
    pass.mask[F_IN_PORT] = -1;
    if (pass.snapshot.support.recirc) pass.mask[F_RECIRC_ID] = -1;
    pass.error = NO_BRIDGE;
    if (pass.tracer !== null) pass.note(`datapath port ${odpPort} belongs to no bridge, packet dropped`);
  }

  private start(port: XPort | null, recircId: number): void {
    const { pass } = this;
    let actions: readonly Action[];
    if (recircId !== 0) {
      const state = pass.snapshot.recirc.lookup(recircId);
      if (state === undefined) {
        pass.fail(NO_CONTEXT, 'Recirculation context not found');
        return;
      }
      actions = this.thaw(state);
    } else {
      if (port !== null) frameLayer3(pass, port);
      if (port !== null && port.tunnel !== null) reportPort(pass, port, true);
      this.inTable = false;
      actions = this.given ?? this.firstLookup(0);
    }
    const bundle = pass.bridge.mirrors.length === 0 ? null : inputBundle(pass);
    // The bond's own messages go to nobody else, whatever rules say.
    if (port !== null && isLacp(pass, port)) {
      pass.slow |= SLOW_LACP;
      reportLacp(pass, port);
    } else if (bundle !== null && isMirrorOutput(pass.bridge, bundle)) {
      pass.note(
        `dropping packet received on port ${bundle.name}, which is reserved exclusively for mirroring`,
        'error',
      );
    } else {
      const sample = pass.thawed === null ? sampleIngress(pass) : -1;
      if (acceptsEcn(pass) && (port === null || mayReceive(pass, port))) this.run(actions);
      if (sample >= 0 && pass.error === 0) fixSampling(pass, sample);
    }
    if (this.inTable && pass.tracer !== null) pass.tracer.leave();
  }

  /** The pipeline began with a lookup, which the tracer was told of. */
  private inTable = false;
  /** What the packet comes with instead of a first lookup; null for none. */
  private given: readonly Action[] | null = null;

  private firstLookup(table: number): readonly Action[] {
    const { pass, pipeline } = this;
    const rule = pipeline.lookup(pass.flow[F_IN_PORT], table, true, true);
    this.inTable = true;
    if (rule !== null) {
      pass.rule = rule;
      pass.cookieHigh = rule.cookieHigh;
      pass.cookieLow = rule.cookieLow;
    }
    return pipeline.actions;
  }

  /** Does the first rule's actions, then the action set; recirculates if either froze. */
  private run(actions: readonly Action[]): void {
    const { pass, pipeline } = this;
    if (pass.bridge.mirrors.length !== 0) mirrorIngress(pass, outputToPort);
    pipeline.execute(actions, actions.length, FRAME_LAST);
    if (pass.error !== 0) return;
    if (!pass.freezing) doActionSet(pass);
    if (pass.freezing && pass.error === 0) finishFreezing(pass);
  }

  /** Goes on where the packet's pipeline stopped before it was recirculated. */
  private thaw(state: FrozenState): readonly Action[] {
    const { pass } = this;
    pass.thawed = state;
    pass.bridge = state.bridge;
    pass.table = state.table;
    if (pass.tracer !== null) pass.tracer.thaw(state);
    pass.conntracked = state.conntracked;
    if (!state.conntracked) clearConntrack(pass);
    thawFlow(pass.flow, state);
    pass.stack.fromWords(state.stack);
    pass.mirrors = state.mirrors;
    addToSet(pass.flow, pass.actionSet, state.actionSet);
    this.inTable = false;
    return state.actions.length > 0 ? state.actions : this.firstLookup(state.table);
  }
}
