import { OVS_KEY_ATTR_NSH } from '../fields/index.js';
import {
  ACTIONS_MAX,
  ActionsWriter,
  type DatapathAction,
  decodeActions,
  encodeActions,
} from '../flow/index.js';
import { type FieldSet, isUserspaceSet, rewritePacket } from './rewrite.js';
import { setNshFields } from './rewrite-nsh.js';

/** A packet to execute, with the actions that the datapath is to do. */
export interface Assisted {
  readonly packet: Uint8Array;
  /** Content of OVS_PACKET_ATTR_ACTIONS. */
  readonly actions: Uint8Array;
}

/** Changes to the packet, which later actions see. */
const CHANGES: ReadonlySet<DatapathAction['type']> = new Set<DatapathAction['type']>([
  'set',
  'push_vlan',
  'pop_vlan',
  'push_mpls',
  'pop_mpls',
  'add_mpls',
  'push_eth',
  'pop_eth',
  'push_nsh',
  'pop_nsh',
  'hash',
  'ct_clear',
]);

/**
 * Splits actions of which a datapath can do some and userspace must do the others (OVS: dpif_execute_with_help). Where userspace
 * sets fields, a new execution begins: its packet has them set, and its actions begin with the changes that the datapath made before. The
 * two kinds of changes are of different headers, so their order does not matter.
 */
export function assistActions(packet: Uint8Array, etherType: number, actions: Uint8Array): Assisted[] {
  const assistant = new Assistant(etherType);
  assistant.run(decodeActions(actions), { packet, changes: [] });
  return assistant.executions;
}

interface State {
  /** As it came in, with what userspace has set. */
  packet: Uint8Array;
  /** What the datapath has changed. */
  changes: readonly DatapathAction[];
}

class Assistant {
  readonly executions: Assisted[] = [];
  readonly #etherType: number;

  constructor(etherType: number) {
    this.#etherType = etherType;
  }

  /** Does a list from `state` on, and leaves there what it comes to. */
  run(actions: readonly DatapathAction[], state: State): void {
    let pending: DatapathAction[] = [];
    const flush = () => {
      this.#execute(pending, state);
      pending = [];
    };
    for (const action of actions) {
      if (!needsUserspace(action)) {
        pending.push(action);
        continue;
      }
      flush();
      this.#assist(action, state);
    }
    flush();
  }

  #execute(actions: readonly DatapathAction[], state: State): void {
    if (actions.some(({ type }) => !CHANGES.has(type))) {
      const writer = new ActionsWriter(ACTIONS_MAX);
      encodeActions([...state.changes, ...actions], writer);
      this.executions.push({ packet: state.packet, actions: writer.bytes.slice(0, writer.length) });
    }
    state.changes = [...state.changes, ...actions.filter(({ type }) => CHANGES.has(type))];
  }

  #assist(action: DatapathAction, state: State): void {
    if (action.type === 'set') {
      if (action.attribute === OVS_KEY_ATTR_NSH && amendPushedNsh(action, state)) return;
      state.packet = state.packet.slice();
      rewritePacket(state.packet, this.#etherType, action);
    } else if (action.type === 'clone') {
      this.run(action.actions, { ...state });
    } else if (action.type === 'sample') {
      if (Math.random() * 0xffffffff < action.probability >>> 0) this.run(action.actions, { ...state });
    } else if (action.type === 'check_pkt_len') {
      this.run(state.packet.length > action.size ? action.greater : action.lessEqual, { ...state });
    }
  }
}

/** Sets the fields of an NSH header that the datapath has put in front of the packet: in the action that does it. */
function amendPushedNsh(set: FieldSet, state: State): boolean {
  const at = state.changes.findLastIndex(({ type }) => type === 'push_nsh');
  const push = state.changes[at];
  if (push?.type !== 'push_nsh') return false;
  state.changes = state.changes.with(at, { ...push, ...setNshFields(push, set) });
  return true;
}

/** Whether an action is one, or has one in it, that no datapath does. */
function needsUserspace(action: DatapathAction): boolean {
  if (action.type === 'set') return isUserspaceSet(action.attribute);
  if (action.type === 'clone' || action.type === 'sample') return action.actions.some(needsUserspace);
  if (action.type !== 'check_pkt_len') return false;
  return action.greater.some(needsUserspace) || action.lessEqual.some(needsUserspace);
}
