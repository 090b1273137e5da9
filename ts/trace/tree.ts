import type { Action, NatSpec, Rule } from '../openflow/index.js';
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

/** Keeps what a translation says as a tree, and where it forked. */
export class TreeTracer implements Tracer {
  readonly nodes: TraceNode[] = [];
  readonly forks: Fork[] = [];
  /** The lists of what was entered and not left, outermost first; actions go to the last. */
  readonly #open: TraceNode[][] = [this.nodes];
  /** Where notes go: under the last action. */
  #current: TraceNode[] = this.nodes;

  bridge(bridge: XBridge): void {
    this.#enter(makeNode({ kind: 'bridge', text: `bridge("${bridge.name}")` }));
  }

  thaw(state: FrozenState): void {
    this.#current.push(makeNode({ kind: 'thaw', text: `Resuming from table ${state.table}` }));
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
    this.#current = this.#open[this.#open.length - 1];
  }

  action(action: Action): void {
    const node = makeNode({ kind: 'action', action });
    this.#open[this.#open.length - 1].push(node);
    this.#current = node.children;
  }

  note(text: string, level: NoteLevel): void {
    this.#current.push(makeNode({ kind: level, text }));
  }

  #enter(node: TraceNode): void {
    this.#current.push(node);
    this.#open.push(node.children);
    this.#current = node.children;
  }

  fork(id: number, flow: Int32Array, zone: number, nat: NatSpec | null): void {
    this.forks.push({ id, flow: flow.slice(), zone, nat });
  }
}

function makeNode(given: Partial<TraceNode> & Pick<TraceNode, 'kind'>): TraceNode {
  return { table: -1, rule: null, action: null, text: '', children: [], ...given };
}
