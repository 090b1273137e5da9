import { constants } from 'node:os';
import type { FlowDump } from '../../ts/datapath/index.js';
import { OP_DELETE, OP_EXECUTE, OP_FLAG_ECHO, OP_MODIFY, OP_PUT } from '../../ts/datapath/op-writer.js';
import {
  FLOW_ACTIONS_LEN,
  FLOW_ACTIONS_OFF,
  FLOW_BYTES,
  FLOW_KEY_LEN,
  FLOW_KEY_OFF,
  FLOW_MASK_LEN,
  FLOW_MASK_OFF,
  FLOW_PACKETS,
  FLOW_ROW_WORDS,
  FLOW_TCP_FLAGS,
  FLOW_UFID,
  FLOW_USED,
  FLOW_WORDS,
  OP_ACTIONS_LEN,
  OP_ACTIONS_OFF,
  OP_ERROR,
  OP_FLAGS,
  OP_KEY_LEN,
  OP_KEY_OFF,
  OP_KIND,
  OP_MASK_ROW,
  OP_ROW_WORDS,
  OP_SEQ,
  OP_UFID,
} from '../../ts/fields/index.js';
import {
  type Channel,
  type FlowBatch,
  MATCHED_BACKWARDS,
  MATCHED_FIRST,
  MATCHED_STALE,
  MATCHED_UNTOLD,
  native,
  OP_OWN_BYTES,
  type OpBatch,
  type UpcallBatch,
} from '../../ts/native/index.js';
import { UKEY_OPERATIONAL, type UkeyTable } from '../../ts/ukey/index.js';

/** Flows that a dump shows at a time. */
const AT_ONCE = 4;

/** A flow of the model. */
export interface ModelFlow {
  readonly ufid: Int32Array;
  readonly key: Uint8Array;
  readonly mask: Int32Array;
  actions: Uint8Array;
  packets: number;
  bytes: number;
  /** Monotonic milliseconds, 0 for never. */
  used: number;
}

/** What an operation is to come to. */
export interface Verdict {
  readonly errno: keyof typeof constants.errno;
  /** It is done all the same, and nobody learns of it. */
  readonly isDone?: boolean;
}

export type OpName = 'put' | 'modify' | 'delete' | 'execute';
const OP_NAMES: Readonly<Record<number, OpName>> = {
  [OP_PUT]: 'put',
  [OP_MODIFY]: 'modify',
  [OP_DELETE]: 'delete',
  [OP_EXECUTE]: 'execute',
};

/** What is special about a dump. */
export interface DumpScript {
  /** Flows that it does not show, by the first word of their ids. */
  readonly hides?: (id: number) => boolean;
  /** It ends after so many. */
  readonly interruptedAfter?: number;
  /** It shows the counters of when it began. */
  readonly early?: boolean;
  /** Before each batch. */
  readonly between?: () => void;
}

/** Who is told what happens to flows. */
export interface ModelWatcher {
  /** Its actions are others: packets from here on meet those. */
  modified(flow: ModelFlow): void;
  /** It goes; `isTold`: an answer tells its last counters. */
  deleted(flow: ModelFlow, isTold: boolean): void;
}

/**
 * A datapath's flows as plain objects, by the ids that upcalls gave them: what a handler and a revalidator do to them through channels and dumps. Packets
 * are counted by whoever plays the network.
 */
export class FlowModel {
  readonly flows = new Map<number, ModelFlow>();
  /** Asked for each operation; null when it is to be done. */
  refuse: (op: OpName, flow: ModelFlow | undefined) => Verdict | null = () => null;
  watcher: ModelWatcher = { modified() {}, deleted() {} };
  /** For the dumps to come, in order. */
  readonly scripts: DumpScript[] = [];
  readonly #errors: number[] = [];
  #seq = 0;

  /** What a handler puts and executes through. */
  readonly handlerChannel = {
    submit: (ops: OpBatch, count: number, upcalls: UpcallBatch | null) => {
      for (let op = 0; op < count; op++) {
        const base = op * OP_ROW_WORDS;
        ops.rows[base + OP_SEQ] = ++this.#seq;
        const errno = this.#run(ops, base, upcalls, null);
        if (errno !== 0) this.#errors.push(this.#seq, errno);
      }
      return count;
    },
    drainErrors: (out: Int32Array) => {
      const some = this.#errors.splice(0, out.length);
      out.set(some);
      return some.length / 2;
    },
  } as Partial<Channel> as Channel;

