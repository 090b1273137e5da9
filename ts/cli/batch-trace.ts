import { type BridgesCase, type TraceCase, traceBridgesCase, traceCase } from '../trace/index.js';
import type { BatchRequest } from './batch-request.js';

type Check = (value: unknown) => boolean;

const isString: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number' && Number.isInteger(value);
const isListOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const strings = isListOf(isString);
const isObject: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function has(value: unknown, members: Readonly<Record<string, Check>>): boolean {
  return (
    isObject(value) && Object.entries(members).every(([name, check]) => check((value as BatchRequest)[name]))
  );
}
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value);

const isPort: Check = (port) => has(port, { name: isString, ofport: isNumber, odpPort: optional(isNumber) });
const isBridge: Check = (bridge) => has(bridge, { name: isString, ports: isListOf(isPort) });
const isFdbEntry: Check = (entry) =>
  Array.isArray(entry) && isString(entry[0]) && isNumber(entry[1]) && isString(entry[2]);
const isTrace: Check = (trace) =>
  has(trace, { bridge: isString, flow: isString, options: optional(strings) });

/** Members of a case, what they must be, and how that is said. */
const MEMBERS: readonly (readonly [name: string, check: Check, expected: string])[] = [
  [
    'topology',
    (value) => has(value, { vsctl: strings, bridges: optional(isListOf(isBridge)) }),
    'an object with "vsctl" (words) and "bridges" (ports with name, ofport, odpPort)',
  ],
  ['meters', optional(strings), 'an array of strings'],
  ['groups', optional(strings), 'an array of strings'],
  ['flows', optional(strings), 'an array of strings'],
  ['flowsOf10', optional(strings), 'an array of strings'],
  [
    'bridgeFlows',
    optional((value) => isObject(value) && Object.values(value as object).every(strings)),
    'an object of arrays of strings',
  ],
  ['fdb', optional(isListOf(isFdbEntry)), 'an array of [port, vlan, mac]'],
  ['traces', isListOf(isTrace), 'an array of objects with "bridge", "flow" and "options"'],
];

const isInterface: Check = (port) =>
  has(port, { name: isString, ofport: isNumber, odpPort: optional(isNumber), options: optional(isObject) });
const isBridgePort: Check = (port) => has(port, { name: isString, interfaces: isListOf(isInterface) });
const isStandingBridge: Check = (bridge) =>
  has(bridge, {
    name: isString,
    ports: isListOf(isBridgePort),
    flows: optional(strings),
    groups: optional(strings),
    meters: optional(strings),
    tlvMap: optional(strings),
    mirrors: optional(isListOf(isObject)),
    fdb: optional(isListOf((entry) => has(entry, { port: isString, vlan: isString, mac: isString }))),
    mdb: optional(isListOf(strings)),
  });
const isCommand: Check = (command) =>
  has(command, { cmd: isString, args: optional(strings), text: optional(isString) });
const isArgvTrace: Check = (trace) =>
  has(trace, {
    argv: optional(strings),
    bridge: optional(isString),
    datapath: optional(isString),
    flow: optional(isString),
    packet: optional(isString),
    options: optional(strings),
  });

/** Members of a case that shows its bridges as they stood. */
const STANDING_MEMBERS: typeof MEMBERS = [
  [
    'bridges',
    isListOf(isStandingBridge),
    'an array of bridges with "name", "ports", "flows" and what else they have',
  ],
  ['setup', optional(isListOf(isCommand)), 'an array of objects with "cmd", "bridge", "args" and "text"'],
  ['traces', isListOf(isArgvTrace), 'an array of objects with "argv", or "bridge", "flow" and "options"'],
];

/** A whole switch configuration and packets → what each becomes in it, step by step. */
export function traceRequest(request: BatchRequest): object {
  const entry = request.case;
  if (!isObject(entry)) throw new TypeError('"case" must be an object');
  const isStanding =
    (entry as BatchRequest).topology === undefined && (entry as BatchRequest).bridges !== undefined;
  for (const [name, check, expected] of isStanding ? STANDING_MEMBERS : MEMBERS) {
    if (!check((entry as BatchRequest)[name])) throw new TypeError(`"case.${name}" must be ${expected}`);
  }
  if (isStanding) return traceBridgesCase(entry as unknown as BridgesCase);
  return traceCase(entry as TraceCase, request.text === true);
}
