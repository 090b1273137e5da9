import type { Bridge, BridgePort } from '../bridge/index.js';
import { SyntaxProblem } from '../errors/index.js';
import {
  emptyMatch,
  type FlowMod,
  OFPP_LOCAL,
  parseFlowMod,
  TABLE_ALL,
  toFlowSpec,
} from '../openflow/index.js';
import { about } from './problem.js';

/** A command of ovs-ofctl that was given to a bridge. */
export interface OfctlCommand {
  readonly cmd: string;
  readonly bridge: string;
  /** The option -O; null for ovs-ofctl's own choice. */
  readonly of?: string | null;
  /** What stands behind the name of the bridge. */
  readonly args?: readonly string[] | null;
  /** The file that the command read. */
  readonly text?: string | null;
}

/** What `ovs-ofctl mod-port` does to a port. */
const PORT_ACTIONS: Readonly<Record<string, (port: BridgePort) => void>> = {
  down: (port) => (port.down = true),
  up: (port) => (port.down = false),
  noflood: (port) => (port.noFlood = true),
  'no-flood': (port) => (port.noFlood = true),
  flood: (port) => (port.noFlood = false),
  noforward: (port) => (port.noFwd = true),
  'no-forward': (port) => (port.noFwd = true),
  forward: (port) => (port.noFwd = false),
  noreceive: (port) => (port.noRecv = true),
  'no-receive': (port) => (port.noRecv = true),
  receive: (port) => (port.noRecv = false),
  'no-packet-in': (port) => (port.noPacketIn = true),
  'packet-in': (port) => (port.noPacketIn = false),
};

/** Sets the flags of ports that `mod-port` commands set. */
export function setUpPorts(bridge: Bridge, commands: readonly OfctlCommand[]): void {
  for (const { cmd, args } of commands) {
    if (cmd !== 'mod-port' || !args) continue;
    const [name, action = ''] = args;
    const number = name.toUpperCase() === 'LOCAL' ? OFPP_LOCAL : Number(name);
    const port = bridge.portByName(name) ?? bridge.ports.get(number);
    if (port !== undefined && Object.hasOwn(PORT_ACTIONS, action)) PORT_ACTIONS[action](port);
  }
}

/** The change of flows that a line means. ovs-ofctl sends it in the first version that can say it. */
function flowMod(bridge: Bridge, text: string, command: FlowMod['command'], of: string | null): FlowMod {
  const options = {
    portNames: bridge.portNames(),
    ...(bridge.tlvMap === undefined ? {} : { tlvMap: bridge.tlvMap }),
  };
  const read = (version: 'OpenFlow10' | 'OpenFlow15') =>
    about(`flow "${text}"`, () => parseFlowMod(text, command, { ...options, version }));
  if (of !== null && of !== 'OpenFlow10') return read('OpenFlow15');
  try {
    return read('OpenFlow10');
  } catch (error) {
    if (of !== null || !((error as Error).cause instanceof SyntaxProblem)) throw error;
    return read('OpenFlow15');
  }
}

const COMMANDS: Readonly<Record<string, FlowMod['command']>> = {
  'add-flow': 'add',
  'add-flows': 'add',
  'mod-flows': 'modify',
  'del-flows': 'delete',
};

/** Makes the changes of flows that the commands made, one after the other. */
export function replaySetup(bridge: Bridge, commands: readonly OfctlCommand[]): void {
  for (const { cmd, of = null, args, text } of commands) {
    if (!Object.hasOwn(COMMANDS, cmd)) continue;
    const lines = (text ?? args?.[0] ?? '').split('\n').map((line) => line.replace(/#.*/, '').trim());
    const command = COMMANDS[cmd];
    const wanted = lines.filter((line) => line !== '');
    if (wanted.length === 0 && command === 'delete') {
      bridge.flowTables.delete({ table: TABLE_ALL, match: emptyMatch() });
    }
    for (const line of wanted) change(bridge, flowMod(bridge, line, command, of));
  }
}

function change({ flowTables }: Bridge, mod: FlowMod): void {
  if (mod.command === 'delete') flowTables.delete(mod);
  else if (mod.command === 'add') flowTables.add(toFlowSpec(mod));
  else if (flowTables.modify(mod, mod.actions).length === 0 && mod.mayAdd) flowTables.add(toFlowSpec(mod));
}