  /** What a revalidator changes flows through. */
  readonly changesChannel = {
    exchange: (ops: OpBatch, count: number, upcalls: UpcallBatch | null, replies: FlowBatch) => {
      const answered: ModelFlow[] = [];
      for (let op = 0; op < count; op++) {
        const base = op * OP_ROW_WORDS;
        ops.rows[base + OP_ERROR] = this.#run(ops, base, upcalls, answered);
      }
      for (const [row, flow] of answered.entries()) writeCounters(replies.rows, row * FLOW_ROW_WORDS, flow);
      return answered.length;
    },
  } as Partial<Channel> as Channel;

  /** Does one operation; its errno. Flows whose counters are to be told as they are now go to `answered`. */
  #run(
    { rows, bytes, masks }: OpBatch,
    base: number,
    upcalls: UpcallBatch | null,
    answered: ModelFlow[] | null,
  ) {
    const op = OP_NAMES[rows[base + OP_KIND]];
    const flow = this.flows.get(rows[base + OP_UFID]);
    const verdict = this.refuse(op, flow);
    if (verdict !== null && verdict.isDone !== true) return constants.errno[verdict.errno];
    const take = (offset: number, length: number) => {
      const own = offset & OP_OWN_BYTES;
      const at = offset & ~OP_OWN_BYTES;
      return (own !== 0 ? bytes : upcalls!.slab).slice(at, at + length);
    };
    const isTold = verdict === null && answered !== null && (rows[base + OP_FLAGS] & OP_FLAG_ECHO) !== 0;
    if (op === 'execute') return 0;
    if (op === 'put') {
      if (flow !== undefined) return constants.errno.EEXIST;
      const mask = rows[base + OP_MASK_ROW] * FLOW_WORDS;
      this.flows.set(rows[base + OP_UFID], {
        ufid: rows.slice(base + OP_UFID, base + OP_UFID + 4),
        key: take(rows[base + OP_KEY_OFF], rows[base + OP_KEY_LEN]),
        mask: masks.slice(mask, mask + FLOW_WORDS),
        actions: take(rows[base + OP_ACTIONS_OFF], rows[base + OP_ACTIONS_LEN]),
        ...{ packets: 0, bytes: 0, used: 0 },
      });
      return 0;
    }
    if (flow === undefined) return constants.errno.ENOENT;
    if (isTold) answered.push({ ...flow });
    if (op === 'delete') {
      this.flows.delete(flow.ufid[0]);
      this.watcher.deleted(flow, isTold);
    } else {
      flow.actions = take(rows[base + OP_ACTIONS_OFF], rows[base + OP_ACTIONS_LEN]);
      this.watcher.modified(flow);
    }
    return verdict === null ? 0 : constants.errno[verdict.errno];
  }

  /** Begins a dump, after the next script. */
  openDump(ukeys: UkeyTable): FlowDump {
    const { hides = () => false, interruptedAfter, early = false, between } = this.scripts.shift() ?? {};
    const shown = [...this.flows.values()].filter(({ ufid }) => !hides(ufid[0]));
    const left = shown.slice(0, interruptedAfter).map((flow) => (early ? { ...flow } : flow));
    const matched = native().createMatchedColumns(AT_ONCE);
    const batch = native().createFlowBatch(AT_ONCE, 64 * 1024);
    const take = () => {
      between?.();
      return left.splice(0, AT_ONCE).filter((flow) => early || this.flows.get(flow.ufid[0]) === flow);
    };
    return {
      batch,
      matched,
      interrupted: interruptedAfter !== undefined,
      next: () => {
        if (left.length === 0) return -1;
        const flows = take();
        let at = 0;
        for (const [row, flow] of flows.entries()) at = writeFlow(batch, row, flow, at);
        return flows.length;
      },
      match: (_columns, round, since) => {
        if (left.length === 0) return -1;
        const flows = take();
        const unknown = flows.filter(({ ufid }) => ukeys.find(ufid, 0) < 0);
        for (const [row, { ufid }] of unknown.entries()) {
          const base = row * FLOW_ROW_WORDS;
          batch.rows.fill(0, base, base + FLOW_ROW_WORDS);
          batch.rows.set(ufid, base + FLOW_UFID);
        }
        let count = 0;
        for (const flow of flows) if (match(ukeys, flow, round, since, matched, count)) count++;
        matched.counts.set([unknown.length, flows.length]);
        return count;
      },
      close() {},
      [Symbol.dispose]() {},
    };
  }
}

