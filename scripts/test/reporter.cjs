// Mocha's spec reporter with reasons for skips and one closing line, "N passed, N failed, N skipped".
// With SLOWPATH_TEST_SUMMARY=FILE the result goes to FILE as JSON instead, for scripts/test.mjs to add up:
//   { "passed": 3, "failed": ["title"], "skipped": [{ "name": "title", "reason": "why" }] }
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

/** The reason that skipUnless (test/support/skip.ts) left on the test or on a suite around it. */
function skipReason(test) {
  for (let node = test; node; node = node.parent) if (node.skipReason) return node.skipReason;
  return '';
}

module.exports = class ClosingLineReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const failed = [];
    const skipped = [];
    // A hook that fails is reported as a failure of its own; a test can fail after it passed (a late error).
    // What it failed with is told where it happened, too: a run that is ended early does not come to its list.
    runner.on('fail', (test, error) => {
      failed.push(test.fullTitle());
      console.log(`    ${error?.stack ?? error}`);
    });
    runner.on('pending', (test) => skipped.push({ name: test.fullTitle(), reason: skipReason(test) }));
    runner.once('end', () => {
      const count = runner.stats.passes;
      const file = process.env.SLOWPATH_TEST_SUMMARY;
      if (file) {
        writeFileSync(file, JSON.stringify({ passed: count, failed, skipped }));
        return;
      }
      for (const { name, reason } of skipped) console.log(`  skipped ${name}: ${reason || 'no reason given'}`);
      console.log(`\n${count} passed, ${failed.length} failed, ${skipped.length} skipped`);
    });
  }
};
