import { formatActions } from './format-actions.js';
import { formatKey, type PortNames } from './format-key.js';

/** What a datapath says about one flow. */
export interface FlowDescription {
  /** Flow id, four words, or undefined when the flow has none. */
  readonly ufid?: Int32Array | Uint32Array | readonly number[] | undefined;
  /** Content of OVS_FLOW_ATTR_KEY. */
  readonly key: Uint8Array;
  /** Content of OVS_FLOW_ATTR_MASK; undefined or empty for an exact match. */
  readonly mask?: Uint8Array | undefined;
  /** Content of OVS_FLOW_ATTR_ACTIONS. */
  readonly actions: Uint8Array;
  readonly packets: number | bigint;
  readonly bytes: number | bigint;
  /** Milliseconds since the last hit; null for never. */
  readonly idleMs: number | null;
  /** TCP flags seen, ORed. */
  readonly tcpFlags: number;
}

export interface FlowFormatOptions {
  /** As `ovs-dpctl -m`: the ufid, every field, the datapath layer. */
  readonly verbose?: boolean;
  /** Names for ports, as `ovs-dpctl --names`. */
  readonly ports?: PortNames;
  /** Name of the datapath layer for verbose lines; `ovs` for the kernel's. */
  readonly layer?: string;
}

/** A line of `ovs-dpctl dump-flows`, without the newline. */
export function formatFlow(flow: FlowDescription, options: FlowFormatOptions = {}): string {
  const { verbose = false, ports, layer = 'ovs' } = options;
  const id = verbose && flow.ufid !== undefined ? `${formatUfid(flow.ufid)}, ` : '';
  const key = formatKey(flow.key, flow.mask, { verbose, ports });
  const layerText = verbose ? `, dp:${layer}` : '';
  return `${id}${key}, ${statisticsText(flow)}${layerText}, actions:${formatActions(flow.actions, ports)}`;
}

/** `ufid:` and the id in the form of a UUID. */
export function formatUfid(words: ArrayLike<number>): string {
  const hex = Array.from({ length: 4 }, (_, i) => (words[i] >>> 0).toString(16).padStart(8, '0'));
  const [a, b, c, d] = hex;
  return `ufid:${a}-${b.slice(0, 4)}-${b.slice(4)}-${c.slice(0, 4)}-${c.slice(4)}${d}`;
}

function statisticsText(flow: FlowDescription): string {
  const used = flow.idleMs === null ? 'never' : `${(flow.idleMs / 1000).toFixed(3)}s`;
  const flags = flow.tcpFlags === 0 ? '' : `, flags:${tcpFlagLetters(flow.tcpFlags)}`;
  return `packets:${flow.packets}, bytes:${flow.bytes}, used:${used}${flags}`;
}

/** Letters in OVS's order; reserved bits as numbers. */
function tcpFlagLetters(flags: number): string {
  const letters: [number, string][] = [
    [0x002, 'S'],
    [0x001, 'F'],
    [0x008, 'P'],
    [0x004, 'R'],
    [0x020, 'U'],
    [0x010, '.'],
    [0x040, 'E'],
    [0x080, 'C'],
    [0x100, 'N'],
    [0x200, '[200]'],
    [0x400, '[400]'],
    [0x800, '[800]'],
  ];
  return letters
    .filter(([bit]) => (flags & bit) !== 0)
    .map(([, letter]) => letter)
    .join('');
}
