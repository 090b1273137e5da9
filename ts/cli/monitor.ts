import { SlowpathError } from '../errors/index.js';
import type { UpcallEvent } from '../switch/index.js';
import { follow } from './control.js';
import { type CtlOptions, notRunning } from './ctl.js';
import { DEFAULT_NAMES, socketPath } from './rundir.js';

export interface MonitorOptions extends CtlOptions {
  readonly bridge?: string;
  readonly match?: string;
  readonly count?: number;
  readonly json?: boolean;
}

type StreamLine =
  | { readonly event: UpcallEvent }
  | { readonly dropped: number }
  | { readonly result: string }
  | { readonly error: string };

/** An upcall as one line: time, class, port, bytes, key, and what was decided. */
export function upcallLine(event: UpcallEvent): string {
  const {
    time,
    class: name,
    reason,
    bridge,
    port,
    inPort,
    packetLength,
    key,
    actions,
    megaflow,
    installed,
  } = event;
  const where = bridge === undefined ? `port ${inPort}` : `${bridge}/${port}`;
  const decision =
    actions === undefined ? '' : ` -> actions:${actions}${installed ? `, installed ${megaflow}` : ''}`;
  const why = reason === undefined ? '' : ` (${reason})`;
  return `${new Date(time).toISOString()} ${name}${why} ${where} ${packetLength} bytes ${key}${decision}`;
}

/** Prints the upcalls of the running switch, until it ends, `count` were told, or a signal comes. */
export async function monitor(options: MonitorOptions, write: (line: string) => void): Promise<void> {
  const name = options.name ?? DEFAULT_NAMES[options.datapath];
  const { bridge, match, count = Number.POSITIVE_INFINITY } = options;
  const params = { ...(bridge === undefined ? {} : { bridge }), ...(match === undefined ? {} : { match }) };
  let isHeard = false;
  let told = 0;
  for await (const text of follow(socketPath(options.datapath, name), { method: 'upcalls', params })) {
    const line = JSON.parse(text) as StreamLine;
    if ('error' in line) throw new SlowpathError('ERR_CONTROL', line.error);
    isHeard = true;
    if ('result' in line) continue;
    if (options.json) write(text);
    else
      write(
        'event' in line ? upcallLine(line.event) : `${line.dropped} upcalls were not told: too many to take`,
      );
    if ('event' in line && ++told >= count) return;
  }
  if (!isHeard) throw notRunning(options, name);
}
