// Random tests draw the same cases in every run, so that a run tells what the change did; SLOWPATH_SEED=random (or a number)
// draws others. A failing property prints its seed.
import fc from 'fast-check';

const chosen = process.env.SLOWPATH_SEED ?? '1';
if (chosen !== 'random') {
  const seed = Number(chosen);
  if (!Number.isInteger(seed))
    throw new Error(`SLOWPATH_SEED takes a whole number or "random", not ${chosen}`);
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
}
