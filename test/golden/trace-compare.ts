import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  F_ARP_SHA,
  F_ARP_THA,
  F_CT_NW_PROTO,
  F_CT_TP_DST,
  F_CT_TP_SRC,
  F_ETH_TYPE,
  F_IN_PORT,
  F_MPLS_LSE0,
  F_ND_OPTIONS_TYPE,
  F_ND_RESERVED,
  F_ND_TARGET,
  F_NW_PROTO,
  F_NW_TTL,
  F_PACKET_TYPE,
  F_TP_DST,
  F_TP_SRC,
  F_TUN_FLAGS,
  F_TUN_OPTS,
  F_VLAN1_TCI,
  F_VLAN1_TPID,
  F_VLAN_TPID,
  FLOW_WORDS,
} from '../../ts/fields/index.js';
import { parseFlow } from '../../ts/openflow/index.js';
import { buildCase, type TraceAnswer, type TraceCase, traceOne } from '../../ts/trace/index.js';
import { root } from '../support/processes.js';

/** What real Open vSwitch answered. */
export type RecordedTrace = TraceCase['traces'][number] &
  TraceAnswer & {
    /** Whether the order of actions is defined. */
    readonly compare?: 'exact' | 'multiset';
    /** What `ofproto/trace` printed. */
    readonly text?: string;
  };

export interface RecordedCase extends TraceCase {
  readonly id: string;
  readonly features: readonly string[];
  readonly topology: TraceCase['topology'] & { readonly name: string };
  readonly traces: readonly RecordedTrace[];
}

/** How our answer to one trace compares. */
export interface Comparison {
  readonly id: string;
  readonly case: RecordedCase;
  readonly trace: RecordedTrace;
  readonly ours: TraceAnswer | null;
  /**
   * agree; or what differs first: we refused, number of steps, actions, slow path or error, flows, megaflow bits that OVS does not
   * match, megaflow text.
   */
  readonly verdict:
    | 'agree'
    | 'refused'
    | 'steps'
    | 'actions'
    | 'reasons'
    | 'flows'
    | 'wider mask'
    | 'mask text';
  /** What differs, one thing a line. */
  readonly detail: string;
  /** Bits that the masks match, ours and theirs. */
  readonly bits: readonly [ours: number, theirs: number];
}

export function recordedCases(): RecordedCase[] {
  return readCases(join(root, 'test/fixtures/xlate-dev.jsonl.gz'));
}

export function readCases(path: string): RecordedCase[] {
  return gunzipSync(readFileSync(path))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RecordedCase);
}

/** Top-level actions of a datapath action list. */
export function splitTop(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')') depth--;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return [...parts, text.slice(start)];
}

function comparable(actions: string, compare: RecordedTrace['compare']): string {
  return compare === 'multiset' ? splitTop(actions).sort().join(',') : actions;
}

/** Conditions that only megaflows have, or that flows have with prerequisites: word, and mask when the text names none. */
const SPECIAL: Readonly<Record<string, readonly [word: number, exact: number]>> = {
  icmp_type: [F_TP_SRC, 0xff],
  icmp_code: [F_TP_DST, 0xff],
  igmp_type: [F_TP_SRC, 0xff],
  igmp_code: [F_TP_DST, 0xff],
  tp_src: [F_TP_SRC, 0xffff],
  tp_dst: [F_TP_DST, 0xffff],
  nw_ttl: [F_NW_TTL, 0xff],
  nw_proto: [F_NW_PROTO, 0xff],
  vlan_tci1: [F_VLAN1_TCI, 0xffff],
  dl_vlan1: [F_VLAN1_TCI, 0x1fff],
  dl_vlan_pcp1: [F_VLAN1_TCI, 0xf000],
  mpls_lse1: [F_MPLS_LSE0 + 1, -1],
  mpls_lse2: [F_MPLS_LSE0 + 2, -1],
  nd_reserved: [F_ND_RESERVED, -1],
  nd_options_type: [F_ND_OPTIONS_TYPE, 0xff],
  ct_nw_proto: [F_CT_NW_PROTO, 0xff],
  ct_tp_src: [F_CT_TP_SRC, 0xffff],
  ct_tp_dst: [F_CT_TP_DST, 0xffff],
};
const TUNNEL_FLAGS = ['oam', 'df', 'csum', 'key'];

/** Takes a condition that is no OpenFlow; false when it is one. */
function acceptSpecial(mask: Int32Array, condition: string): boolean {
  const [, name, bits] = /^(\w+)=[^/]*(?:\/(.*))?$/.exec(condition) ?? [];
  if (name === 'tun_flags') {
    const flags = [...condition.matchAll(/[-+](\w+)/g)];
    // Without signs: all of them, those that are named are set.
    if (flags.length === 0) mask[F_TUN_FLAGS] |= (1 << TUNNEL_FLAGS.length) - 1;
    for (const [, flag] of flags) mask[F_TUN_FLAGS] |= 1 << TUNNEL_FLAGS.indexOf(flag);
    return true;
  }
  // Options are packed as the bridge's map says, which is not here: any word of its own will do.
  const option = /^tun_metadata(\d+)(?:=|$)/.exec(condition);
  if (option !== null) {
    mask[F_TUN_OPTS + Number(option[1])] |= -1;
    return true;
  }
  if (name === 'nd_target' || name === 'nd_sll' || name === 'nd_tll') {
    const [word, count] =
      name === 'nd_target' ? [F_ND_TARGET, 4] : [name === 'nd_sll' ? F_ARP_SHA : F_ARP_THA, 2];
    mask.fill(-1, word, word + count);
    return true;
  }
  if (name === undefined || !Object.hasOwn(SPECIAL, name)) return false;
  const [word, exact] = SPECIAL[name];
  mask[word] |= bits === undefined ? exact : Number(bits);
  return true;
}

