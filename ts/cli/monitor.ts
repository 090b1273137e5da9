import type { UpcallEvent } from '../switch/index.js';
import { type CtlOptions, followSwitch } from './ctl.js';

export interface MonitorOptions extends CtlOptions {
  readonly bridge?: string;
  readonly match?: string;
  readonly count?: number;
  readonly json?: boolean;
}

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
  const { bridge, match, count = Number.POSITIVE_INFINITY } = options;
  const params = { ...(bridge === undefined ? {} : { bridge }), ...(match === undefined ? {} : { match }) };
  let told = 0;
  for await (const line of followSwitch<UpcallEvent>(options, 'upcalls', params)) {
    if (options.json === true) write(JSON.stringify('event' in line ? line.event : line));
    else if ('event' in line) write(upcallLine(line.event));
    else write(`${line.dropped} upcalls were not told: too many to take`);
    if ('event' in line && ++told >= count) return;
  }
}
