// Collects what was seen, and prints it.
import { sameEffects } from './effects.mjs';
import { knownDifferences, tunnelPortsOf } from './known.mjs';

/** Our answer with the peer's actions in each step where the order is not defined and ours do the same. */
function inTheirOrder(ours, theirs, tunnelPorts) {
  if (theirs.compare !== 'multiset') return ours;
  const steps = ours.steps.map((step, i) => {
    const { datapathActions = '' } = theirs.steps[i] ?? {};
    return sameEffects(step.datapathActions, datapathActions, { flow: step.flow, tunnelPorts })
      ? { ...step, datapathActions }
      : step;
  });
  return { ...ours, steps };
}

/**
 * Megaflows as a match can be read: ovs-vswitchd prints tun_tos and tun_ttl hexadecimal without saying so, and where a translation failed
 * also labels that packets without any were compared with. A flow label that an action set it matches with 20 bits of mask, which it tells from 32
 * of which 12 do not exist.
 */
function readable(answer) {
  const number = (_, name, hex) => `${name}=0x${hex}`;
  const steps = answer.steps.map((step) => {
    const megaflow = step.megaflow
      .replace(/\b(tun_tos|tun_ttl)=([0-9a-f]+)\b/g, number)
      .replace(/\b(ipv6_label=\w+)\/0xfffff\b/, '$1');
    return {
      ...step,
      megaflow: /\bmplsm?,/.test(megaflow) ? megaflow : megaflow.replace(/,mpls_\w+=[^,]+/g, ''),
    };
  });
  return { ...answer, steps };
}

export class Report {
  #judge;
  #show;
  #began = Date.now();
  #counts = { cases: 0, traces: 0, agree: 0, died: 0, survived: 0 };
  #bits = [0, 0];
  #verdicts = new Map();
  /** Known differences by name: deliberate ones in what happens and in the mask alone, and those where there is nothing to agree with. */
  #known = { meant: new Map(), mask: new Map(), open: new Map() };
  /** Translations that they explain. */
  #explained = { meant: 0, mask: 0, open: 0 };
  #shown = 0;

  /** `judge` compares two answers to a trace (test/golden/trace-compare.ts). */
  constructor(judge, show) {
    this.#judge = judge;
    this.#show = show;
  }

  /** A mask may look at other bits than the peer's; what counts is that all together look at no more. */
  get failed() {
    const differences = [...this.#verdicts.keys()].filter((verdict) => verdict !== 'wider mask');
    return differences.length > 0 || this.#bits[0] > this.#bits[1];
  }

  note(text) {
    console.log(`note: ${text}`);
  }

  /** The peer did not survive a case. */
  peerDied(entry, message) {
    this.#counts.died += 1;
    console.log(`peer died: ${entry.id}: ${message}`);
  }

  /** We were asked what the peer died of; an answer or an error is as good. */
  survived(answer) {
    this.#counts.survived += 1;
    if (answer.error !== undefined && /no answer in|batch ended/.test(answer.error))
      this.#differ('unbounded', answer.error);
  }

  /** Compares our answer (null: not asked) with the case's. */
  compare(entry, answer) {
    this.#counts.cases += 1;
    this.#counts.traces += entry.traces.length;
    if (answer === null) return;
    for (const [i, theirs] of entry.traces.entries()) this.#compareTrace(entry, i, theirs, answer);
  }

  #compareTrace(entry, i, theirs, answer) {
    const ours = answer.traces?.[i] ?? null;
    const { verdict, detail, bits } = this.#judgeTrace(ours, theirs, answer, tunnelPortsOf(entry));
    this.#bits[0] += bits[0];
    this.#bits[1] += bits[1];
    if (verdict === 'agree') {
      this.#counts.agree += 1;
      return;
    }
    const again = (answer) => this.#judgeTrace(answer, theirs, null, tunnelPortsOf(entry));
    const known = ours === null ? null : knownDifferences({ entry, theirs, ours }, again);
    if (known !== null) {
      this.#count(known);
      return;
    }
    const packet = `${theirs.bridge} ${theirs.flow} ${theirs.options.join(' ')}`.trim();
    this.#differ(verdict, `${entry.id}:${i} (${entry.topology.name}) ${packet}\n${detail}`);
  }

  #count(known) {
    const kindOf = ({ open, mask }) => (open ? 'open' : mask ? 'mask' : 'meant');
    const kinds = known.map(kindOf);
    this.#explained[['meant', 'mask', 'open'].find((kind) => kinds.includes(kind))] += 1;
    for (const one of known) {
      const counts = this.#known[kindOf(one)];
      counts.set(one.name, (counts.get(one.name) ?? 0) + 1);
    }
  }

  #judgeTrace(ours, theirs, answer, tunnelPorts) {
    if (ours === null) return { verdict: 'refused', detail: answer?.error ?? 'no answer', bits: [0, 0] };
    try {
      return this.#judge(readable(inTheirOrder(ours, theirs, tunnelPorts)), readable(theirs));
    } catch (error) {
      return { verdict: 'unreadable', detail: String(error), bits: [0, 0] };
    }
  }

  #differ(verdict, text) {
    this.#verdicts.set(verdict, (this.#verdicts.get(verdict) ?? 0) + 1);
    if (this.#shown >= this.#show) return;
    this.#shown += 1;
    console.log(`\n${verdict}: ${text}`);
  }

  progress(done) {
    console.log(`${done} cases, ${((Date.now() - this.#began) / 1000).toFixed(0)} s: ${this.#summary()}`);
  }

  #summary() {
    const { traces, agree } = this.#counts;
    const list = (map) => [...map].map(([name, count]) => `${name} ${count}`).join(', ');
    const parts = [`${agree} of ${traces} translations agree`];
    if (this.#verdicts.size > 0) parts.push(`differ: ${list(this.#verdicts)}`);
    const share = (count) => `${count} (${((100 * count) / traces).toFixed(1)} %)`;
    const { meant, mask, open } = this.#explained;
    if (meant > 0) parts.push(`${share(meant)} as meant: ${list(this.#known.meant)}`);
    if (mask > 0) parts.push(`${share(mask)} match more, as meant: ${list(this.#known.mask)}`);
    if (open > 0) parts.push(`${open} that the peer leaves open: ${list(this.#known.open)}`);
    return parts.join('; ');
  }

  print() {
    const { cases, died, survived } = this.#counts;
    console.log(`\n${this.#summary()}`);
    console.log(`bits matched: ours ${this.#bits[0]}, theirs ${this.#bits[1]}`);
    console.log(`${cases} cases; the peer died of ${died} more${survived > 0 ? `, which we answered` : ''}`);
  }
}
