import type { Row } from '../config/index.js';
import { Lacp, type LacpEnd, type LacpOptions } from '../xlate/index.js';
import { parseMac } from '../util/index.js';

const MAX = 0xffff;

/** What an Interface record says of LACP; 0 for what it leaves open. */
export interface LacpPortSettings {
  readonly id: number;
  readonly priority: number;
  readonly key: number;
}

/** What of a bridge's port matters here. */
interface Speaker extends LacpEnd {
  readonly ofport: number;
  readonly mayForward: boolean;
  readonly lacp: LacpPortSettings;
}

function number(row: Row, key: string): number {
  const text = row.option('other_config', key);
  const value = text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return value <= MAX ? value : 0;
}

export function lacpPortSettings(row: Row): LacpPortSettings {
  return {
    id: number(row, 'lacp-port-id'),
    priority: number(row, 'lacp-port-priority'),
    key: number(row, 'lacp-aggregation-key'),
  };
}

function systemId(row: Row): Uint8Array | null {
  const words = new Int32Array(2);
  if (!parseMac(row.option('other_config', 'lacp-system-id') ?? '', words, 0)) return null;
  const bytes = new DataView(new ArrayBuffer(6));
  bytes.setUint16(0, words[0]);
  bytes.setInt32(2, words[1]);
  return new Uint8Array(bytes.buffer);
}

function lacpOptions(row: Row, ports: readonly Speaker[]): LacpOptions | null {
  const mode = row.text('lacp');
  if (mode !== 'active' && mode !== 'passive') return null;
  return {
    active: mode === 'active',
    fast: row.option('other_config', 'lacp-time') === 'fast',
    fallback: row.option('other_config', 'lacp-fallback-ab') === 'true',
    systemId: systemId(row),
    // As OVS has it: a bond comes before a single port.
    systemPriority: number(row, 'lacp-system-priority') || (ports.length > 1 ? MAX - 1 : MAX),
  };
}

/** The negotiation that a Port record asks for with these ports; null for none. The old one goes on with other settings (OVS: port_configure_lacp). */
export function configureLacp(row: Row, ports: readonly Speaker[], old: Lacp | null): Lacp | null {
  const options = lacpOptions(row, ports);
  if (options === null) return null;
  const members = ports.map((port) => ({
    port,
    id: port.lacp.id || port.ofport,
    priority: port.lacp.priority || MAX,
    key: port.lacp.key,
  }));
  const isUp = (end: LacpEnd) => (end as Speaker).mayForward;
  if (old === null) return new Lacp(options, members, isUp);
  old.reconfigure(options, members, isUp);
  return old;
}
