import { FlowTables } from '../classifier/index.js';
import type { Row } from '../config/index.js';
import {
  MacTable,
  type McastView,
  type XBridge,
  type XGroup,
  type XMirror,
  type XSampling,
} from '../xlate/index.js';
import type { BridgeBundle } from './bundle.js';
import type { BridgePort } from './port.js';

/** Defaults of ovs-vswitchd.conf.db(5). */
const MAC_AGING_SECONDS = 300;
const MAC_TABLE_SIZE = 8192;
/** Least values that OVS takes for them. */
const MAC_AGING_MIN = 15;
const MAC_TABLE_MIN = 10;

/** A bridge: its ports, its flow tables and the addresses it learned. Translation reads it as XBridge. */
export class Bridge implements XBridge {
  readonly name: string;
  readonly uuid: Int32Array;
  failMode: 'standalone' | 'secure' = 'standalone';
  readonly flowTables = new FlowTables();
  fdb: MacTable;
  readonly ports = new Map<number, BridgePort>();
  portList: readonly BridgePort[] = [];
  bundles: readonly BridgeBundle[] = [];
  readonly groups = new Map<number, XGroup>();
  readonly meters = new Map<number, number>();
  mirrors: readonly XMirror[] = [];
  mcast: McastView | null = null;
  sampling: XSampling | null = null;
  forwardBpdu = false;
  #macAgingSeconds = MAC_AGING_SECONDS;
  #macTableSize = MAC_TABLE_SIZE;

  /** `uuid`: of the Bridge record; cookies of userspace actions carry it. */
  constructor(name: string, uuid: string) {
    this.name = name;
    const hex = uuid.replaceAll('-', '');
    this.uuid = Int32Array.from([0, 8, 16, 24], (at) => Number.parseInt(hex.slice(at, at + 8), 16));
    this.fdb = new MacTable();
  }

  get tables(): XBridge['tables'] {
    return this.flowTables.tables;
  }

  /** Takes over the settings of a Bridge record that concern the bridge as a whole. */
  configure(row: Row): void {
    this.failMode = row.text('fail_mode') === 'secure' ? 'secure' : 'standalone';
    this.forwardBpdu = row.option('other_config', 'forward-bpdu') === 'true';
    const seconds = numberOption(row, 'mac-aging-time', MAC_AGING_SECONDS, MAC_AGING_MIN);
    const size = numberOption(row, 'mac-table-size', MAC_TABLE_SIZE, MAC_TABLE_MIN);
    if (seconds === this.#macAgingSeconds && size === this.#macTableSize) return;
    // A table of another size begins empty; the addresses show themselves again soon.
    this.#macAgingSeconds = seconds;
    this.#macTableSize = size;
    this.fdb = new MacTable({ agingMs: seconds * 1000, capacity: size });
  }

  /** Puts bundles and their ports in the place of the old ones; addresses behind those that are gone are forgotten. */
  replaceBundles(bundles: readonly BridgeBundle[]): void {
    const kept = new Set(bundles);
    for (const bundle of this.bundles) if (!kept.has(bundle)) this.fdb.flush(bundle);
    this.bundles = bundles.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    this.ports.clear();
    for (const bundle of bundles) for (const port of bundle.ports) this.ports.set(port.ofport, port);
    this.portList = [...this.ports.values()].sort((a, b) => a.ofport - b.ofport);
  }

  /** The port with this name, or undefined. */
  portByName(name: string): BridgePort | undefined {
    return this.portList.find((port) => port.name === name);
  }

  /** OpenFlow port numbers by name, as flow syntax resolves them. */
  portNames(): Map<string, number> {
    return new Map(this.portList.map((port) => [port.name, port.ofport]));
  }
}

/** A number of other_config; the default where it is missing or no number, the least one where it is smaller. */
export function numberOption(row: Row, key: string, fallback: number, min: number): number {
  const text = row.option('other_config', key);
  const value = text !== undefined && /^\d+$/.test(text) ? Number(text) : fallback;
  return Math.max(value, min);
}
