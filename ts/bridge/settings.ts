import { SlowpathError } from '../errors/index.js';
import type { TableMiss } from '../xlate/index.js';
import type { Bridge, BridgePort } from './bridge.js';

type PortFlag = 'down' | 'noRecv' | 'noRecvStp' | 'noFlood' | 'noFwd' | 'noPacketIn';

/** Words of `ovs-ofctl mod-port` → OpenFlow's port configuration and what it becomes. */
const PORT_WORDS: Readonly<Record<string, readonly [flag: PortFlag, value: boolean] | null>> = {
  up: ['down', false],
  down: ['down', true],
  receive: ['noRecv', false],
  'no-receive': ['noRecv', true],
  'receive-stp': ['noRecvStp', false],
  'no-receive-stp': ['noRecvStp', true],
  flood: ['noFlood', false],
  'no-flood': ['noFlood', true],
  forward: ['noFwd', false],
  'no-forward': ['noFwd', true],
  'packet-in': ['noPacketIn', false],
  'no-packet-in': ['noPacketIn', true],
  // The spanning tree protocol is not spoken, so taking part in it or not is the same.
  stp: null,
  'no-stp': null,
};
const FRAGMENTS = ['normal', 'drop', 'nx-match'] as const;
const TABLE_MISS = ['continue', 'controller', 'drop'] as const;
const TABLES = 254;

function refuse(what: string, word: string, expected: readonly string[]): never {
  throw new SlowpathError('ERR_SETTING', `${what}: "${word}": expected ${expected.join(', ')}`);
}

/** Changes a port as `ovs-ofctl mod-port BRIDGE PORT WORD` does. Throws ERR_SETTING for other words. */
export function modPort(port: BridgePort, word: string): void {
  if (!Object.hasOwn(PORT_WORDS, word)) refuse(`port ${port.name}`, word, Object.keys(PORT_WORDS));
  const change = PORT_WORDS[word];
  if (change === null) return;
  const [flag, value] = change;
  port[flag] = value;
  if (flag === 'down') port.bundle.linkChanged(port);
}

/**
 * How a bridge's rules see fragments, as `ovs-ofctl set-frags` takes it. Throws ERR_SETTING; `reassemble`, which no switch of OVS can do, is
 * refused too.
 */
export function setFragments(bridge: Bridge, mode: string): void {
  const known = FRAGMENTS.find((one) => one === mode);
  bridge.fragments = known ?? refuse(`fragments of ${bridge.name}`, mode, FRAGMENTS);
}

/**
 * What becomes of packets that no rule of a table matches, as `ovs-ofctl mod-table BRIDGE TABLE ACTION` takes it: `table` 0 to 253, or
 * 'all'; 'default' drops them. Throws ERR_SETTING.
 */
export function modTable(bridge: Bridge, table: number | 'all', action: TableMiss | 'default'): void {
  const known = TABLE_MISS.find((one) => one === action);
  if (known === undefined && action !== 'default') {
    refuse(`tables of ${bridge.name}`, action, [...TABLE_MISS, 'default']);
  }
  const isTable = table === 'all' || (Number.isInteger(table) && table >= 0 && table < TABLES);
  if (!isTable) refuse(`tables of ${bridge.name}`, String(table), ['0 to 253', 'all']);
  const [first, last] = table === 'all' ? [0, TABLES - 1] : [table, table];
  for (let t = first; t <= last; t++) {
    if (known === undefined) bridge.tableMiss.delete(t);
    else bridge.tableMiss.set(t, known);
  }
}
