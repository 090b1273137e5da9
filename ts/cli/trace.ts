import { readFileSync } from 'node:fs';
import { type Bridge, type BridgeModel, numberPorts } from '../bridge/index.js';
import {
  type Configuration,
  emptyConfiguration,
  parseConfiguration,
  splitShellWords,
  vsctl,
} from '../config/index.js';
import type { DatapathType } from '../datapath/index.js';
import { SlowpathError } from '../errors/index.js';
import type { Snapshot } from '../xlate/index.js';
import {
  type BridgeContents,
  buildSwitch,
  parseCtNext,
  parseDatapathFlow,
  parsePacketFlow,
  requireBridge,
  trace,
  traceAnswer,
  traceText,
} from '../trace/index.js';
import { ask } from './control.js';
import { DEFAULT_NAMES, socketPath } from './rundir.js';

export interface TraceOptions {
  readonly config?: string;
  readonly vsctl?: string;
  readonly flows?: string;
  readonly groups?: string;
  readonly meters?: string;
  /** `FILE`, or `TABLE=FILE`. */
  readonly policy: readonly string[];
  readonly ctNext: readonly string[];
  readonly names?: boolean;
  readonly json?: boolean;
  readonly datapath: DatapathType;
  readonly name?: string;
}

/** Lines of a file of flows, groups or meters without comments. */
export function linesOf(path: string | undefined): string[] {
  if (path === undefined) return [];
  return readFile(path)
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SlowpathError('ERR_FILE', `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** The configuration that a JSON file, ovs-vsctl words, or one after the other give. */
export function readConfiguration(file: string | undefined, words: string | undefined): Configuration {
  const base = file === undefined ? emptyConfiguration() : parseConfiguration(readFile(file));
  return words === undefined ? base : vsctl(base, splitShellWords(words)).configuration;
}

/** What a packet becomes, in a switch described by files, or in the one that runs. */
export async function traceCommand(bridge: string, flow: string, options: TraceOptions): Promise<string> {
  if (options.config === undefined && options.vsctl === undefined) {
    refuseContents(options);
    const path = socketPath(options.datapath, options.name ?? DEFAULT_NAMES[options.datapath]);
    const params = {
      bridge,
      flow,
      ctNext: options.ctNext,
      names: options.names ?? false,
      json: options.json ?? false,
    };
    const answer = await ask(path, { method: 'ofproto/trace', params });
    if (answer !== null) return answer;
    throw new SlowpathError(
      'ERR_NOT_RUNNING',
      'no switch runs: give --config or --vsctl to trace without one',
    );
  }
  const configuration = readConfiguration(options.config, options.vsctl);
  const contents: BridgeContents = {
    meters: linesOf(options.meters),
    groups: linesOf(options.groups),
    // Without a file the bridge has the flows it comes with: NORMAL, when it is standalone.
    ...(options.flows === undefined
      ? {}
      : { flows: linesOf(options.flows).map((text) => ({ text, version: 'OpenFlow15' as const })) }),
  };
  const { model, snapshot } = buildSwitch(
    configuration,
    numberPorts(configuration),
    new Map([[bridge, contents]]),
  );
  for (const given of options.policy) await attachPolicy(requireBridge(model, bridge), given);
  return traceIn(model, snapshot, bridge, flow, options);
}

/** A switch that runs has rules and policies of its own. */
function refuseContents({ flows, groups, meters, policy }: TraceOptions): void {
  const given = Object.entries({ flows, groups, meters, policy: policy[0] }).find(
    ([, file]) => file !== undefined,
  );
  if (given === undefined) return;
  throw new SlowpathError(
    'ERR_USAGE',
    `--${given[0]} is for a switch that is described here: give --config or --vsctl, too`,
  );
}

async function attachPolicy(bridge: Bridge, given: string): Promise<void> {
  const [, table = '0', file] = /^(?:(\d+)=)?(.*)$/s.exec(given)!;
  await bridge.policyFile(file, { table: Number(table) });
}

/** Traces a packet given in OpenFlow syntax or as a datapath key. */
export function traceIn(
  model: BridgeModel,
  snapshot: Snapshot,
  name: string,
  flow: string,
  options: Pick<TraceOptions, 'ctNext' | 'names' | 'json'>,
): string {
  const ctNext = options.ctNext.map(parseCtNext);
  const bridge = requireBridge(model, name);
  const names = options.names ? { portNames: model.datapathPortNames() } : {};
  const request = /^\w+\(/.test(flow)
    ? { ...parseDatapathFlow(snapshot, flow), ctNext, ...names }
    : { bridge, flow: parsePacketFlow(bridge, flow), ctNext, ...names };
  const result = trace(snapshot, request);
  return options.json ? JSON.stringify(traceAnswer(result), null, 2) : traceText(result).trimEnd();
}
