import { setImmediate as nextTurn } from 'node:timers/promises';
import { SlowpathError } from '../errors/index.js';
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
} from '../fields/index.js';
import {
  type FlowDescription,
  type FlowFormatOptions,
  formatActions,
  formatFlow,
  formatKey,
  formatUfid,
} from '../flow/index.js';
import { type FlowBatch, native } from '../native/index.js';
import type { Datapath, FlowDump } from './types.js';

export interface DumpTextOptions {
  /** As `ovs-dpctl dump-flows -m`: flow ids and every field. */
  readonly verbose?: boolean;
  /** Port names in place of numbers, as `--names`. */
  readonly names?: boolean;
  /** Only flows that this takes; what it is given is valid during the call. */
  readonly accept?: (flow: FlowDescription) => boolean;
}

/** A row of a (not terse) dump. What it points to is valid as long as the batch is. `now`: monotonic milliseconds. */
export function describeFlow(batch: FlowBatch, row: number, now: number): FlowDescription {
  const { rows, slab } = batch;
  const base = row * FLOW_ROW_WORDS;
  const bytes = (offset: number, length: number) =>
    slab.subarray(rows[base + offset], rows[base + offset] + rows[base + length]);
  const wide = (at: number) => (BigInt(rows[base + at + 1] >>> 0) << 32n) | BigInt(rows[base + at] >>> 0);
  const used = Number(wide(FLOW_USED));
  const ufid = rows.slice(base + FLOW_UFID, base + FLOW_UFID + 4);
  return {
    ufid: ufid.some((word) => word !== 0) ? ufid : undefined,
    key: bytes(FLOW_KEY_OFF, FLOW_KEY_LEN),
    mask: rows[base + FLOW_MASK_LEN] > 0 ? bytes(FLOW_MASK_OFF, FLOW_MASK_LEN) : undefined,
    actions: bytes(FLOW_ACTIONS_OFF, FLOW_ACTIONS_LEN),
    packets: wide(FLOW_PACKETS),
    bytes: wide(FLOW_BYTES),
    idleMs: used === 0 ? null : Math.max(0, now - used),
    tcpFlags: rows[base + FLOW_TCP_FLAGS],
  };
}

/** Times a dump is begun anew after the datapath said that it was interrupted. */
const DUMP_ATTEMPTS = 5;

/** A flow of a datapath, for programs. */
export interface FlowRecord {
  /** `ufid:` and the flow's id; absent when the datapath gives none. */
  readonly ufid?: string;
  /** What it matches and does, in the syntax of ovs-dpctl. */
  readonly flow: string;
  readonly actions: string;
  readonly packets: number;
  readonly bytes: number;
  /** Milliseconds since the last hit; null for never. */
  readonly idleMs: number | null;
  /** TCP flags seen, ORed. */
  readonly tcpFlags: number;
}

/** As dumpFlowLines, as objects. */
export function dumpFlowRecords(
  datapath: Pick<Datapath, 'name' | 'ports' | 'openDump'>,
  options: DumpTextOptions = {},
): Promise<FlowRecord[]> {
  return dumpWith(datapath, options, ({ ufid, key, mask, actions, ...rest }, { verbose = false, ports }) => ({
    ...(ufid === undefined ? {} : { ufid: formatUfid(ufid) }),
    flow: formatKey(key, mask, { verbose, ports }),
    actions: formatActions(actions, ports),
    ...rest,
    packets: Number(rest.packets),
    bytes: Number(rest.bytes),
  }));
}

/**
 * The flows of a datapath as lines of `ovs-dpctl dump-flows`, in the order of the dump. A dump that was interrupted, and so may lack
 * flows, is begun anew; ERR_DUMP_INTERRUPTED when that happens again and again.
 */
export function dumpFlowLines(
  datapath: Pick<Datapath, 'name' | 'ports' | 'openDump'>,
  options: DumpTextOptions = {},
): Promise<string[]> {
  return dumpWith(datapath, options, formatFlow);
}

async function dumpWith<T>(
  datapath: Pick<Datapath, 'name' | 'ports' | 'openDump'>,
  options: DumpTextOptions,
  show: (flow: FlowDescription, format: FlowFormatOptions) => T,
): Promise<T[]> {
  const ports = options.names ? new Map(datapath.ports().map((port) => [port.portNo, port.name])) : undefined;
  const format = { verbose: options.verbose ?? false, ...(ports ? { ports } : {}) };
  for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
    const dump = datapath.openDump();
    try {
      const shown = await readDump(dump, options.accept, (flow) => show(flow, format));
      if (!dump.interrupted) return shown;
    } finally {
      dump.close();
    }
  }
  throw new SlowpathError(
    'ERR_DUMP_INTERRUPTED',
    `the flows of ${datapath.name} changed during ${DUMP_ATTEMPTS} dumps in a row; try again`,
  );
}

/** All flows of a dump, giving the event loop a turn between batches. */
async function readDump<T>(
  dump: FlowDump,
  accept: DumpTextOptions['accept'],
  show: (flow: FlowDescription) => T,
): Promise<T[]> {
  const shown: T[] = [];
  for (let count = dump.next(); count >= 0; count = dump.next()) {
    const now = native().monotonicMs();
    for (let row = 0; row < count; row++) {
      const flow = describeFlow(dump.batch, row, now);
      if (accept === undefined || accept(flow)) shown.push(show(flow));
    }
    await nextTurn();
  }
  return shown;
}
