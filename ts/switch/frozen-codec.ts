import type { Bridge } from '../bridge/index.js';
import { SlowpathError } from '../errors/index.js';
import { type Action, fieldByName, type MatchField } from '../openflow/index.js';
import type { FrozenState } from '../xlate/index.js';

/** A value as JSON has it. */
type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

function isField(value: object): value is MatchField {
  const { name } = value as MatchField;
  return typeof name === 'string' && fieldByName(name) === value;
}

/** Numbers, texts, typed arrays, match fields, lists and plain objects of them, as JSON. Throws ERR_RESTART_STATE for what is none of them. */
function toPlain(value: unknown): Plain {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (value === undefined) return { $: 'undefined' };
  if (typeof value === 'bigint') return { $n: value.toString() };
  if (value instanceof Int32Array) return { $i: [...value] };
  if (value instanceof Uint8Array) return { $b: Buffer.from(value).toString('hex') };
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value === 'object') {
    if (isField(value)) return { $f: value.name };
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toPlain(member)]));
  }
  throw bad(`a ${typeof value} cannot be kept`);
}

function bad(problem: string): SlowpathError {
  return new SlowpathError('ERR_RESTART_STATE', `state of the pipeline: ${problem}`);
}

/** What `toPlain` made. Throws ERR_RESTART_STATE. */
function fromPlain(value: Plain): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (isList(value)) return value.map(fromPlain);
  if ('$' in value) return undefined;
  if ('$n' in value) return BigInt(String(value.$n));
  if ('$i' in value) return Int32Array.from(value.$i as readonly number[]);
  if ('$b' in value) return new Uint8Array(Buffer.from(String(value.$b), 'hex'));
  if ('$f' in value) {
    const field = fieldByName(String(value.$f));
    if (field === undefined) throw bad(`no field ${String(value.$f)}`);
    return field;
  }
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, fromPlain(member)]));
}

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value);
}

/** A state of the pipeline as JSON; its bridge and bond are named. Throws ERR_RESTART_STATE. */
export function encodeFrozen(state: FrozenState): Plain {
  const { bridge, bond, ...rest } = state;
  const bundle = bond === null ? null : bridge.bundles.find((one) => one.bond === bond)?.name;
  if (bundle === undefined) throw bad('its bond is gone');
  return { ...(toPlain(rest) as Record<string, Plain>), bridge: bridge.name, bond: bundle };
}

const NUMBERS = ['table', 'inPort', 'metadataHigh', 'metadataLow', 'mirrors'] as const;
const FLAGS = ['isCopy', 'conntracked'] as const;
const REGISTERS = 16;

function isActions(value: unknown): value is readonly Action[] {
  const isAction = (one: unknown) => typeof (one as Action | null)?.type === 'string';
  return Array.isArray(value) && value.every(isAction);
}

function isWords(value: unknown, orNull: boolean): boolean {
  return value instanceof Int32Array || (orNull && value === null);
}

/** What is wrong with a decoded state; null for nothing. */
function problemOf(state: Record<string, unknown>): string | null {
  for (const name of NUMBERS) if (!Number.isInteger(state[name])) return `${name} is no number`;
  for (const name of FLAGS) if (typeof state[name] !== 'boolean') return `${name} is neither true nor false`;
  const { registers, stack, tunnel, tunnelOptions, actions, actionSet, userdata } = state;
  if (!(registers instanceof Int32Array) || registers.length !== REGISTERS) return 'registers are missing';
  if (!isWords(stack, false) || !isWords(tunnel, true) || !isWords(tunnelOptions, true))
    return 'words are missing';
  if (!isActions(actions) || !isActions(actionSet)) return 'actions are missing';
  return userdata === null || userdata instanceof Uint8Array ? null : 'userdata is missing';
}

/**
 * The state that `encodeFrozen` wrote, on the bridges that there are now; null when its bridge or bond is gone. Throws ERR_RESTART_STATE for
 * what is none.
 */
export function decodeFrozen(plain: unknown, bridges: ReadonlyMap<string, Bridge>): FrozenState | null {
  const state = fromPlain(plain as Plain) as Record<string, unknown> | null;
  if (typeof state !== 'object' || state === null) throw bad('no object');
  const problem = problemOf(state);
  if (problem !== null) throw bad(problem);
  const bridge = bridges.get(String(state.bridge));
  if (bridge === undefined) return null;
  let bond: FrozenState['bond'] = null;
  if (state.bond !== null) {
    bond = bridge.bundles.find(({ name }) => name === state.bond)?.bond ?? null;
    if (bond === null) return null;
  }
  return { ...(state as unknown as FrozenState), bridge, bond };
}
