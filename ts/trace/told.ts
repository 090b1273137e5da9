import { formatAction, type TlvMap } from '../openflow/index.js';
import { ruleText } from './text.js';
import type { TraceNode } from './tree.js';

/** One thing that happened, as data: what `traceText` prints as a line, with what happened inside it. */
export interface Told {
  readonly kind: TraceNode['kind'];
  /** A rule of a table as match, priority and cookie; an action in the syntax of ovs-ofctl; a remark. */
  readonly text: string;
  /** Of a table: its number, and priority and cookie (16 hexadecimal digits) of the rule that it found, if any. */
  readonly table?: number;
  readonly priority?: number;
  readonly cookie?: string;
  readonly children?: readonly Told[];
}

/** The tree of a pass. `textOf` makes texts alike from run to run. */
export function toldOf(
  nodes: readonly TraceNode[],
  tlvMap: TlvMap | undefined,
  textOf: (text: string) => string,
): Told[] {
  return nodes.map((node) => ({
    kind: node.kind,
    text: textOf(node.kind === 'table' ? ruleText(node, tlvMap) : plainText(node)),
    ...(node.kind === 'table' ? tableOf(node) : {}),
    ...(node.children.length === 0 ? {} : { children: toldOf(node.children, tlvMap, textOf) }),
  }));
}

const plainText = ({ action, text, ports }: TraceNode) =>
  action === null ? text : formatAction(action, ports);

function tableOf({ table, rule }: TraceNode): Pick<Told, 'table' | 'priority' | 'cookie'> {
  if (rule === null) return { table };
  const word = (value: number) => (value >>> 0).toString(16).padStart(8, '0');
  return { table, priority: rule.priority, cookie: word(rule.cookieHigh) + word(rule.cookieLow) };
}
