// Runs recorded translations of real Open vSwitch through traceCase and says how many agree, by topology and by feature.
//
//   npm run cases -- [--topology NAME] [--feature NAME] [--case ID] [--verdict NAME] [--show N] [--file CASES.jsonl.gz]
//
// Compile first: npm run build:test. --show prints that many differences in full.
import { parseArgs } from 'node:util';
import { readCases, recordedCases } from '../out/test/golden/trace-compare.js';
import { compareRecorded } from '../out/test/golden/xlate-recordings.js';

const { values: options } = parseArgs({
  options: {
    topology: { type: 'string' },
    feature: { type: 'string' },
    case: { type: 'string' },
    verdict: { type: 'string' },
    show: { type: 'string', default: '0' },
    file: { type: 'string' },
    refused: { type: 'boolean', default: false },
  },
});

const cases = (options.file === undefined ? recordedCases() : readCases(options.file)).filter(
  (entry) =>
    (options.topology === undefined || entry.topology.name === options.topology) &&
    (options.feature === undefined || entry.features.includes(options.feature)) &&
    (options.case === undefined || entry.id === options.case.split(':')[0]),
);
const comparisons = cases
  .flatMap(compareRecorded)
  .filter(({ id }) => options.case === undefined || id.startsWith(options.case));

const tables = { verdict: new Map(), topology: new Map(), feature: new Map() };
const refusals = new Map();
const bits = [0, 0];
for (const { verdict, detail, case: entry, bits: count } of comparisons) {
  add('verdict', verdict, verdict);
  add('topology', entry.topology.name, verdict);
  for (const feature of entry.features) add('feature', feature, verdict);
  if (verdict === 'refused') refusals.set(detail, (refusals.get(detail) ?? 0) + 1);
  bits[0] += count[0];
  bits[1] += count[1];
}

let left = Number(options.show);
for (const { id, verdict, detail, case: entry, trace } of comparisons) {
  if (left <= 0 || verdict === 'agree' || (options.verdict !== undefined && verdict !== options.verdict))
    continue;
  left--;
  console.log(
    `${id} ${entry.topology.name} [${entry.features}] ${verdict}\n   ${trace.bridge} ${trace.flow} ${trace.options ?? ''}`,
  );
  console.log(`   ${detail.replaceAll('\n', '\n   ')}\n`);
}

for (const [name, table] of Object.entries(tables)) {
  console.log(name);
  for (const [key, counts] of [...table].sort()) {
    const total = Object.values(counts).reduce((a, b) => a + b, 0);
    const rest = Object.entries(counts).filter(([verdict]) => verdict !== 'agree');
    const detail = name === 'verdict' ? '' : rest.map(([verdict, count]) => `${verdict} ${count}`).join(', ');
    const figure = name === 'verdict' ? `${total}` : `${counts.agree ?? 0} of ${total}`;
    console.log(`  ${key.padEnd(18)} ${figure.padStart(12)}  ${detail}`);
  }
}
if (options.refused)
  for (const [detail, count] of [...refusals].sort((a, b) => b[1] - a[1]))
    console.log(`${count} × ${detail}`);
console.log(`${comparisons.length} translations; bits matched: ours ${bits[0]}, theirs ${bits[1]}`);

function add(table, key, verdict) {
  const counts = tables[table].get(key) ?? {};
  counts[verdict] = (counts[verdict] ?? 0) + 1;
  tables[table].set(key, counts);
}
