import type { Action, NatSpec, Rule } from '../openflow/index.js';
import type { Tracer } from '../xlate/index.js';

/** One thing that happened, with what happened inside it. */
export interface TraceNode {
  readonly kind: 'bridge' | 'table' | 'thaw' | 'action' | 'detail' | 'warn' | 'error';
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
  /** Where actions of each depth go. */
  readonly #lists: TraceNode[][] = [this.nodes];
  #current: TraceNode[] = this.nodes;

  lookup(table: number, rule: Rule | null, depth: number): void {
    const node = makeNode({ kind: 'table', table, rule });
    this.#current.push(node);
    this.#current = node.children;
    this.#lists[depth] = node.children;
  }

  action(action: Action, depth: number): void {
    const node = makeNode({ kind: 'action', action });
    this.#lists[depth].push(node);
    this.#current = node.children;
  }

  note(text: string): void {
    this.#current.push(makeNode({ kind: 'detail', text }));
  }

  fork(id: number, flow: Int32Array, zone: number, nat: NatSpec | null): void {
    this.forks.push({ id, flow: flow.slice(), zone, nat });
  }
}

function makeNode(given: Partial<TraceNode> & Pick<TraceNode, 'kind'>): TraceNode {
  return { table: -1, rule: null, action: null, text: '', children: [], ...given };
}
