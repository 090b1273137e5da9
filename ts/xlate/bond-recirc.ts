import { OFPP_NONE } from '../openflow/index.js';
import type { Pass } from './pass.js';
import type { FrozenState, XBond, XBridge } from './types.js';

/** Number of the table where packets come back that were recirculated for a bond. No controller sees it (OVS: TBL_INTERNAL). */
export const INTERNAL_TABLE = 254;

const NO_WORDS = new Int32Array(0);
const NO_REGISTERS = new Int32Array(16);

/** States are the same for all packets of a bond, so each is made once. */
const states = new WeakMap<XBond, FrozenState>();

/** The pipeline of such a packet begins anew: in no port, with no registers. */
function stateOf(bridge: XBridge, bond: XBond): FrozenState {
  return {
    bridge,
    table: INTERNAL_TABLE,
    inPort: OFPP_NONE,
    metadataHigh: 0,
    metadataLow: 0,
    registers: NO_REGISTERS,
    tunnel: null,
    tunnelOptions: null,
    stack: NO_WORDS,
    mirrors: 0,
    isCopy: false,
    conntracked: false,
    actions: [],
    actionSet: [],
    userdata: null,
    bond,
  };
}

/** Recirculation id of packets that the datapath is to hash for `bond`. */
export function bondRecircId(pass: Pass, bond: XBond): number {
  let state = states.get(bond);
  if (state === undefined || state.bridge !== pass.bridge) {
    state = stateOf(pass.bridge, bond);
    states.set(bond, state);
  }
  return pass.snapshot.recirc.idFor(state);
}
