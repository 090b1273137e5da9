import { METER_ALL, METER_CONTROLLER, METER_SLOWPATH } from './constants.js';
import { TableError } from './table-errors.js';
import type { MeterSpec } from './types.js';

/** What a datapath can do of meters (OVS's userspace datapath: 262144 meters, 8 bands). */
export interface MeterLimits {
  readonly maxMeters: number;
  readonly maxBands: number;
}

/** One change of a meter table; a deletion counts only the number, METER_ALL for all. */
export type MeterMod =
  | { readonly command: 'add' | 'modify'; readonly meter: MeterSpec }
  | { readonly command: 'delete'; readonly meterId: number };

function isVirtual(meterId: number): boolean {
  return meterId === METER_CONTROLLER || meterId === METER_SLOWPATH;
}

/** The meters of one switch. Meters are immutable: a change puts a new object in the place of the old. */
export class MeterTable {
  private readonly meters = new Map<number, MeterSpec>();

  constructor(private readonly limits: MeterLimits = { maxMeters: 262_144, maxBands: 8 }) {}

  get(meterId: number): MeterSpec | undefined {
    return this.meters.get(meterId);
  }

  has(meterId: number): boolean {
    return this.meters.has(meterId);
  }

  get size(): number {
    return this.meters.size;
  }

  /** All meters, in the order they came in. */
  [Symbol.iterator](): IterableIterator<MeterSpec> {
    return this.meters.values();
  }

  /**
   * Applies a change. Returns the numbers of meters that are gone; the caller deletes the flows that use them
   * (FlowModder.deleteByMeter). Throws TableError and changes nothing when OpenFlow does not allow it.
   */
  apply(mod: MeterMod): number[] {
    if (mod.command === 'delete') {
      const gone =
        mod.meterId === METER_ALL ? [...this.meters.keys()] : this.has(mod.meterId) ? [mod.meterId] : [];
      for (const id of gone) this.meters.delete(id);
      return gone;
    }
    const { meterId } = mod.meter;
    if (mod.command === 'add' && this.has(meterId)) {
      throw new TableError('OFPMMFC_METER_EXISTS', `meter ${meterId} exists: modify or delete it`);
    }
    if (mod.command === 'modify' && !this.has(meterId)) {
      throw new TableError('OFPMMFC_UNKNOWN_METER', `there is no meter ${meterId}: add it first`);
    }
    this.check(mod.meter);
    this.meters.set(meterId, mod.meter);
    return [];
  }

  private check({ meterId, bands }: MeterSpec): void {
    if (meterId > this.limits.maxMeters && !isVirtual(meterId)) {
      throw new TableError(
        'OFPMMFC_INVALID_METER',
        `meter ${meterId}: expected a number up to ${this.limits.maxMeters}`,
      );
    }
    if (bands.length > this.limits.maxBands) {
      throw new TableError(
        'OFPMMFC_OUT_OF_BANDS',
        `meter ${meterId} has ${bands.length} bands: expected at most ${this.limits.maxBands}`,
      );
    }
    if (bands.some((band) => band.type !== 'drop')) {
      throw new TableError(
        'OFPMMFC_BAD_BAND',
        `meter ${meterId}: the datapath can only drop, expected bands of type=drop`,
      );
    }
  }
}
