import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { PortNumbers } from '../../ts/bridge/index.js';
import { configurationFromJson } from '../../ts/config/index.js';
import { F_IN_PORT } from '../../ts/fields/index.js';
import { native } from '../../ts/native/index.js';
import {
  type BridgeContents,
  buildSwitch,
  parseCtNext,
  parseDatapathFlow,
  parsePacketFlow,
  type TraceAnswer,
  type TraceSwitch,
  trace,
  traceAnswer,
} from '../../ts/trace/index.js';
import { fromHex } from '../../ts/util/index.js';
import { type Comparison, judge, type RecordedTrace } from './trace-compare.js';

interface SuiteInterface {
  readonly name: string;
  readonly ofport: number;
  readonly odpPort: number | null;
  readonly type: string;
  readonly options: Readonly<Record<string, string>>;
  readonly linkState?: string;
}

interface SuitePort {
  readonly name: string;
  readonly interfaces: readonly SuiteInterface[];
  readonly [column: string]: unknown;
}

interface SuiteBridge {
  readonly name: string;
  readonly failMode: string | readonly never[];
  readonly ports: readonly SuitePort[];
  readonly flows: readonly string[];
  readonly groups: readonly string[];
  readonly meters: readonly string[];
  readonly other_config?: Readonly<Record<string, string>>;
  readonly mcast_snooping_enable?: boolean;
  readonly mirrors?: readonly Readonly<Record<string, string | number | boolean>>[];
  readonly fdb?: readonly { readonly port: string; readonly vlan: string; readonly mac: string }[];
}

interface SuiteTrace extends RecordedTrace {
  /** The first argument when it was no bridge: a datapath, or a flow with a packet behind it. */
  readonly datapath: string | null;
  readonly packet?: string;
  readonly stateful?: boolean;
}

/** A translation of the upstream test suite with its configuration. */
export interface SuiteCase {
  readonly id: string;
  readonly name: string;
  readonly simple: boolean;
  readonly bridges: readonly SuiteBridge[];
  readonly setup: readonly {
    readonly cmd: string;
    readonly bridge: string;
    readonly args: readonly string[] | null;
  }[];
  readonly traces: readonly SuiteTrace[];
}

export function suiteCases(path: string): SuiteCase[] {
  return gunzipSync(readFileSync(path))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as SuiteCase);
}

/** Mirrors name their ports by UUIDs that the case does not resolve; the suite mirrors p1 or p2 to the last port. */
function mirrorRow(mirror: NonNullable<SuiteBridge['mirrors']>[number], last: string): object {
  const ports: Readonly<Record<string, string>> = {
    output_port: last,
    select_src_port: 'p1',
    select_dst_port: 'p2',
  };
  return Object.fromEntries(Object.entries(mirror).map(([key, value]) => [key, ports[key] ?? value]));
}

function lastPort(bridge: SuiteBridge): string {
  const names = bridge.ports.map((port) => port.name).filter((name) => name !== bridge.name);
  return names.sort().at(-1) ?? bridge.name;
}

function portRow({ interfaces, ...columns }: SuitePort): object {
  return {
    ...columns,
    interfaces: interfaces.map(({ name, type, options }) => ({ name, type, options })),
  };
}

function bridgeRow(bridge: SuiteBridge): object {
  return {
    name: bridge.name,
    fail_mode: typeof bridge.failMode === 'string' ? bridge.failMode : null,
    ports: bridge.ports.map(portRow),
    mirrors: (bridge.mirrors ?? []).map((mirror) => mirrorRow(mirror, lastPort(bridge))),
    other_config: bridge.other_config ?? {},
    mcast_snooping_enable: bridge.mcast_snooping_enable ?? false,
  };
}

function contentsOf(bridge: SuiteBridge, setup: SuiteCase['setup']): BridgeContents {
  const ports = bridge.ports.flatMap((port) => port.interfaces);
  const nameOf = (number: string) =>
    number === 'LOCAL' ? bridge.name : ports.find((port) => String(port.ofport) === number)!.name;
  const tlvMap = setup.find(({ cmd, bridge: name }) => cmd === 'add-tlv-map' && name === bridge.name)
    ?.args?.[0];
  return {
    ...(tlvMap === undefined ? {} : { tlvMap }),
    groups: bridge.groups,
    meters: bridge.meters,
    // What the switch lists is what came over the wire; only OpenFlow 1.0 has mod_vlan actions there.
    flows: bridge.flows.map((text) => ({
      text,
      version: /mod_vlan/.test(text) ? 'OpenFlow10' : 'OpenFlow15',
    })),
    fdb: (bridge.fdb ?? []).map(({ port, vlan, mac }) => [nameOf(port), Number(vlan), mac]),
  };
}

/** The case's switch. */
export function buildSuiteCase(entry: SuiteCase): TraceSwitch {
  const configuration = configurationFromJson({ bridges: entry.bridges.map(bridgeRow) });
  const numbers = new Map<string, PortNumbers>();
  for (const bridge of entry.bridges) {
    for (const { name, ofport, odpPort, linkState } of bridge.ports.flatMap((port) => port.interfaces)) {
      numbers.set(name, { ofport, odpPort: odpPort ?? -1, ifindex: 0, running: linkState !== 'down' });
    }
  }
  const built = buildSwitch(
    configuration,
    numbers,
    new Map(entry.bridges.map((b) => [b.name, contentsOf(b, entry.setup)])),
  );
  for (const { cmd, bridge, args } of entry.setup) {
    if (cmd !== 'mod-port' || args === null) continue;
    const port = built.model.bridges
      .get(bridge)!
      .portList.find(({ name, ofport }) => args[0] === name || args[0] === String(ofport));
    if (args[1] === 'noforward') port!.noFwd = true;
    if (args[1] === 'noflood') port!.noFlood = true;
  }
  return built;
}

function answer(built: TraceSwitch, request: SuiteTrace): TraceAnswer {
  const bridge = built.model.bridges.get(request.bridge ?? '') ?? [...built.model.bridges.values()][0];
  const options = request.options ?? [];
  const ctNext = options.flatMap((option, i) =>
    option === '--ct-next' ? [parseCtNext(options[i + 1])] : [],
  );
  if (request.datapath === null && !request.flow.includes('(')) {
    const flow = parsePacketFlow(bridge, request.flow);
    if (request.packet !== undefined) native().extractPacket(fromHex(request.packet)!, flow, 0);
    return traceAnswer(trace(built.snapshot, { bridge, flow, ctNext }));
  }
  if (request.datapath?.startsWith('in_port(')) {
    const flow = parsePacketFlow(bridge, `in_port=${/\d+/.exec(request.datapath)![0]}`);
    native().extractPacket(fromHex(request.flow)!, flow, 0);
    flow[F_IN_PORT] = built.snapshot.portsByOdp[flow[F_IN_PORT]]!.ofport;
    return traceAnswer(trace(built.snapshot, { bridge, flow, ctNext }));
  }
  return traceAnswer(trace(built.snapshot, { ...parseDatapathFlow(built.snapshot, request.flow), ctNext }));
}

/** Compares all traces of a case. */
export function compareSuiteCase(entry: SuiteCase): Omit<Comparison, 'case'>[] {
  let built: TraceSwitch | null = null;
  return entry.traces.map((theirs, i) => {
    const id = `${entry.id}:${i}`;
    try {
      built ??= buildSuiteCase(entry);
      const ours = answer(built, theirs);
      return { id, trace: theirs, ours, ...judge(ours, theirs) };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      return { id, trace: theirs, ours: null, verdict: 'refused', detail, bits: [0, 0] };
    }
  });
}
