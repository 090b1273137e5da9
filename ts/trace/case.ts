import { type Bridge, BridgeModel, numberPorts } from '../bridge/index.js';
import { emptyConfiguration, type Row, vsctl } from '../config/index.js';
import { SlowpathError } from '../errors/index.js';
import { formatFlowRow } from '../flow/index.js';
import { parseFlow, parseGroup, parseMeter } from '../openflow/index.js';
import { makeGroup, RecircRegistry, type Snapshot } from '../xlate/index.js';
import { parseMac } from '../util/index.js';
import { flowProblem, parseCtNext, parsePacketFlow } from './request.js';
import { slowReasons, translationError } from './slow.js';
import { DUMMY_SUPPORT } from './support.js';
import { trace, type TraceStep } from './trace.js';

/** A port of a case's bridge: what the configuration came to when the case was recorded. */
export interface CasePort {
  readonly name: string;
  readonly ofport: number;
  /** null for patch ports. */
  readonly odpPort: number | null;
  /** The link is down. */
  readonly down?: boolean;
}

/** A switch configuration with packets to trace in it. */
export interface TraceCase {
  readonly topology: {
    /** ovs-vsctl words. */
    readonly vsctl: readonly string[];
    /** Ports that are not in it are numbered as the dummy datapath would. */
    readonly bridges?: readonly { readonly name: string; readonly ports: readonly CasePort[] }[];
  };
  /** ovs-ofctl syntax; of the first bridge. */
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

/** A case's switch, ready to trace in. */
export interface CaseSwitch {
  readonly model: BridgeModel;
  readonly snapshot: Snapshot;
}

/** Builds the switch of a case. Throws SlowpathError when the configuration, a group or a flow is refused. */
export function buildCase(entry: TraceCase): CaseSwitch {
  const { configuration } = vsctl(emptyConfiguration(), entry.topology.vsctl);
  const numbers = numberPorts(configuration);
  for (const { ports } of entry.topology.bridges ?? []) {
    for (const { name, ofport, odpPort, down } of ports) {
      numbers.set(name, { ofport, odpPort: odpPort ?? -1, ifindex: 0, running: down !== true });
    }
  }
  const model = new BridgeModel();
  model.configure(configuration, (iface: Row) => numbers.get(iface.text('name')) ?? null);
  const [bridge] = model.bridges.values();
  if (bridge === undefined)
    throw new SlowpathError('ERR_TRACE', 'the configuration has no bridge: give add-br');
  for (const text of entry.groups ?? []) {
    const spec = parseGroup(text, { portNames: bridge.portNames() });
    (bridge.groups as Map<number, unknown>).set(spec.groupId, makeGroup(spec, DUMMY_SUPPORT));
  }
  (entry.meters ?? []).forEach((text, i) => bridge.meters.set(parseMeter(text).meterId, i));
  addFlows(bridge, entry.flows ?? [], 'OpenFlow15');
  addFlows(bridge, entry.flowsOf10 ?? [], 'OpenFlow10');
  for (const [name, flows] of Object.entries(entry.bridgeFlows ?? {})) {
    addFlows(requireBridge(model, name), flows, 'OpenFlow15');
  }
  for (const [port, vlan, mac] of entry.fdb ?? []) addAddress(bridge, port, vlan, mac);
  return { model, snapshot: makeSnapshot(model) };
}

function requireBridge(model: BridgeModel, name: string): Bridge {
  const bridge = model.bridges.get(name);
  if (bridge !== undefined) return bridge;
  throw new SlowpathError(
    'ERR_TRACE',
    `there is no bridge "${name}": expected ${[...model.bridges.keys()].join(', ')}`,
  );
}

function addFlows(bridge: Bridge, flows: readonly string[], version: 'OpenFlow10' | 'OpenFlow15'): void {
  const portNames = bridge.portNames();
  for (const text of flows) {
    try {
      bridge.flowTables.add(parseFlow(text, { version, portNames }));
    } catch (cause) {
      throw flowProblem(text, cause);
    }
  }
}

function addAddress(bridge: Bridge, name: string, vlan: number, mac: string): void {
  const bundle = bridge.portByName(name)?.bundle;
  const words = new Int32Array(2);
  if (bundle === undefined || !parseMac(mac, words, 0)) {
    throw new SlowpathError(
      'ERR_TRACE',
      `fdb: no port "${name}" on ${bridge.name}, or "${mac}" is no address`,
    );
  }
  bridge.fdb.apply({
    type: 'learn',
    bridge,
    bundle,
    vlan,
    macHigh: words[0],
    macLow: words[1],
    gratuitousArp: false,
  });
}

function makeSnapshot(model: BridgeModel): Snapshot {
  return {
    generation: 1,
    portsByOdp: model.portsByOdp,
    tunnels: model.tunnelPorts,
    support: DUMMY_SUPPORT,
    recirc: new RecircRegistry(),
    vlanLimit: model.vlanLimit,
    queuePriority: (queue) => queue,
    upcallPid: () => 0,
  };
}

/** Traces every packet of a case. Recirculation ids are renamed R1, R2, … in order of appearance in each trace. */
export function traceCase(entry: TraceCase): { readonly traces: readonly TraceAnswer[] } {
  const { model, snapshot } = buildCase(entry);
  return { traces: entry.traces.map((request) => traceOne(model, snapshot, request)) };
}

/** One trace in a case's switch. */
export function traceOne(
  model: BridgeModel,
  snapshot: Snapshot,
  request: TraceCase['traces'][number],
): TraceAnswer {
  const bridge = requireBridge(model, request.bridge);
  let flow: Int32Array;
  try {
    flow = parsePacketFlow(bridge, request.flow);
  } catch (cause) {
    throw flowProblem(request.flow, cause);
  }
  const options = request.options ?? [];
  const ctNext = options.flatMap((option, i) =>
    option === '--ct-next' ? [parseCtNext(options[i + 1] ?? '')] : [],
  );
  const { steps } = trace(snapshot, { bridge, flow, ctNext });
  const rename = new RecircNames();
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
  const flow = rename.inText(formatFlowRow(step.flow));
  const finalFlow = step.isUnchanged ? 'unchanged' : rename.inText(formatFlowRow(step.finalFlow));
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
