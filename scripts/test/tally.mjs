// What passed, failed and was skipped, over all lanes.

export class Tally {
  passed = 0;
  failed = 0;
  /** Names and reasons, in order, for the summary at the end. */
  failures = [];
  skips = [];

  get skipped() {
    return this.skips.length;
  }

  pass(count = 1) {
    this.passed += count;
  }

  fail(name, reason = '') {
    this.failed += 1;
    this.failures.push({ name, reason });
  }

  skip(name, reason) {
    this.skips.push({ name, reason });
  }

  /** Takes over the summary file of a mocha run (see reporter.cjs). A skip without a reason is a failure. */
  add(lane, summary) {
    this.passed += summary.passed;
    for (const name of summary.failed) this.fail(`${lane}: ${name}`);
    for (const { name, reason } of summary.skipped) {
      if (reason) this.skip(`${lane}: ${name}`, reason);
      else this.fail(`${lane}: ${name}`, 'skipped without a reason; use skipUnless of test/support');
    }
  }

  /** Failures and skips by name, then the closing line, which is always the last and alone on its line. */
  print() {
    const line = ({ name, reason }) => (reason ? `  ${name}: ${reason}` : `  ${name}`);
    if (this.skips.length > 0) console.log(['', 'Skipped:', ...this.skips.map(line)].join('\n'));
    if (this.failures.length > 0) console.log(['', 'Failed:', ...this.failures.map(line)].join('\n'));
    console.log(`\n${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`);
  }
}
