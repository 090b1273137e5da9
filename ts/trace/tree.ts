import { type Action, formatNat, type NatSpec, type Rule } from '../openflow/index.js';
import type { FrozenState, NoteLevel, Tracer, XBridge, XBucket } from '../xlate/index.js';

/** One thing that happened, with what happened inside it. */
export interface TraceNode {
  readonly kind:
    | 'bridge'
    | 'table'
    | 'bucket'
    | 'action_set'
    | 'thaw'
    | 'action'
    | 'done'
    | 'detail'
    | 'warn'
    | 'error';
  /** Table number of a table, −1 for others. */
  readonly table: number;
  /** Rule of a table; null for none. */
  readonly rule: Rule | null;
  /** Action of an action; null for others. */
  readonly action: Action | null;
  /** Text of all others. */
  readonly text: string;
  readonly children: TraceNode[];
}

/** The packet went to the connection tracker and comes back. */
export interface Fork {
  readonly id: number;
  readonly flow: Int32Array;
  readonly zone: number;
  readonly nat: NatSpec | null;
}

/** Things that one pass may tell of; what comes later is left out. Rules can make a packet go on nearly for ever. */
const MAX_NODES = 1 << 17;

/**
 * Keeps what a translation says as a tree, and where it forked. As in OVS, tables, buckets and bridges hold what happens in them; notes stand
 * beside the action that they are about.
 */
export class TreeTracer implements Tracer {
  readonly nodes: TraceNode[] = [];
  readonly forks: Fork[] = [];
  /** There was more to tell than is kept. */
  isCutShort = false;
  /** The lists of what was entered and not left, outermost first. */
  readonly #open: TraceNode[][] = [this.nodes];
  #count = 0;

  bridge(bridge: XBridge): void {
    this.#enter(makeNode({ kind: 'bridge', text: `bridge("${bridge.name}")` }));
  }

  thaw(state: FrozenState): void {
    const resuming = makeNode({ kind: 'thaw', text: `Resuming from table ${state.table}` });
    this.#add(makeNode({ kind: 'thaw', text: 'thaw', children: [resuming] }));
  }

  table(table: number, rule: Rule | null): void {
    this.#enter(makeNode({ kind: 'table', table, rule }));
  }

  bucket(bucket: XBucket): void {
    this.#enter(makeNode({ kind: 'bucket', text: `bucket ${bucket.bucketId}` }));
  }

  actionSet(): void {
    this.#enter(makeNode({ kind: 'action_set', text: '--. Executing action set:' }));
  }

  leave(): void {
    this.#open.pop();
  }

  action(action: Action): void {
    this.#add(makeNode({ kind: 'action', action }));
  }

  note(text: string, level: NoteLevel): void {
    this.#add(makeNode({ kind: level, text }));
  }

  nat(nat: NatSpec): void {
    this.#add(makeNode({ kind: 'done', text: formatNat(nat) }));
  }

  drop(): void {
    this.#add(makeNode({ kind: 'done', text: 'drop' }));
  }

  fork(id: number, table: number, flow: Int32Array, zone: number, nat: NatSpec | null): void {
    this.note(
      `A clone of the packet is forked to recirculate. The forked pipeline will be resumed at table ${table}.`,
      'detail',
    );
    this.forks.push({ id, flow: flow.slice(), zone, nat });
  }

  #add(node: TraceNode): void {
    this.isCutShort = ++this.#count > MAX_NODES;
    if (!this.isCutShort) this.#open[this.#open.length - 1].push(node);
  }

  #enter(node: TraceNode): void {
    this.#add(node);
    this.#open.push(node.children);
  }
}

function makeNode(given: Partial<TraceNode> & Pick<TraceNode, 'kind'>): TraceNode {
  return { table: -1, rule: null, action: null, text: '', children: [], ...given };
}