/** The mask that a megaflow in OpenFlow style stands for. in_port and the types are always exact. */
export function maskOf(megaflow: string): Int32Array {
  const special = new Int32Array(FLOW_WORDS);
  const plain = megaflow
    .replace(/recirc_id=R(\d+)/, 'recirc_id=$1')
    .replace(/(^|,)igmp(?=,|$)/, '$1ip,nw_proto=2')
    .split(',')
    .filter((condition) => !acceptSpecial(special, condition));
  const { mask } = parseFlow(`${plain.join(',')} actions=drop`).match;
  for (let w = 0; w < FLOW_WORDS; w++) mask[w] |= special[w];
  mask[F_IN_PORT] = -1;
  mask[F_PACKET_TYPE] = -1;
  mask[F_ETH_TYPE] = 0xffff;
  // TPIDs go without saying.
  mask[F_VLAN_TPID] = 0;
  mask[F_VLAN1_TPID] = 0;
  return mask;
}

function bitCount(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}

function countBits(mask: Int32Array): number {
  return mask.reduce((sum, word) => sum + bitCount(word), 0);
}

/** Whether `mask` has bits that `theirs` has not. */
function hasSurplus(mask: Int32Array, theirs: Int32Array): boolean {
  for (let w = 0; w < FLOW_WORDS; w++) if ((mask[w] & ~theirs[w]) !== 0) return true;
  return false;
}

type Judgement = Pick<Comparison, 'verdict' | 'detail' | 'bits'>;

/** Compares one answer with the recorded one. */
export function judge(ours: TraceAnswer, theirs: RecordedTrace): Judgement {
  const bits: [number, number] = [0, 0];
  const problems: [Comparison['verdict'], string][] = [];
  if (ours.steps.length !== theirs.steps.length) {
    problems.push(['steps', `steps: ours ${ours.steps.length}, theirs ${theirs.steps.length}`]);
  }
  for (const [i, step] of theirs.steps.entries()) {
    const own = ours.steps[i];
    if (own === undefined) break;
    const differ = (verdict: Comparison['verdict'], what: keyof typeof own) =>
      problems.push([verdict, `step ${i}: ${what}\n   ours   ${own[what]}\n   theirs ${step[what]}`]);
    if (
      comparable(own.datapathActions, theirs.compare) !== comparable(step.datapathActions, theirs.compare)
    ) {
      differ('actions', 'datapathActions');
    }
    if (own.flow !== step.flow) differ('flows', 'flow');
    if (own.finalFlow !== step.finalFlow) differ('flows', 'finalFlow');
    if (own.megaflow === step.megaflow) {
      const count = countBits(maskOf(step.megaflow));
      bits[0] += count;
      bits[1] += count;
      continue;
    }
    const [a, b] = [maskOf(own.megaflow), maskOf(step.megaflow)];
    bits[0] += countBits(a);
    bits[1] += countBits(b);
    if (hasSurplus(a, b)) differ('wider mask', 'megaflow');
    else if (!hasSurplus(b, a)) differ('mask text', 'megaflow');
  }
  if (JSON.stringify(ours.slow ?? []) !== JSON.stringify(theirs.slow ?? [])) {
    problems.push(['reasons', `slow: ours ${ours.slow}, theirs ${theirs.slow}`]);
  }
  if (ours.translationError !== theirs.translationError) {
    problems.push(['reasons', `error: ours ${ours.translationError}, theirs ${theirs.translationError}`]);
  }
  const order: Comparison['verdict'][] = ['steps', 'actions', 'reasons', 'flows', 'wider mask', 'mask text'];
  const verdict = order.find((kind) => problems.some(([found]) => found === kind)) ?? 'agree';
  return { verdict, detail: problems.map(([, text]) => text).join('\n'), bits };
}

/** Runs all traces of a case and compares. */
export function compareCase(entry: RecordedCase): Comparison[] {
  let built: ReturnType<typeof buildCase>;
  try {
    built = buildCase(entry);
  } catch (error) {
    return entry.traces.map((trace, i) => refusal(entry, trace, i, error));
  }
  return entry.traces.map((trace, i) => {
    try {
      const ours = traceOne(built, trace);
      return { id: `${entry.id}:${i}`, case: entry, trace, ours, ...judge(ours, trace) };
    } catch (error) {
      return refusal(entry, trace, i, error);
    }
  });
}

function refusal(entry: RecordedCase, trace: RecordedTrace, i: number, error: unknown): Comparison {
  const detail = error instanceof Error ? error.message : String(error);
  return { id: `${entry.id}:${i}`, case: entry, trace, ours: null, verdict: 'refused', detail, bits: [0, 0] };
}
