import type { DatagramWriter } from '../datagram-writer.js';
import { COUNT, type CountElement, OCTET_COUNTS, PACKET_COUNTS, TCP_COUNTS } from './elements.js';
import type { FlowEntry } from './flow-cache.js';
import { KEY_PREFIX_BYTES, templateOf } from './flow-key.js';
import { L3_OTHER, L4_TCP, type Shape, SHAPES, templateId } from './templates.js';

const SHAPE_OF: ReadonlyMap<number, Shape> = new Map(
  SHAPES.map((shape) => [templateId(shape.vlan, shape.l3, shape.l4, shape.tunnel, shape.direction), shape]),
);

/**
 * Writes the set with the record of a flow. `ahead`: milliseconds from now to the time in the header of the message, to which the times of the
 * record refer.
 */
export function writeRecord(
  out: DatagramWriter,
  entry: FlowEntry,
  reason: number,
  now: number,
  ahead: number,
): void {
  const { key } = entry;
  const template = templateOf(key);
  const shape = SHAPE_OF.get(template)!;
  out.reset();
  out.u16(template).u16(0).bytes(key, KEY_PREFIX_BYTES);
  out.u32(microseconds(now - entry.start + ahead)).u32(microseconds(now - entry.end + ahead));
  writeCounts(out, entry, PACKET_COUNTS);
  out.u8(reason);
  if (shape.l3 !== L3_OTHER) writeCounts(out, entry, OCTET_COUNTS);
  if (shape.l4 === L4_TCP) writeCounts(out, entry, TCP_COUNTS);
  out.setU16(2, out.length);
}

function microseconds(milliseconds: number): number {
  return Math.min(Math.max(0, Math.round(milliseconds * 1000)), 0xffffffff);
}

function writeCounts(out: DatagramWriter, entry: FlowEntry, elements: readonly CountElement[]): void {
  for (const { count, total } of elements) {
    const value = count >= 0 ? entry.counts[count] : entry.totals[total];
    // Sums of squares may pass 2^53; they are estimates anyway.
    out.u64(Math.floor(value / 2 ** 32) % 2 ** 32, value % 2 ** 32);
  }
}

/** Packets that a record is about. */
export function packetsOf(entry: FlowEntry): number {
  return entry.counts[COUNT.packets];
}
