// As cases.mjs for translations of the upstream test suite, which are not part of the project: SLOWPATH_SUITE_CASES names the folder
// that has trace.jsonl.gz.
//
//   SLOWPATH_SUITE_CASES=DIR node scripts/suite-cases.mjs [ID…]
import { join } from 'node:path';
import { compareSuiteCase, suiteCases } from '../out/test/golden/suite-cases.js';

const folder = process.env.SLOWPATH_SUITE_CASES;
if (folder === undefined) throw new Error('set SLOWPATH_SUITE_CASES to the folder of the cases');
const wanted = process.argv.slice(2);
const counts = {};
for (const entry of suiteCases(join(folder, 'trace.jsonl.gz'))) {
  if (wanted.length > 0 && !wanted.includes(entry.id)) continue;
  const results = compareSuiteCase(entry);
  const wrong = results.filter(({ verdict }) => verdict !== 'agree');
  for (const { verdict } of results) {
    const key = `${entry.simple ? 'simple' : 'other'} ${verdict}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  if (wrong.length === 0) continue;
  console.log(
    `${entry.id} ${entry.name}${entry.simple ? '' : ' (not simple)'}: ${wrong.length} of ${results.length} differ`,
  );
  if (wanted.length === 0) console.log(`   ${wrong[0].detail.split('\n')[0]}`);
  else
    for (const { id, detail, trace } of wrong)
      console.log(`   ${id} ${trace.flow}\n   ${detail.replaceAll('\n', '\n   ')}`);
}
console.log(counts);
