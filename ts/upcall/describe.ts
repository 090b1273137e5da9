import {
  F_IN_PORT,
  FLOW_WORDS,
  UPCALL_KEY_LEN,
  UPCALL_KEY_OFF,
  UPCALL_PACKET_LEN,
  UPCALL_ROW_WORDS,
} from '../fields/index.js';
import { formatActions, formatKey, type PortNames } from '../flow/index.js';
import { native, type UpcallBatch } from '../native/index.js';
import type { Translation } from '../xlate/index.js';
import { BAD_REASONS, UPCALL_CLASSES, type UpcallClassName } from './classify.js';

/** One upcall in words, for people. */
export interface UpcallDescription {
  readonly class: UpcallClassName;
  /** Why, for class bad. */
  readonly reason?: string;
  /** Datapath port. */
  readonly inPort: number;
  readonly packetLength: number;
  /** The key, in the syntax of ovs-dpctl. */
  readonly key: string;
  /** For misses: the datapath actions, and the key under the mask of the translation. */
  readonly actions?: string;
  readonly megaflow?: string;
  /** A flow was put. */
  readonly installed: boolean;
}

const maskBytes = new Uint8Array(8192);

/** Describes row `row` as an observer is shown it; copies everything. Not for the hot path. */
export function describeUpcall(
  kind: number,
  batch: UpcallBatch,
  row: number,
  translation: Translation | null,
  installed: boolean,
  ports?: PortNames,
): UpcallDescription {
  const base = row * UPCALL_ROW_WORDS;
  const keyOffset = batch.rows[base + UPCALL_KEY_OFF];
  const key = batch.slab.subarray(keyOffset, keyOffset + batch.rows[base + UPCALL_KEY_LEN]);
  const reason = BAD_REASONS[kind];
  const options = ports ? { ports } : {};
  return {
    class: UPCALL_CLASSES[kind],
    ...(reason === undefined ? {} : { reason }),
    inPort: batch.keys[row * FLOW_WORDS + F_IN_PORT],
    packetLength: batch.rows[base + UPCALL_PACKET_LEN],
    key: formatKey(key, undefined, options),
    ...(translation === null
      ? {}
      : {
          actions: formatActions(translation.actions.subarray(0, translation.actionsLength), ports),
          megaflow: formatKey(key, maskOf(batch, row, translation), options),
        }),
    installed,
  };
}

function maskOf(batch: UpcallBatch, row: number, translation: Translation): Uint8Array {
  const length = native().encodeMask(batch.keys, row * FLOW_WORDS, translation.mask, 0, maskBytes, 0);
  return maskBytes.slice(0, Math.max(length, 0));
}
