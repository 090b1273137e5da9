import type { Row } from '../config/index.js';
import type { VlanMode, XBond, XBundle } from '../xlate/index.js';
import type { Bridge } from './bridge.js';
import type { BridgePort } from './port.js';
import { vlanBitmap } from './vlan-bitmap.js';

const TPID_8021Q = 0x8100;
const TPID_8021AD = 0x88a8;

/**
 * A Port record with its interfaces: what VLANs, NORMAL, the MAC table, mirrors and bonds know. One object for the record's life:
 * MAC table entries point to it.
 */
export class BridgeBundle implements XBundle {
  readonly name: string;
  readonly bridge: Bridge;
  ports: readonly BridgePort[] = [];
  vlanMode: VlanMode = 'trunk';
  tag = 0;
  trunks: Int32Array | null = null;
  cvlans: Int32Array | null = null;
  qinqTpid = TPID_8021AD;
  priorityTags: 'never' | 'if-nonzero' | 'always' = 'never';
  protected = false;
  bond: XBond | null = null;

  constructor(bridge: Bridge, name: string) {
    this.bridge = bridge;
    this.name = name;
  }

  get floodable(): boolean {
    return this.ports.every((port) => !port.noFlood);
  }

  /** Takes over the VLAN settings of a Port record (OVS: port_configure, bundle_set). */
  configure(row: Row): void {
    const tag = row.number('tag');
    const mode = row.get('vlan_mode') as VlanMode | null;
    this.vlanMode = mode ?? (tag === null ? 'trunk' : 'access');
    this.tag = this.vlanMode === 'trunk' ? 0 : (tag ?? 0);
    // An access port carries its own VLAN only, whatever trunks say.
    this.trunks = this.vlanMode === 'access' ? null : vlanBitmap(row.numbers('trunks'));
    this.cvlans = vlanBitmap(row.numbers('cvlans'));
    this.qinqTpid = row.option('other_config', 'qinq-ethtype') === '802.1q' ? TPID_8021Q : TPID_8021AD;
    this.priorityTags = priorityTags(row.option('other_config', 'priority-tags'));
    this.protected = row.flag('protected');
  }
}

function priorityTags(text: string | undefined): BridgeBundle['priorityTags'] {
  if (text === 'always') return 'always';
  return text === 'if-nonzero' || text === 'true' ? 'if-nonzero' : 'never';
}
