import { F_ACTSET_OUTPUT, F_CT_STATE, F_CT_ZONE, F_IN_PORT, F_RECIRC_ID } from '../fields/index.js';
import { OFPP_UNSET, type PortLabels, type TlvMap } from '../openflow/index.js';
import { type Effect, type Snapshot, Translator, type XBridge, XLATE_ERRORS } from '../xlate/index.js';
import { formatDatapathActions, formatMegaflow } from './format.js';
import { applyNat } from './nat.js';
import type { TraceRequest } from './request.js';
import { type Fork, TreeTracer, type TraceNode } from './tree.js';

/** A connection that nothing is known of: trk and new. */
const CT_STATE_DEFAULT = 0x21;
/**
 * Passes through the pipeline at most. OVS has no limit; a ct action that goes back to its own table would
 * be followed for ever.
 */
const MAX_STEPS = 256;

/** One pass through the pipeline. */
export interface TraceStep {
  /** What brought the packet here: null for the first step. */
  readonly resumed: {
    readonly recircId: number;
    readonly ctState: number;
    /** No --ct-next was left. */
    readonly isDefault: boolean;
    readonly fork: Fork;
    /** The packet before address translation; null when there was none. */
    readonly beforeNat: Int32Array | null;
  } | null;
  /** The packet as it came in and as the pipeline left it; in_port is the OpenFlow port. */
  readonly flow: Int32Array;
  readonly finalFlow: Int32Array;
  readonly isUnchanged: boolean;
  readonly mask: Int32Array;
  /** The fields that tunnel options are in these rows. */
  readonly tlvMap: TlvMap | undefined;
  /** Names for in_port, where they are wanted. */
  readonly ports: PortLabels | undefined;
  /** `recirc_id=0,eth,ip,in_port=1,…`: what all packets have in common that get the same actions. */
  readonly megaflow: string;
  readonly datapathActions: string;
  /** SLOW_* bits. */
  readonly slow: number;
  /** One of XLATE_ERRORS; 'ok' when it is well. */
  readonly error: (typeof XLATE_ERRORS)[number];
  /** What happened, as a tree; with too much to tell, only the beginning. */
  readonly nodes: readonly TraceNode[];
  readonly nodesCutShort: boolean;
  /** What should happen besides; nothing of it did. */
  readonly effects: readonly Effect[];
}

/** What a trace found: a step for each pass. */
export interface TraceResult {
  readonly bridge: XBridge;
  readonly steps: readonly TraceStep[];
  /** More passes were needed than are followed. */
  readonly isCutShort: boolean;
}

/**
 * Follows a packet through the tables, and on behind each ct action that brings it back, in OVS's order (ofproto/trace). Nothing
 * is learned, counted or sent.
 */
export function trace(snapshot: Snapshot, request: TraceRequest): TraceResult {
  const translator = new Translator();
  translator.dontSend = true;
  translator.allTags = true;
  const ctNext = [...request.ctNext];
  const queue: { readonly flow: Int32Array; readonly resumed: TraceStep['resumed'] }[] = [
    { flow: request.flow, resumed: null },
  ];
  const steps: TraceStep[] = [];
  const pending: Fork[] = [];
  for (;;) {
    const next = queue.shift() ?? resume(pending.shift(), ctNext);
    if (next === null || steps.length >= MAX_STEPS) {
      return { bridge: request.bridge, steps, isCutShort: next !== null };
    }
    const { step, forks } = traceStep(translator, snapshot, request, next.flow, next.resumed);
    steps.push(step);
    pending.push(...forks);
  }
}

/** The packet of a fork as the tracker gives it back. */
function resume(
  fork: Fork | undefined,
  ctNext: number[],
): { readonly flow: Int32Array; readonly resumed: TraceStep['resumed'] } | null {
  if (fork === undefined) return null;
  const isDefault = ctNext.length === 0;
  const ctState = ctNext.shift() ?? CT_STATE_DEFAULT;
  const flow = fork.flow.slice();
  flow[F_RECIRC_ID] = fork.id;
  flow[F_CT_ZONE] = fork.zone;
  flow[F_CT_STATE] = ctState;
  const beforeNat = fork.nat === null ? null : flow.slice();
  if (fork.nat !== null) applyNat(flow, fork.nat);
  return { flow, resumed: { recircId: fork.id, ctState, isDefault, fork, beforeNat } };
}

function traceStep(
  translator: Translator,
  snapshot: Snapshot,
  { bridge, packet, portNames }: TraceRequest,
  flow: Int32Array,
  resumed: TraceStep['resumed'],
): { readonly step: TraceStep; readonly forks: readonly Fork[] } {
  const tracer = new TreeTracer(bridge, portNames !== undefined);
  const ports = tracer.labelsOf(bridge);
  translator.tracer = tracer;
  const view = packet === undefined ? null : { bytes: packet, offset: 0, length: packet.length };
  const result = translator.translateAt(snapshot, bridge, flow[F_IN_PORT], flow, 0, view);
  const finalFlow = translator.finalFlow.slice();
  const mask = result.mask.slice();
  const step: TraceStep = {
    resumed,
    flow,
    finalFlow,
    // Every packet comes in with an empty action set.
    isUnchanged: finalFlow.every((word, i) => word === (i === F_ACTSET_OUTPUT ? OFPP_UNSET : flow[i])),
    mask,
    tlvMap: bridge.tlvMap,
    ports,
    megaflow: formatMegaflow(flow, mask, bridge.tlvMap, ports),
    datapathActions: formatDatapathActions(result.actions.subarray(0, result.actionsLength), portNames),
    slow: result.slow,
    error: XLATE_ERRORS[result.error],
    nodes: tracer.nodes,
    nodesCutShort: tracer.isCutShort,
    effects: result.effects.slice(0, result.effectCount),
  };
  return { step, forks: tracer.forks };
}
