import { FLOW_WORDS } from '../fields/index.js';
import type { Rule } from '../openflow/index.js';
import { formatDatapathActions } from '../trace/index.js';
import { type StateEffect, type Trail, TRAIL_TABLE, type Translation, XLATE_ERRORS } from '../xlate/index.js';

/** Words of an entry of a trail for each word of the packet that was written. */
const WRITTEN_WORDS = 3;

/** A translation, kept. */
export class Decision {
  readonly actions: Uint8Array;
  readonly mask: Int32Array;
  readonly effects: readonly StateEffect[];
  readonly #error: number;
  readonly #credits: readonly Rule[];
  /** What it depends on besides the packet. */
  readonly #tags: readonly number[];

  constructor(translation: Translation, trail: Trail) {
    this.actions = translation.actions.slice(0, translation.actionsLength);
    this.mask = translation.mask.slice();
    this.#error = translation.error;
    this.#credits = translation.rules.slice(0, translation.ruleCount);
    this.effects = translation.effects
      .slice(0, translation.effectCount)
      .filter((effect): effect is StateEffect => effect.type === 'state');
    this.#tags = tagsOf(trail);
  }

  /** Actions, counters and what is learned, in words. */
  get text(): string {
    const error = this.#error === 0 ? [] : [`error ${XLATE_ERRORS[this.#error]}`];
    const credits = this.#credits.map(({ origin = 'a rule' }) => origin);
    const learned = this.effects.map(
      ({ key, value }) => `learns ${JSON.stringify(key)}: ${JSON.stringify(value)}`,
    );
    return [
      formatDatapathActions(this.actions),
      ...error,
      `counts for ${credits.join(', ')}`,
      ...learned,
    ].join('; ');
  }

  /** Whether another translation decides the same, for the same megaflow. */
  isThatOf(other: Translation): boolean {
    return this.hasMaskOf(other) && this.decidesLike(other);
  }

  hasMaskOf({ mask }: Translation): boolean {
    for (let w = 0; w < FLOW_WORDS; w++) if (mask[w] !== this.mask[w]) return false;
    return true;
  }

  decidesLike(other: Translation): boolean {
    return (
      this.#error === other.error &&
      isSameList(this.actions, other.actions, other.actionsLength) &&
      isSameList(this.#credits, other.rules, other.ruleCount) &&
      this.#learnsLike(other)
    );
  }

  #learnsLike({ effects, effectCount }: Translation): boolean {
    let at = 0;
    for (let i = 0; i < effectCount; i++) {
      const effect = effects[i];
      if (effect.type !== 'state') continue;
      const one = this.effects[at++];
      if (one === undefined || effect.table !== one.table || effect.key !== one.key) return false;
      if (!Object.is(effect.value, one.value)) return false;
    }
    return at === this.effects.length;
  }

  /** Whether it depends on what has this tag. */
  dependsOn(tag: number): boolean {
    return this.#tags.includes(tag);
  }
}

/** Whether the list is the first `length` of the other. */
function isSameList(a: ArrayLike<unknown>, b: ArrayLike<unknown>, length: number): boolean {
  if (a.length !== length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function tagsOf({ words, length }: Trail): readonly number[] {
  const tags: number[] = [];
  for (let i = 0; i < length; ) {
    if ((words[i] & TRAIL_TABLE) !== 0) {
      i += 2 + WRITTEN_WORDS * words[i + 1];
    } else {
      tags.push(words[i]);
      i++;
    }
  }
  return tags;
}
