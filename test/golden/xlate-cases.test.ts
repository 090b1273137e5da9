import { expect } from 'chai';
import {
  F_ETH_TYPE,
  F_IN_PORT,
  F_PACKET_TYPE,
  F_VLAN1_TPID,
  F_VLAN_TPID,
  FLOW_WORDS,
} from '../../ts/fields/index.js';
import { formatActions } from '../../ts/flow/index.js';
import { parseFlow, type Rule } from '../../ts/openflow/index.js';
import { type Tracer, type Translation, Translator } from '../../ts/xlate/index.js';
import { makeKeyFor } from '../support/xlate.js';
import {
  inReach,
  type PreparedCase,
  prepare,
  STALE_RECORDINGS,
  type XlateTrace,
  xlateCases,
} from './xlate-cases.js';

/** Top-level actions of a datapath action list. */
function splitTop(text: string): string[] {
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

/** A trace sends nothing, and says so in the cookie; recirculation ids are numbered in order of appearance. */
function normalise(text: string): string {
  const ids: string[] = [];
  return text.replaceAll(/recirc_id=(\w+)/g, (_, id: string) => {
    if (!ids.includes(id)) ids.push(id);
    return `recirc_id=R${ids.indexOf(id) + 1}`;
  });
}

function comparable(text: string, compare: XlateTrace['compare']): string {
  const plain = normalise(text).replaceAll('dont_send=1', 'dont_send=0');
  return compare === 'exact' ? plain : splitTop(plain).sort().join(',');
}

/** The mask that a megaflow in OpenFlow style stands for. in_port and the types are always exact; TPIDs go
 * without saying. */
function maskOf(megaflow: string): Int32Array {
  const { mask } = parseFlow(`${megaflow} actions=drop`).match;
  mask[F_IN_PORT] = -1;
  mask[F_PACKET_TYPE] = -1;
  mask[F_ETH_TYPE] = 0xffff;
  return mask;
}

/** Words where our mask has bits that OVS's has not. */
function surplus(mask: Int32Array, theirs: Int32Array): string[] {
  const words: string[] = [];
  for (let w = 0; w < FLOW_WORDS; w++) {
    if (w === F_VLAN_TPID || w === F_VLAN1_TPID) continue;
    if ((mask[w] & ~theirs[w]) !== 0)
      words.push(`word ${w}: ${(mask[w] >>> 0).toString(16)} for ${(theirs[w] >>> 0).toString(16)}`);
  }
  return words;
}

/** Bits that OVS's mask has beyond ours. */
function missing(mask: Int32Array, theirs: Int32Array): number {
  let words = 0;
  for (let w = 0; w < FLOW_WORDS; w++) if ((theirs[w] & ~mask[w]) !== 0) words++;
  return words;
}

class ReachTracer implements Tracer {
  outOfReach = false;
  private readonly unsupported: ReadonlySet<Rule>;
  constructor(unsupported: ReadonlySet<Rule>) {
    this.unsupported = unsupported;
  }
  table(_table: number, rule: Rule | null): void {
    if (rule !== null && this.unsupported.has(rule)) this.outOfReach = true;
  }
  bridge(): void {}
  thaw(): void {}
  bucket(): void {}
  actionSet(): void {}
  leave(): void {}
  action(): void {}
  note(): void {}
  fork(): void {}
}

interface Verdict {
  readonly problem: string;
}

function check(prepared: PreparedCase, trace: XlateTrace): Verdict | 'agrees' | 'narrower' | 'out of reach' {
  if (trace.steps.length !== 1) return 'out of reach';
  const translator = new Translator();
  const tracer = new ReachTracer(prepared.unsupported);
  translator.tracer = tracer;
  let key: Int32Array;
  let theirs: Int32Array;
  try {
    key = makeKeyFor(prepared.bridge, trace.flow);
    theirs = maskOf(trace.megaflow);
  } catch {
    return 'out of reach';
  }
  const result: Translation = translator.translate(prepared.snapshot, key, 0);
  if (tracer.outOfReach) return 'out of reach';
  const ours = formatActions(result.actions.subarray(0, result.actionsLength));
  const context = `${trace.flow}\n   megaflow ${trace.megaflow}`;
  if (comparable(ours, trace.compare) !== comparable(trace.datapathActions, trace.compare)) {
    return { problem: `${context}\n   ours   ${ours}\n   theirs ${trace.datapathActions}` };
  }
  if ((result.slow !== 0) !== (trace.slow !== undefined)) {
    return { problem: `${context}\n   slow ${result.slow} for ${trace.slow}` };
  }
  if ((result.error !== 0) !== (trace.translationError !== undefined)) {
    return { problem: `${context}\n   error ${result.error} for ${trace.translationError}` };
  }
  const extra = surplus(result.mask, theirs);
  if (extra.length > 0) return { problem: `${context}\n   ${extra.join('; ')}` };
  return result.error === 0 && missing(result.mask, theirs) > 0 ? 'narrower' : 'agrees';
}

describe('translations of real Open vSwitch', () => {
  it('come out the same, with a mask that has no bit more', function () {
    this.timeout(60_000);
    const count = { agrees: 0, narrower: 0, 'out of reach': 0 };
    const problems: string[] = [];
    for (const entry of xlateCases()) {
      const prepared = inReach(entry) ? prepare(entry) : null;
      for (const [index, trace] of entry.traces.entries()) {
        if (STALE_RECORDINGS.has(`${entry.id}:${index}`)) continue;
        const verdict = prepared === null ? 'out of reach' : check(prepared, trace);
        if (typeof verdict === 'string') count[verdict]++;
        else problems.push(`${entry.id}: ${verdict.problem}`);
      }
    }
    console.log(
      `      ${count.agrees + count.narrower + problems.length} translations in reach, ${problems.length} differ; ` +
        `${count.narrower} masks match fewer bits`,
    );
    expect(problems.slice(0, 10), `${problems.length} differ`).to.deep.equal([]);
    // Falls when a parser or a feature gets lost, so that agreement cannot become empty.
    expect(count.agrees + count.narrower).to.be.greaterThan(300);
  });
});
