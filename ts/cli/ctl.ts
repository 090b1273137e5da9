import type { DatapathType } from '../datapath/index.js';
import { SlowpathError } from '../errors/index.js';
import type { FlowEvent, FlowRemoved } from '../switch/index.js';
import { ask, follow } from './control.js';
import { DEFAULT_NAMES, socketPath } from './rundir.js';

/** Which running switch is meant. */
export interface CtlOptions {
  readonly datapath: DatapathType;
  readonly name?: string;
}

export interface FlowEventsOptions extends CtlOptions {
  readonly json?: boolean;
  /** Rules with send_flow_rem that went, not flows of the datapath. */
  readonly rules?: boolean;
}

/** A line of a stream of events. */
type StreamLine = { readonly event: FlowEvent | FlowRemoved } | { readonly dropped: number };

/** Nobody serves the datapath that was asked for. */
export function notRunning({ datapath }: CtlOptions, name: string): SlowpathError {
  return new SlowpathError(
    'ERR_NOT_RUNNING',
    `no switch runs on ${datapath}@${name}: start one with slowpath run, or ask another with --datapath and --name`,
  );
}

/** Gives the running switch a command; what it prints. */
export async function ctl(command: string, args: readonly string[], options: CtlOptions): Promise<string> {
  const name = options.name ?? DEFAULT_NAMES[options.datapath];
  const answer = await ask(socketPath(options.datapath, name), { method: 'ctl', params: { command, args } });
  if (answer === null) throw notRunning(options, name);
  return answer;
}

/** Prints what becomes of the flows of the running switch, or which of its rules went, until it ends or a signal comes. */
export async function flowEvents(options: FlowEventsOptions, write: (line: string) => void): Promise<void> {
  const name = options.name ?? DEFAULT_NAMES[options.datapath];
  const { flowEventText, flowRemovedText } = await import('../control/index.js');
  const method = options.rules === true ? 'flow-removed' : 'flow-events';
  const lines = follow(socketPath(options.datapath, name), { method });
  const textOf = (event: FlowEvent | FlowRemoved) =>
    'event' in event ? flowEventText(event) : flowRemovedText(event);
  let isFirst = true;
  for await (const line of lines) {
    // The first line says that all that comes from now on is told.
    if (isFirst) isFirst = false;
    else write(options.json === true ? line : eventText(JSON.parse(line) as StreamLine, textOf));
  }
  if (isFirst) throw notRunning(options, name);
}

function eventText(line: StreamLine, textOf: (event: FlowEvent | FlowRemoved) => string): string {
  return 'event' in line ? textOf(line.event) : `${line.dropped} events were dropped: too many to take`;
}
