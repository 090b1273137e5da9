import { native } from '../native/index.js';
import { type Revalidator, SoundnessCheck } from '../revalidate/index.js';
import type { UkeyTable } from '../ukey/index.js';
import { type Snapshot, Translator } from '../xlate/index.js';
import type { SwitchOptions } from './options.js';

/** Checks installed flows as the options ask for it; null when they do not. */
export function makeSoundness(
  { checkSoundness: every = 0, makeTranslator = () => new Translator() }: SwitchOptions,
  ukeys: UkeyTable,
  revalidator: Revalidator,
  snapshot: () => Snapshot,
  tell: (message: string) => void,
): SoundnessCheck | null {
  if (every === 0) return null;
  const context = {
    ...{ ukeys, snapshot, tell, translator: makeTranslator(), counters: revalidator.counters },
    narrow: (ukey: number, mask: Int32Array) => revalidator.narrow(ukey, mask),
    now: () => native().monotonicMs(),
    random: () => Math.random(),
  };
  return new SoundnessCheck(context, every);
}
