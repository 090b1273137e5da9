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
export type StreamLine<Event> = { readonly event: Event } | { readonly dropped: number };

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

/** What the running switch tells of `method`, until it ends. Throws what it answers as an error, ERR_NOT_RUNNING when there is none. */
export async function* followSwitch<Event>(
  options: CtlOptions,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
): AsyncGenerator<StreamLine<Event>> {
  const name = options.name ?? DEFAULT_NAMES[options.datapath];
  let isHeard = false;
  for await (const text of follow(socketPath(options.datapath, name), { method, params })) {
    const line = JSON.parse(text) as
      | StreamLine<Event>
      | { readonly result: string }
      | { readonly error: string };
    if ('error' in line) throw new SlowpathError('ERR_CONTROL', line.error);
    isHeard = true;
    // The first line says that all that comes from now on is told.
    if (!('result' in line)) yield line;
  }
  if (!isHeard) throw notRunning(options, name);
}

/** Prints what becomes of the flows of the running switch, or which of its rules went, until it ends or a signal comes. */
export async function flowEvents(options: FlowEventsOptions, write: (line: string) => void): Promise<void> {
  const { flowEventText, flowRemovedText } = await import('../control/index.js');
  const method = options.rules === true ? 'flow-removed' : 'flow-events';
  const textOf = (event: FlowEvent | FlowRemoved) =>
    'event' in event ? flowEventText(event) : flowRemovedText(event);
  for await (const line of followSwitch<FlowEvent | FlowRemoved>(options, method)) {
    if (options.json === true) write(JSON.stringify('event' in line ? line.event : line));
    else
      write('event' in line ? textOf(line.event) : `${line.dropped} events were dropped: too many to take`);
  }
}
