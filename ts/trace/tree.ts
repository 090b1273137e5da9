import {
  type Action,
  emptyMatch,
  formatNat,
  type NatSpec,
  type PortLabels,
  type Rule,
} from '../openflow/index.js';
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
    | 'error'
    | 'plain';
  /** Table number of a table, −1 for others. */
  readonly table: number;
  /** Rule of a table; null for none. */
  readonly rule: Rule | null;
  /** The table is not one of the bridge that the trace began in. */
  readonly isForeign: boolean;
  /** Action of an action; null for others. */
  readonly action: Action | null;
  /** Names for the ports in it, where they are wanted: those of the bridge that it happened in. */
  readonly ports: PortLabels | undefined;
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

/** What a standalone bridge has in table 0 as long as no controller tells it otherwise. */
const STANDALONE_RULE: Rule = {
  table: 0,
  priority: 0,
  match: emptyMatch(),
  actions: [],
  cookieHigh: 0,
  cookieLow: 0,
  idleTimeout: 0,
  hardTimeout: 0,
  importance: 0,
  packets: 0,
  bytes: 0,
};

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
  /** The bridge that the packet is in there. */
  readonly #bridges: (XBridge | null)[] = [null];
  /** The bridge whose trace this is. */
  readonly #home: XBridge;
  readonly #labels: Map<XBridge, PortLabels> | null;
  #count = 0;

  /** `names`: ports are to be told by name. */
  constructor(home: XBridge, names = false) {
    this.#home = home;
    this.#labels = names ? new Map() : null;
  }

  /** Names of a bridge's ports, where they are wanted. */
  labelsOf(bridge: XBridge | null): PortLabels | undefined {
    if (bridge === null || this.#labels === null) return undefined;
    let labels = this.#labels.get(bridge);
    if (labels === undefined) {
      labels = new Map(bridge.portList.map(({ ofport, name }) => [ofport, name]));
      this.#labels.set(bridge, labels);
    }
    return labels;
  }

  bridge(bridge: XBridge): void {
    this.#enter(makeNode({ kind: 'bridge', text: `bridge("${bridge.name}")` }));
    this.#bridges[this.#bridges.length - 1] = bridge;
  }

  thaw(state: FrozenState): void {
    this.#bridges.fill(state.bridge);
    const resuming = makeNode({ kind: 'thaw', text: `Resuming from table ${state.table}` });
    this.#add(makeNode({ kind: 'thaw', text: 'thaw', children: [resuming] }));
  }

  table(table: number, rule: Rule | null): void {
    const bridge = this.#bridges[this.#bridges.length - 1];
    const isStandalone = rule === null && table === 0 && bridge?.failMode === 'standalone';
    const isForeign = bridge !== null && bridge !== this.#home;
    const ports = this.labelsOf(bridge);
    this.#enter(
      makeNode({ kind: 'table', table, rule: isStandalone ? STANDALONE_RULE : rule, isForeign, ports }),
    );
  }

  bucket(bucket: XBucket): void {
    this.#enter(makeNode({ kind: 'bucket', text: `bucket ${bucket.bucketId}` }));
  }

  actionSet(): void {
    this.#enter(makeNode({ kind: 'action_set', text: '--. Executing action set:' }));
  }

  leave(): void {
    this.#open.pop();
    this.#bridges.pop();
  }

  action(action: Action): void {
    const ports = this.labelsOf(this.#bridges[this.#bridges.length - 1]);
    this.#add(makeNode({ kind: 'action', action, ports }));
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
    this.#bridges.push(this.#bridges[this.#bridges.length - 1]);
  }
}

function makeNode(given: Partial<TraceNode> & Pick<TraceNode, 'kind'>): TraceNode {
  return {
    table: -1,
    rule: null,
    isForeign: false,
    action: null,
    ports: undefined,
    text: '',
    children: [],
    ...given,
  };
}
