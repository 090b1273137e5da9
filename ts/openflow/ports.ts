import { fail, type Token } from './syntax.js';
import {
  OFPP_ALL,
  OFPP_CONTROLLER,
  OFPP_FLOOD,
  OFPP_IN_PORT,
  OFPP_LOCAL,
  OFPP_MAX,
  OFPP_NONE,
  OFPP_NORMAL,
  OFPP_TABLE,
  OFPP_UNSET,
} from './types.js';

/** Names of the reserved ports, as ovs-ofctl prints them. */
const RESERVED: readonly (readonly [string, number])[] = [
  ['IN_PORT', OFPP_IN_PORT],
  ['TABLE', OFPP_TABLE],
  ['NORMAL', OFPP_NORMAL],
  ['FLOOD', OFPP_FLOOD],
  ['ALL', OFPP_ALL],
  ['CONTROLLER', OFPP_CONTROLLER],
  ['LOCAL', OFPP_LOCAL],
  ['ANY', OFPP_NONE],
  ['NONE', OFPP_NONE],
  ['UNSET', OFPP_UNSET],
];
const byName = new Map(RESERVED);
const names = new Map([...RESERVED].reverse().map(([name, port]) => [port, name]));

/** Number of a port given by number or name (reserved names in any case, the bridge's own as in `portNames`), or undefined. */
export function findPort(
  text: string,
  portNames: ReadonlyMap<string, number> | undefined,
): number | undefined {
  if (/^(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(text)) {
    const port = Number(text);
    if (port <= 0xffff) return port;
    // OpenFlow 1.1 and later write the reserved ports as 32-bit numbers.
    return port >= 0xffffff00 && port <= 0xffffffff ? port & 0xffff : undefined;
  }
  const quoted = /^"(.*)"$/.exec(text);
  const name = quoted === null ? text : quoted[1];
  return portNames?.get(name) ?? byName.get(name.toUpperCase());
}

/** As findPort, for text that must be a port. */
export function parsePort(token: Token, portNames: ReadonlyMap<string, number> | undefined): number {
  const port = findPort(token.text, portNames);
  if (port === undefined) {
    fail(
      token,
      `"${token.text}" is no port: expected a number below ${OFPP_MAX}, a port name or a reserved one`,
    );
  }
  return port;
}

/** Names for ports by OpenFlow number, where they are to be printed in place of numbers (`--names`). */
export type PortLabels = ReadonlyMap<number, string>;

/** A port's name as it can be read back: letters and digits stand as they are, others in quotation marks as JSON has them. */
function quoteName(name: string): string {
  return /^[A-Za-z][A-Za-z0-9]*$/.test(name) ? name : JSON.stringify(name);
}

export function isReservedPort(port: number): boolean {
  return names.has(port);
}

/** The name of a reserved port or of one that has a label, else the number. */
export function formatPort(port: number, labels?: PortLabels): string {
  const reserved = names.get(port);
  if (reserved !== undefined) return reserved;
  const label = labels?.get(port);
  return label === undefined ? String(port) : quoteName(label);
}
