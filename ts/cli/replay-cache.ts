import { FLOW_WORDS } from '../fields/index.js';

/** A megaflow of a replay with what hit it. */
export interface Megaflow {
  /** From 1, in order of appearance. */
  readonly number: number;
  /** What it matches, in the syntax of ovs-dpctl, and its actions. */
  readonly flow: string;
  actions: string;
  packets: number;
  bytes: number;
}

interface Entry {
  readonly megaflow: Megaflow;
  /** Content of OVS_PACKET_ATTR_ACTIONS. */
  readonly actions: Uint8Array;
}

/** Entries of one mask, by the masked key. */
interface MaskedTable {
  readonly mask: Int32Array;
  /** Words of the mask that have bits. */
  readonly words: readonly number[];
  readonly entries: Map<string, Entry>;
}

function maskedKey({ mask, words }: Pick<MaskedTable, 'mask' | 'words'>, key: Int32Array): string {
  let text = '';
  for (const word of words) text += `${key[word] & mask[word]},`;
  return text;
}

/** The megaflows of a replay, as a datapath has them: a table for each mask. */
export class MegaflowCache {
  readonly #tables = new Map<string, MaskedTable>();
  /** By text: one that comes again after a change goes on counting. */
  readonly #megaflows = new Map<string, Megaflow>();

  get megaflows(): readonly Megaflow[] {
    return [...this.#megaflows.values()];
  }

  lookup(key: Int32Array): Entry | null {
    for (const table of this.#tables.values()) {
      const entry = table.entries.get(maskedKey(table, key));
      if (entry !== undefined) return entry;
    }
    return null;
  }

  /** Counts a packet that no entry matched, and installs one, unless each such packet must be looked at (`slow`). */
  miss(
    key: Int32Array,
    mask: Int32Array,
    texts: { readonly flow: string; readonly actions: string },
    actions: Uint8Array,
    slow: boolean,
  ): Entry {
    let megaflow = this.#megaflows.get(texts.flow);
    if (megaflow === undefined) {
      megaflow = { number: this.#megaflows.size + 1, ...texts, packets: 0, bytes: 0 };
      this.#megaflows.set(texts.flow, megaflow);
    }
    megaflow.actions = texts.actions;
    const entry = { megaflow, actions: actions.slice() };
    if (slow) return entry;
    const name = mask.join();
    let table = this.#tables.get(name);
    if (table === undefined) {
      const words = Array.from({ length: FLOW_WORDS }, (_, i) => i).filter((i) => mask[i] !== 0);
      table = { mask: mask.slice(), words, entries: new Map() };
      this.#tables.set(name, table);
    }
    table.entries.set(maskedKey(table, key), entry);
    return entry;
  }

  /** Something changed that may concern any packet: all are translated again. */
  clear(): void {
    this.#tables.clear();
  }
}
