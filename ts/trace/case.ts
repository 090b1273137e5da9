import { numberPorts } from '../bridge/index.js';
import type { Effect } from '../xlate/index.js';
import { askedTrace } from './argv.js';
import { type ArgvTrace, type BridgesCase, buildBridgesCase } from './bridges-case.js';
import { emptyConfiguration, vsctl } from '../config/index.js';
import { SlowpathError } from '../errors/index.js';
import { type BridgeContents, buildSwitch, type FlowText, requireBridge, type TraceSwitch } from './build.js';
import { formatPacket } from './format.js';
import { type DatapathSupport, setDpFeature } from '../ovs/index.js';
import { about } from './problem.js';
import { parseCtNext, parsePacketFlow } from './request.js';
import { slowReasons, translationError } from './slow.js';
import { DUMMY_SUPPORT } from './support.js';
import { traceText } from './text.js';
import { type Told, toldOf } from './told.js';
import { trace, type TraceResult, type TraceStep } from './trace.js';

/** A port of a case's bridge: what the configuration came to when the case was recorded. */
export interface CasePort {
  readonly name: string;
  readonly ofport: number;
  /** null for patch ports. */
  readonly odpPort: number | null;
}

/** A switch configuration with packets to trace in it. */
export interface TraceCase {
  readonly topology: {
    /** ovs-vsctl words. */
    readonly vsctl: readonly string[];
    /** Ports that are not in it are numbered as the dummy datapath would. */
    readonly bridges?: readonly { readonly name: string; readonly ports: readonly CasePort[] }[];
    /** Words of ovs-appctl: `dpif/set-dp-features BRIDGE NAME VALUE` takes something from the datapath. Others tell nothing about a trace. */
    readonly appctl?: readonly (readonly string[])[];
  };
  /** As `ovs-ofctl add-tlv-map` takes it; of the first bridge, like what follows. */
  readonly tlvMap?: string;
  /** ovs-ofctl syntax. */
  readonly meters?: readonly string[];
  readonly groups?: readonly string[];
  readonly flows?: readonly string[];
  /** Added after `flows`, as OpenFlow 1.0. */
  readonly flowsOf10?: readonly string[];
  /** Flows of other bridges. */
  readonly bridgeFlows?: Readonly<Record<string, readonly string[]>>;
  /** Addresses known from the start: port, VLAN, MAC. */
  readonly fdb?: readonly (readonly [string, number, string])[];
  readonly traces: readonly {
    readonly bridge: string;
    readonly flow: string;
    /** As given to ofproto/trace. */
    readonly options?: readonly string[];
  }[];
}

/** One pass of a trace, in text. */
export interface StepAnswer {
  readonly flow: string;
  /** `unchanged` when it is as it came. */
  readonly finalFlow: string;
  readonly megaflow: string;
  readonly datapathActions: string;
}

export interface TraceAnswer {
  readonly datapathActions: string;
  readonly megaflow: string;
  /** Why the flow needs userspace. */
  readonly slow?: readonly string[];
  readonly translationError?: string;
  readonly steps: readonly StepAnswer[];
}

/** A pass with what happened in it. */
export interface ToldStep extends StepAnswer {
  readonly told: readonly Told[];
  /** More happened than is told. */
  readonly isCutShort?: true;
}

/** A trace with all that happened. */
export interface ToldAnswer extends TraceAnswer {
  readonly steps: readonly ToldStep[];
  /** More passes were needed than are told. */
  readonly isCutShort?: true;
}

/** Builds the switch of a case. Throws SlowpathError when the configuration, a group or a flow is refused. */
export function buildCase(entry: TraceCase): TraceSwitch {
  const { configuration } = vsctl(emptyConfiguration(), entry.topology.vsctl);
  const numbers = numberPorts(configuration);
  for (const { ports } of entry.topology.bridges ?? []) {
    for (const { name, ofport, odpPort } of ports) {
      numbers.set(name, { ofport, odpPort: odpPort ?? -1, ifindex: 0, running: true });
    }
  }
  const [bridge] = configuration.rows('Bridge');
  if (bridge === undefined)
    throw new SlowpathError('ERR_TRACE', 'the configuration has no bridge: give add-br');
  const contents = new Map<string, BridgeContents>(
    Object.entries(entry.bridgeFlows ?? {}).map(([name, flows]) => [
      name,
      { flows: sent(flows, 'OpenFlow15') },
    ]),
  );
  contents.set(bridge.text('name'), {
    ...(entry.tlvMap === undefined ? {} : { tlvMap: entry.tlvMap }),
    meters: entry.meters ?? [],
    groups: entry.groups ?? [],
    flows: [...sent(entry.flows ?? [], 'OpenFlow15'), ...sent(entry.flowsOf10 ?? [], 'OpenFlow10')],
    fdb: entry.fdb ?? [],
  });
  return buildSwitch(configuration, numbers, contents, supportOf(entry.topology.appctl ?? []));
}

/** What the datapath can do after these commands; those that are refused change nothing. */
function supportOf(commands: readonly (readonly string[])[]): DatapathSupport {
  let support = DUMMY_SUPPORT;
  for (const [command, , name = '', value = ''] of commands) {
    if (command !== 'dpif/set-dp-features') continue;
    const changed = setDpFeature(support, DUMMY_SUPPORT, name, value);
    if (typeof changed !== 'string') support = changed;
  }
  return support;
}