type Columns = ReturnType<ReturnType<typeof native>['createMatchedColumns']>;

/** What the addon does with a dumped flow; its own tests are native/test/flow_matcher_test.cc. */
function match(
  ukeys: UkeyTable,
  flow: ModelFlow,
  round: number,
  since: number,
  out: Columns,
  at: number,
): boolean {
  const ukey = ukeys.find(flow.ufid, 0);
  if (ukey < 0 || ukeys.state.get(ukey) !== UKEY_OPERATIONAL || Math.abs(ukeys.dumpRound.get(ukey)) === round)
    return false;
  const backwards = flow.packets < ukeys.packets.get(ukey) || flow.bytes < ukeys.bytes.get(ukey);
  out.ukey[at] = ukey;
  out.packets[at] = flow.packets - (backwards ? 0 : ukeys.packets.get(ukey));
  out.bytes[at] = flow.bytes - (backwards ? 0 : ukeys.bytes.get(ukey));
  out.usedBefore[at] = ukeys.used.get(ukey);
  ukeys.used.set(ukey, Math.max(ukeys.used.get(ukey), flow.used));
  out.used[at] = ukeys.used.get(ukey);
  out.flags[at] =
    (backwards ? MATCHED_BACKWARDS : 0) |
    (ukeys.stale.get(ukey) !== 0 || ukeys.generation.get(ukey) < since ? MATCHED_STALE : 0) |
    (ukeys.untold.get(ukey) !== 0 ? MATCHED_UNTOLD : 0) |
    (ukeys.dumpRound.get(ukey) <= 0 ? MATCHED_FIRST : 0);
  ukeys.packets.set(ukey, flow.packets);
  ukeys.bytes.set(ukey, flow.bytes);
  ukeys.missed.set(ukey, 0);
  ukeys.dumpRound.set(ukey, round);
  return true;
}

function write64(rows: Int32Array, at: number, value: number): void {
  rows[at] = value;
  rows[at + 1] = Math.trunc(value / 2 ** 32);
}

function writeCounters(rows: Int32Array, base: number, { ufid, packets, bytes, used }: ModelFlow): void {
  rows.fill(0, base, base + FLOW_ROW_WORDS);
  rows.set(ufid, base + FLOW_UFID);
  write64(rows, base + FLOW_PACKETS, packets);
  write64(rows, base + FLOW_BYTES, bytes);
  write64(rows, base + FLOW_USED, used);
  rows[base + FLOW_TCP_FLAGS] = 0;
}

/** Writes the whole flow into a row, its attributes from `at` on; where they end. */
function writeFlow({ rows, slab }: FlowBatch, row: number, flow: ModelFlow, at: number): number {
  const base = row * FLOW_ROW_WORDS;
  writeCounters(rows, base, flow);
  const key = new Int32Array(FLOW_WORDS);
  native().decodeKey(flow.key, key, 0);
  const mask = new Uint8Array(8192);
  const maskLength = native().encodeMask(key, 0, flow.mask, 0, mask, 0);
  const parts = [
    [FLOW_KEY_OFF, FLOW_KEY_LEN, flow.key],
    [FLOW_MASK_OFF, FLOW_MASK_LEN, mask.subarray(0, maskLength)],
    [FLOW_ACTIONS_OFF, FLOW_ACTIONS_LEN, flow.actions],
  ] as const;
  let end = at;
  for (const [off, len, bytes] of parts) {
    slab.set(bytes, end);
    rows[base + off] = end;
    rows[base + len] = bytes.length;
    end += (bytes.length + 7) & ~7;
  }
  return end;
}
