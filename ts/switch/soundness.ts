import { native } from '../native/index.js';
import { type Revalidator, SoundnessCheck } from '../revalidate/index.js';
import type { UkeyTable } from '../ukey/index.js';
import { type Snapshot, Translator } from '../xlate/index.js';
import type { SwitchOptions } from './options.js';

/** Checks installed flows, once its `every` says that it should. */
export function makeSoundness(
  { makeTranslator = () => new Translator() }: SwitchOptions,
  ukeys: UkeyTable,
  revalidator: Revalidator,
  snapshot: () => Snapshot,
  tell: (message: string) => void,
): SoundnessCheck {
  return new SoundnessCheck({
    ...{ ukeys, snapshot, tell, makeTranslator, counters: revalidator.counters },
    narrow: (ukey, mask) => revalidator.narrow(ukey, mask),
    now: () => native().monotonicMs(),
    random: () => Math.random(),
  });
}