function sent(flows: readonly string[], version: 'OpenFlow10' | 'OpenFlow15'): FlowText[] {
  return flows.map((text) => ({ text, version }));
}

/**
 * Traces every packet of a case that shows its bridges. A trace with a packet has side effects, as ofproto/trace has then: what it learned
 * is known to those that follow.
 */
export function traceBridgesCase(entry: BridgesCase): { readonly traces: readonly TraceAnswer[] } {
  const built = buildBridgesCase(entry);
  return { traces: entry.traces.map((asked) => traceAsked(built, asked)) };
}

/** One trace in such a case's switch. */
export function traceAsked(built: TraceSwitch, asked: ArgvTrace): TraceAnswer {
  const { request, hasEffects } = askedTrace(built, asked);
  const result = trace(built.snapshot, request);
  if (hasEffects) for (const { effects } of result.steps) applyEffects(built.model, effects);
  return traceAnswer(result);
}

function applyEffects({ bridges }: TraceSwitch['model'], effects: readonly Effect[]): void {
  for (const effect of effects) {
    if (effect.type === 'learn') bridges.get(effect.bridge.name)?.fdb.apply(effect);
    else if (effect.type === 'mcast') bridges.get(effect.bridge.name)?.mcast?.apply(effect);
    else if (effect.type === 'learn_flow')
      bridges.get(effect.bridge.name)?.flowTables.learn(effect.flow, effect.limit);
    else if (effect.type === 'state') effect.table.apply(effect);
  }
}

/**
 * Traces every packet of a case. Recirculation ids are renamed R1, R2, … in order of appearance in each trace. With `withText` each answer
 * has also what ofproto/trace would print, with ids as they are.
 */
export function traceCase(
  entry: TraceCase,
  withText = false,
): { readonly traces: readonly (TraceAnswer & { readonly text?: string })[] } {
  const built = buildCase(entry);
  return {
    traces: entry.traces.map((request) => {
      const result = runTrace(built, request);
      return withText ? { ...traceAnswer(result), text: traceText(result) } : traceAnswer(result);
    }),
  };
}

/** One trace in a case's switch, as an answer. */
export function traceOne(built: TraceSwitch, request: TraceCase['traces'][number]): TraceAnswer {
  return traceAnswer(runTrace(built, request));
}

/** One trace in a case's switch. Throws SlowpathError when the packet or an option cannot be read. */
export function runTrace(built: TraceSwitch, request: TraceCase['traces'][number]): TraceResult {
  const bridge = requireBridge(built.model, request.bridge);
  const flow = about(`flow "${request.flow}"`, () => parsePacketFlow(bridge, request.flow));
  const options = request.options ?? [];
  const ctNext = options.flatMap((option, i) =>
    option === '--ct-next' ? [parseCtNext(options[i + 1] ?? '')] : [],
  );
  const names = options.includes('--names') ? { portNames: built.model.datapathPortNames() } : {};
  return trace(built.snapshot, { bridge, flow, ctNext, ...names });
}

/** A trace in text; recirculation ids are renamed R1, R2, … in order of appearance. */
export const traceAnswer = (result: TraceResult): TraceAnswer => answerOf(result, new RecircNames());

/** As traceAnswer, with tables, rules, actions and remarks of each pass. */
export function traceAnswerTold(result: TraceResult): ToldAnswer {
  const rename = new RecircNames();
  const answer = answerOf(result, rename);
  const steps = result.steps.map(({ nodes, tlvMap, nodesCutShort }, i) => ({
    ...answer.steps[i],
    told: toldOf(nodes, tlvMap, (text) => rename.inText(text)),
    ...(nodesCutShort ? { isCutShort: true as const } : {}),
  }));
  return { ...answer, steps, ...(result.isCutShort ? { isCutShort: true as const } : {}) };
}

function answerOf({ steps }: TraceResult, rename: RecircNames): TraceAnswer {
  const answers = steps.map((step) => stepAnswer(step, rename));
  const [{ slow, error }] = steps;
  return {
    datapathActions: answers[0].datapathActions,
    megaflow: answers[0].megaflow,
    ...(slow === 0 ? {} : { slow: slowReasons(slow) }),
    ...(error === 'ok' ? {} : { translationError: translationError(error) }),
    steps: answers,
  };
}

function stepAnswer(step: TraceStep, rename: RecircNames): StepAnswer {
  const flow = rename.inText(formatPacket(step.flow, step.tlvMap, step.ports));
  const finalFlow = step.isUnchanged
    ? 'unchanged'
    : rename.inText(formatPacket(step.finalFlow, step.tlvMap, step.ports));
  const megaflow = rename.inText(step.megaflow);
  return { flow, finalFlow, megaflow, datapathActions: rename.inText(step.datapathActions) };
}

/** Names for recirculation ids, which differ from run to run. */
class RecircNames {
  readonly #names = new Map<number, string>();

  inText(text: string): string {
    return text.replace(
      /\b(recirc(?:_id=|\())(0x[0-9a-fA-F]+|\d+)\b/g,
      (whole, before: string, id: string) => {
        const number = Number(id);
        if (number === 0) return whole;
        if (!this.#names.has(number)) this.#names.set(number, `R${this.#names.size + 1}`);
        return before + this.#names.get(number);
      },
    );
  }
}
