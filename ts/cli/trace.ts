import { readFileSync } from 'node:fs';
import { LineCounter, parseDocument } from 'yaml';
import { type Bridge, type BridgeModel, numberPorts } from '../bridge/index.js';
import {
  type Configuration,
  configurationFromJson,
  emptyConfiguration,
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
  traceAnswerTold,
  traceText,
} from '../trace/index.js';
import { ask } from './control.js';
import { DEFAULT_NAMES, socketPath } from './rundir.js';

export interface TraceOptions extends ContentOptions {
  readonly config?: string;
  readonly vsctl?: string;
  /** `FILE`, or `TABLE=FILE`. */
  readonly policy: readonly string[];
  readonly ctNext: readonly string[];
  readonly names?: boolean;
  readonly json?: boolean;
  readonly datapath: DatapathType;
  readonly name?: string;
}

/** Options that name files with what a bridge has. */
export interface ContentOptions {
  readonly flows?: string;
  readonly groups?: string;
  readonly meters?: string;
}

/** Lines of a file without comments, and where they stand. */
function linesOf(path: string | undefined): { readonly texts: string[]; readonly places: string[] } {
  const lines = (path === undefined ? '' : readFile(path)).split('\n').map((line, i) => ({
    // What stands before a line counts as columns of it.
    text: line.replace(/#.*/, '').trimEnd(),
    place: `${path}:${i + 1}`,
  }));
  const wanted = lines.filter(({ text }) => text !== '');
  return { texts: wanted.map(({ text }) => text), places: wanted.map(({ place }) => place) };
}

/** What a bridge has by these files. Without a file of flows it has those that it comes with: NORMAL, when it is standalone. */
export function contentsOf(options: ContentOptions): BridgeContents {
  const [meters, groups, flows] = [options.meters, options.groups, options.flows].map(linesOf);
  return {
    meters: meters.texts,
    groups: groups.texts,
    ...(options.flows === undefined
      ? {}
      : { flows: flows.texts.map((text) => ({ text, version: 'OpenFlow15' as const })) }),
    places: { meters: meters.places, groups: groups.places, flows: flows.places },
  };
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SlowpathError('ERR_FILE', `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** The configuration that a file, ovs-vsctl words, or one after the other give. */
export function readConfiguration(file: string | undefined, words: string | undefined): Configuration {
  const base = file === undefined ? emptyConfiguration() : configurationOf(file);
  return words === undefined ? base : vsctl(base, splitShellWords(words)).configuration;
}

/** The configuration in a file, YAML or JSON; errors name the place. */
function configurationOf(file: string): Configuration {
  const lines = new LineCounter();
  const document = parseDocument(readFile(file), { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new SlowpathError('ERR_CONFIG_FILE', `${file}:${line}:${col}: ${error.message}`, { cause: error });
  }
  try {
    return configurationFromJson(document.toJS());
  } catch (cause) {
    if (!(cause instanceof SlowpathError)) throw cause;
    throw new SlowpathError(cause.code, `${file}: ${cause.message}`, { cause });
  }
}

/** What a packet becomes, in a switch described by files, or in the one that runs. */
export async function traceCommand(bridge: string, flow: string, options: TraceOptions): Promise<string> {
  if (options.config === undefined && options.vsctl === undefined) {
    refuseContents(options);
    const name = options.name ?? DEFAULT_NAMES[options.datapath];
    const params = {
      bridge,
      flow,
      ctNext: options.ctNext,
      names: options.names ?? false,
      json: options.json ?? false,
    };
    const answer = await ask(socketPath(options.datapath, name), { method: 'ofproto/trace', params });
    if (answer !== null) return answer;
    throw new SlowpathError(
      'ERR_NOT_RUNNING',
      `no switch runs on ${options.datapath}@${name}: ask another with --datapath and --name, or describe one with --config or --vsctl`,
    );
  }
  const configuration = readConfiguration(options.config, options.vsctl);
  const { model, snapshot } = buildSwitch(
    configuration,
    numberPorts(configuration),
    new Map([[bridge, contentsOf(options)]]),
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
  return options.json ? JSON.stringify(traceAnswerTold(result), null, 2) : traceText(result).trimEnd();
}
