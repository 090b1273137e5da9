// Records what `ovs-appctl ofproto/trace` of real Open vSwitch 3.1 prints, line by line, for the cases of trace-text-cases.mjs and some random ones
// of the oracle, in test/fixtures/trace-text-ovs310.jsonl.gz.
// Usage: node scripts/record/trace-text.mjs
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { makeCase } from '../oracle/generate/case.mjs';
import { Peer } from '../oracle/peer/daemons.mjs';
import { askPeer } from '../oracle/peer/setup.mjs';
import { ensureOvs } from '../test/ovs.mjs';
import { root } from '../test/root.mjs';
import { handMadeCases } from './trace-text-cases.mjs';

const fixture = join(root, 'test', 'fixtures', 'trace-text-ovs310.jsonl.gz');
const SEED = 310;
const RANDOM_CASES = 25;
/** Texts longer than this are those of packets that go round in circles, which say nothing new, except about limits. */
const TEXT_MAX = 12_000;
const LIMIT_TEXT_MAX = 2_000_000;

/** A case without what the test does not read. */
function shorten({ id, features, topology, meters, groups, flows, flowsOf10, bridgeFlows, fdb, traces }) {
  const most = id.startsWith('limits-') ? LIMIT_TEXT_MAX : TEXT_MAX;
  const kept = traces
    .filter(({ text }) => text.length <= most)
    .map(({ bridge, flow, options, compare, text }) => ({ bridge, flow, options, compare, text }));
  return { id, features, topology, meters, groups, flows, flowsOf10, bridgeFlows, fdb, traces: kept };
}

const peer = new Peer(await ensureOvs());
const recorded = [];
try {
  await peer.start();
  const random = Array.from({ length: RANDOM_CASES }, (_, i) => makeCase(SEED, i));
  for (const entry of [...handMadeCases(), ...random]) {
    try {
      recorded.push(shorten(await askPeer(peer, entry)));
    } catch (error) {
      console.log(`left out: ${entry.id}: ${error.message}`);
      if (!(await peer.isWell())) await peer.start();
    }
  }
} finally {
  await peer.stop();
}
writeFileSync(
  fixture,
  gzipSync(recorded.map((entry) => `${JSON.stringify(entry)}\n`).join(''), { level: 9 }),
);
console.log(
  `${recorded.reduce((sum, { traces }) => sum + traces.length, 0)} texts of ${recorded.length} cases in ${fixture}`,
);
