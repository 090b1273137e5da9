import { SlowpathError } from '../errors/index.js';
import type { PolicyActions } from './act.js';
import type { PolicyPacket } from './packet.js';
import type { StateKey, StateTableDeclaration, StateViews } from './state-table.js';

/** Tables that a policy declares, by name. */
// biome-ignore lint/suspicious/noExplicitAny: keys and values of any table
export type TableDeclarations = Readonly<Record<string, StateTableDeclaration<any, any>>>;

/**
 * Decides about one packet: asks `pkt`, calls `act`. It must be a function of what it reads of the packet and of its tables, and of nothing else: it is
 * called again for packets of the same kind whenever the flow is looked at, and must decide the same. An async function may take its time.
 */
export type PolicyFunction<T = Readonly<Record<never, never>>> = (
  pkt: PolicyPacket,
  act: PolicyActions,
  state: StateViews<T>,
) => void | Promise<void>;

/** How an async policy is waited for. */
export interface LaterOptions {
  /** Milliseconds after which packets that are still undecided are given `meanwhile`. Default 1000. Looked at ten times a second. */
  readonly deadline?: number;
  /** What becomes of packets until there is an answer. Default: they are dropped. */
  readonly meanwhile?: (act: PolicyActions) => void;
  /** Questions that may be open at a time, 1024 by default; packets beyond get `meanwhile` and are asked about later. */
  readonly maxPending?: number;
  /** Answers that are kept, 65,536 by default; then the oldest goes and is asked for again. */
  readonly maxAnswers?: number;
  /** Milliseconds that an answer stands; then it is asked for again. Default: until what it read changes. */
  readonly maxAge?: number;
}

/** A policy, to be attached to bridges. */
export interface PolicyDefinition<T extends TableDeclarations = Readonly<Record<never, never>>> {
  /** Shown in traces, figures and warnings. Default: the function's name, or `policy`. */
  readonly name?: string;
  /** State that decisions depend on. Each bridge that the policy is attached to has its own. */
  readonly tables?: T;
  readonly run: PolicyFunction<T>;
  /** The policy answers with a promise, and how that is waited for. Async functions are known as such. */
  readonly later?: LaterOptions;
}

/** A policy as it may be given: a function alone will do. */
export type PolicySource<T extends TableDeclarations = TableDeclarations> =
  | PolicyDefinition<T>
  | PolicyFunction<T>;

/** Says what the types of a policy are; the same object back. */
export function definePolicy<const T extends TableDeclarations = Readonly<Record<never, never>>>(
  definition: PolicyDefinition<T>,
): PolicyDefinition<T> {
  return definition;
}

/** A definition with nothing left out. */
export interface CompletePolicy {
  readonly name: string;
  readonly tables: Readonly<Record<string, StateTableDeclaration<StateKey, unknown>>>;
  readonly run: (pkt: PolicyPacket, act: PolicyActions, state: never) => unknown;
  /** null for a policy that answers at once. */
  readonly later: Required<LaterOptions> | null;
}

const LATER: Required<LaterOptions> = {
  deadline: 1000,
  meanwhile: () => {},
  maxPending: 1024,
  maxAnswers: 65536,
  maxAge: Number.POSITIVE_INFINITY,
};

/** Fills a definition in. Throws ERR_POLICY for what is none. */
export function completePolicy(source: unknown): CompletePolicy {
  const given = typeof source === 'function' ? { run: source } : source;
  if (typeof given !== 'object' || given === null || typeof (given as { run?: unknown }).run !== 'function')
    throw new SlowpathError(
      'ERR_POLICY',
      'a policy is a function (pkt, act) => { … }, or an object with such a function as `run`',
    );
  const { name, tables = {}, run, later } = given as PolicyDefinition<TableDeclarations>;
  for (const [table, declaration] of Object.entries(tables)) {
    if (typeof declaration?.options !== 'object')
      throw new SlowpathError('ERR_POLICY', `table ${table} of the policy: expected policyTable(…)`);
  }
  const isAsync = later !== undefined || run.constructor.name === 'AsyncFunction';
  return {
    name: name ?? (run.name === '' || run.name === 'run' ? 'policy' : run.name),
    tables,
    run: run as CompletePolicy['run'],
    later: isAsync ? { ...LATER, ...later } : null,
  };
}
