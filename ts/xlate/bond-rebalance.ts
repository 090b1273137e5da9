import { BOND_ENTRIES, type Bond } from './bond.js';
import type { XPort } from './types.js';

/** Load below which members are left alone: bytes of difference, and its share of the lesser load. */
const LEAST_BYTES = 100_000;
const LEAST_SHARE = 1 / 32;
/** How much nearer to 1 moving an entry must bring the ratio of two members' loads. */
const LEAST_GAIN = 0.1;

/** An entry is to move to another member. */
export interface BondMove {
  readonly entry: number;
  readonly port: XPort;
}

/** What rebalancing looks at. */
export interface BondLoad {
  /** Enabled members. */
  readonly ports: readonly XPort[];
  /** Member of each entry, or null; bytes that each entry sent. */
  readonly entryPorts: readonly (XPort | null)[];
  readonly entryBytes: ArrayLike<number>;
}

interface Side {
  readonly port: XPort;
  bytes: number;
  /** Its entries with load that may still move. */
  readonly entries: number[];
}

/** The ratio of the greater to the lesser load; infinite when one has none. */
function ratio(a: number, b: number): number {
  const least = Math.min(a, b);
  return least === 0 ? Number.POSITIVE_INFINITY : Math.max(a, b) / least;
}

/** Index in from.entries of the entry whose move brings the two loads nearest to each other; -1 when none is worth it. */
function chooseEntry(from: Side, to: Side, bytes: ArrayLike<number>): number {
  if (from.entries.length < 2) return -1;
  const before = ratio(from.bytes, to.bytes);
  let best = -1;
  let bestRatio = before;
  for (let i = 0; i < from.entries.length; i++) {
    const load = bytes[from.entries[i]];
    const after = ratio(from.bytes - load, to.bytes + load);
    if (after < bestRatio && before - after > LEAST_GAIN) {
      best = i;
      bestRatio = after;
    }
  }
  return best;
}

/**
 * Which entries should move so that members carry about the same load (OVS: bond_rebalance). Pure. Load goes from the member with most to the
 * one with least, an entry at a time, as long as the difference is at least 3% and 100,000 bytes; a member's only entry stays.
 */
export function planRebalance(load: BondLoad): BondMove[] {
  const { entryBytes } = load;
  const sides = load.ports.map((port): Side => ({ port, bytes: 0, entries: [] }));
  for (let i = 0; i < BOND_ENTRIES; i++) {
    const side = sides.find((other) => other.port === load.entryPorts[i]);
    if (side === undefined || entryBytes[i] === 0) continue;
    side.bytes += entryBytes[i];
    side.entries.push(i);
  }
  const moves: BondMove[] = [];
  while (sides.length > 1) {
    sides.sort((a, b) => b.bytes - a.bytes);
    const from = sides[0];
    const to = sides[sides.length - 1];
    const overload = from.bytes - to.bytes;
    if (overload < to.bytes * LEAST_SHARE || overload < LEAST_BYTES) break;
    const at = chooseEntry(from, to, entryBytes);
    if (at === -1) {
      sides.shift();
      continue;
    }
    const [entry] = from.entries.splice(at, 1);
    moves.push({ entry, port: to.port });
    from.bytes -= entryBytes[entry];
    to.bytes += entryBytes[entry];
  }
  return moves;
}

/** Rebalances a bond by what its entries sent; call it each bond-rebalance-interval. Returns the moves. Old load counts half. */
export function rebalance(bond: Bond): readonly BondMove[] {
  bond.accountRules();
  const { entryBytes } = bond;
  const moves = planRebalance({
    ports: bond.memberList.filter((member) => member.enabled).map((member) => member.port),
    entryPorts: Array.from(entryBytes, (_, entry) => bond.entryPort(entry)),
    entryBytes,
  });
  for (const { entry, port } of moves) bond.moveEntry(entry, port);
  for (let i = 0; i < BOND_ENTRIES; i++) entryBytes[i] = Math.floor(entryBytes[i] / 2);
  return moves;
}
