// Compares the text of traces, line by line, and prints what differs as a diff.

/** Texts of packets that go round in circles are long, and comparing them takes the square of that. */
const TEXT_MAX = 100_000;
/** Lines of one difference that are shown. */
const LINES_MAX = 40;

export class TextReport {
  #compareText;
  #show;
  #equal = 0;
  #different = 0;
  #translatedOtherwise = 0;

  /** `compareText` gives the differing lines (test/golden/trace-text-compare.ts); `show`: how many differences to print. */
  constructor(compareText, show) {
    this.#compareText = compareText;
    this.#show = show;
  }

  /** Some texts differ although the translations are the same. */
  get failed() {
    return this.#different > 0;
  }

  /** Compares our texts (null: not asked) with the case's. What is translated otherwise is told otherwise, so it is only counted. */
  compare(entry, answer) {
    for (const [i, theirs] of entry.traces.entries()) {
      const ours = answer?.traces?.[i];
      if (ours?.text === undefined || theirs.text === undefined || theirs.text.length > TEXT_MAX) continue;
      const lines = this.#compareText(ours.text, theirs);
      if (lines.length === 0) this.#equal += 1;
      else if (translations(ours, theirs) !== translations(theirs, theirs)) this.#translatedOtherwise += 1;
      else this.#differ(`${entry.id}:${i}`, theirs, lines);
    }
  }

  #differ(name, { bridge, flow, options }, lines) {
    this.#different += 1;
    if (this.#different > this.#show) return;
    console.log(`\ntext: ${name} ${bridge} ${flow} ${options.join(' ')}`);
    console.log(lines.slice(0, LINES_MAX).join('\n'));
    if (lines.length > LINES_MAX) console.log(`… ${lines.length - LINES_MAX} more`);
  }

  print() {
    const total = this.#equal + this.#different + this.#translatedOtherwise;
    if (total === 0) return;
    const share = ((100 * this.#equal) / total).toFixed(1);
    console.log(
      `texts: ${this.#equal} of ${total} equal (${share} %), ${this.#different} differ, ${this.#translatedOtherwise} of packets that are translated otherwise`,
    );
  }
}

/** What a packet becomes, without how it is told and, where `compare` says so, without the order of floods. */
function translations({ steps, slow, translationError }, { compare }) {
  const inOrder = (text) => (compare === 'multiset' ? text.split(',').sort().join() : text);
  const actions = steps.map(({ datapathActions, finalFlow }) => [inOrder(datapathActions), finalFlow]);
  return JSON.stringify([actions, slow, translationError]);
}
