import type { Rule } from '../openflow/index.js';
import { makeCredit } from './action-lists.js';

/** Names at most; what is counted under more of them is counted under OTHERS. */
const MAX_NAMES = 1024;
const OTHERS = '(others)';

/** Packets and bytes, datapath included, as of the last revalidation round. */
export interface PolicyCount {
  readonly packets: number;
  readonly bytes: number;
}

/** What the packets of a policy count for: credits, which packets get as rules get theirs, each exactly once. */
export class PolicyCounters {
  /** All packets that the policy decided about. */
  readonly all: Rule;
  /** Packets that were dropped because the policy threw. */
  readonly failed: Rule;
  readonly #named = new Map<string, Rule>();
  readonly #dropped = new Map<string, Rule>();
  readonly #table: number;

  constructor(name: string, table: number) {
    this.#table = table;
    this.all = makeCredit(`policy ${name}`, table);
    this.failed = makeCredit(`policy ${name}: failed`, table);
  }

  named(name: string): Rule {
    return this.#in(this.#named, name);
  }

  dropped(reason: string): Rule {
    return this.#in(this.#dropped, reason);
  }

  /** Packets by the names that `act.count` gave. */
  get counts(): Readonly<Record<string, PolicyCount>> {
    return countsOf(this.#named);
  }

  /** Dropped packets by the reasons that `act.drop` gave. */
  get drops(): Readonly<Record<string, PolicyCount>> {
    return countsOf(this.#dropped);
  }

  #in(map: Map<string, Rule>, name: string): Rule {
    const known = map.get(name);
    if (known !== undefined) return known;
    if (map.size >= MAX_NAMES && name !== OTHERS) return this.#in(map, OTHERS);
    const made = makeCredit(name, this.#table);
    map.set(name, made);
    return made;
  }
}

export function countOf({ packets, bytes }: Rule): PolicyCount {
  return { packets, bytes };
}

function countsOf(map: ReadonlyMap<string, Rule>): Readonly<Record<string, PolicyCount>> {
  return Object.fromEntries([...map].map(([name, rule]) => [name, countOf(rule)]));
}
