import { F_IPV6_DST, F_IPV6_SRC, F_NW_DST, F_NW_SRC, F_TP_DST, F_TP_SRC } from '../fields/index.js';
import { formatAction, formatMatch, type Rule, type TlvMap } from '../openflow/index.js';
import { CT_STATE_FLAGS, formatFlags, formatIpv4, formatIpv6, parseIpv4 } from '../util/index.js';
import { formatPacket } from './format.js';
import { slowReasons, translationError } from './slow.js';
import type { TraceResult, TraceStep } from './trace.js';
import { FRAGMENT_RULE, PACKET_IN_RULE } from '../xlate/index.js';
import type { TraceNode } from './tree.js';

const INDENT = 4;
const RULER = '='.repeat(79);

/** A trace as `ovs-appctl ofproto/trace` of Open vSwitch 3.1 prints it. */
export function traceText({ steps, isCutShort }: TraceResult): string {
  const text = steps.map(stepText).join('\n\n').trimEnd();
  return isCutShort ? `${text}\n\n(${steps.length} passes are shown; the packet goes on)\n` : text;
}

function stepText(step: TraceStep): string {
  const lines: string[] = [];
  if (step.resumed !== null) lines.push(...banner(step.flow, step.resumed));
  lines.push(`Flow: ${formatPacket(step.flow, step.tlvMap, step.ports)}`);
  printNodes(lines, step.nodes, 0, step.tlvMap);
  if (step.nodesCutShort) lines.push('(more happened than is shown)');
  lines.push(
    '',
    `Final flow: ${step.isUnchanged ? 'unchanged' : formatPacket(step.finalFlow, step.tlvMap, step.ports)}`,
  );
  lines.push(`Megaflow: ${step.megaflow}`, `Datapath actions: ${step.datapathActions}`);
  if (step.error !== 'ok') {
    lines.push(translationError(step.error), '');
  } else if (step.slow !== 0) {
    lines.push('This flow is handled by the userspace slow path because it:');
    lines.push(...slowReasons(step.slow).map((reason) => `  - ${reason}.`));
  }
  return lines.join('\n');
}

/** What stands before a pass that goes on behind the connection tracker. */
function banner(flow: Int32Array, resumed: NonNullable<TraceStep['resumed']>): string[] {
  const { recircId, ctState, isDefault, beforeNat, fork } = resumed;
  const state = isDefault
    ? 'default ct_state=trk|new (use --ct-next to customize)'
    : `ct_state=${formatFlags(ctState, CT_STATE_FLAGS)}`;
  const lines = [RULER, `recirc(0x${(recircId >>> 0).toString(16)}) - resume conntrack with ${state}`];
  if (beforeNat !== null) {
    const address = fork.nat?.addressMin ?? null;
    lines.push('Replacing src/dst IP/ports to simulate NAT:');
    lines.push(
      ` Initial flow: ${addresses(beforeNat, address)}`,
      ` Modified flow: ${addresses(flow, address)}`,
    );
  }
  return [...lines, RULER, ''];
}

/** Addresses and ports of a packet, in the family of the address that it is translated to; nothing without one. */
function addresses(flow: Int32Array, translated: string | null): string {
  if (translated === null) return '';
  const source = flow[F_TP_SRC];
  const target = flow[F_TP_DST];
  if (parseIpv4(translated) !== null) {
    return `nw_src=${formatIpv4(flow[F_NW_SRC])},tp_src=${source},nw_dst=${formatIpv4(flow[F_NW_DST])},tp_dst=${target}`;
  }
  const [from, to] = [formatIpv6(flow, F_IPV6_SRC), formatIpv6(flow, F_IPV6_DST)];
  return `ipv6_src=[${from}],tp_src=${source},ipv6_dst=[${to}],tp_dst=${target}`;
}

/** Tables, bridges and what is thawed hold other things; they are indented only where something follows. */
function isContainer(node: TraceNode): boolean {
  return ['bridge', 'table', 'action_set', 'thaw'].includes(node.kind);
}

/** `tlvMap`: that of the bridge that the trace began in; OVS prints with it what rules of all bridges match. */
function printNodes(
  lines: string[],
  nodes: readonly TraceNode[],
  level: number,
  tlvMap: TlvMap | undefined,
): void {
  nodes.forEach((node, i) => {
    const more = i < nodes.length - 1 || !isContainer(node) ? 1 : 0;
    const indent = ' '.repeat((level + more) * INDENT);
    if (node.kind === 'bridge') lines.push('');
    const text = nodeText(node, tlvMap);
    lines.push(indent + text);
    if (node.kind === 'bridge') lines.push(indent + '-'.repeat(text.length));
    printNodes(lines, node.children, level + 2 * more, tlvMap);
  });
}

function nodeText(node: TraceNode, tlvMap: TlvMap | undefined): string {
  switch (node.kind) {
    case 'table':
      return `${String(node.table).padStart(2)}. ${ruleText(node, tlvMap)}`;
    case 'action':
      return formatAction(node.action!, node.ports);
    case 'detail':
      return ` -> ${node.text}`;
    case 'warn':
      return ` >> ${node.text}`;
    case 'error':
      return ` >>>> ${node.text} <<<<`;
    default:
      return node.text;
  }
}

/** What OVS keeps for packets that no rule matches: how it is told, and its match, by which it is told in other bridges than the traced one. */
function missText(rule: Rule | null, isForeign: boolean): string | null {
  const [text, id] =
    rule === null
      ? ['No match.', 2]
      : rule === PACKET_IN_RULE
        ? ['No match, and a "packet-in" is called for.', 1]
        : rule === FRAGMENT_RULE
          ? ['Packets are IP fragments and the fragment handling mode is "drop".', 3]
          : [null, 0];
  return text !== null && isForeign ? `reg0=0x${id}, priority 0` : text;
}

/** What is told of the rule that a table found. */
export function ruleText({ rule, isForeign, ports }: TraceNode, tlvMap: TlvMap | undefined): string {
  const miss = missText(rule, isForeign);
  if (miss !== null || rule === null) return miss ?? '';
  if (rule.origin !== undefined) return rule.origin;
  const match = formatMatch(rule.match, tlvMap, ports);
  const cookie = (BigInt(rule.cookieHigh >>> 0) << 32n) | BigInt(rule.cookieLow >>> 0);
  return `${match === '' ? '' : `${match}, `}priority ${rule.priority}${cookie === 0n ? '' : `, cookie 0x${cookie.toString(16)}`}`;
}
