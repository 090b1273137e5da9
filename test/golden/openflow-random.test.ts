import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { SyntaxProblem } from '../../ts/errors/index.js';
import { formatFlow, parseFlow } from '../../ts/openflow/index.js';

/** A random flow, and what Debian's Open vSwitch 3.1.0 made of it; flows that are read otherwise on purpose are left out. */
interface RandomFlow {
  readonly version: 'OpenFlow10' | 'OpenFlow15';
  readonly flow: string;
  /**
   * Priority, match and actions as `ovs-ofctl -O OpenFlow15` prints them, of OpenFlow 1.5 after a way through its encoding, of
   * OpenFlow 1.0 after adding it to a switch; null: refused.
   */
  readonly printed: string | null;
}

const fixture = new URL('../../../test/fixtures/openflow-ovs310.jsonl.gz', import.meta.url);

function reprint({ flow, version }: RandomFlow): string | null {
  try {
    const spec = parseFlow(flow, { version });
    const plain = { flags: 0, cookieHigh: 0, cookieLow: 0, table: 0, idleTimeout: 0, importance: 0 };
    return formatFlow({ ...spec, ...plain });
  } catch (error) {
    if (error instanceof SyntaxProblem) return null;
    throw error;
  }
}

describe('golden: random flows through ovs-ofctl 3.1', () => {
  const lines = gunzipSync(readFileSync(fixture)).toString().trim().split('\n');
  for (const version of ['OpenFlow15', 'OpenFlow10']) {
    it(`reads, refuses and prints them the same in ${version}`, () => {
      const flows = lines
        .map((line) => JSON.parse(line) as RandomFlow)
        .filter((entry) => entry.version === version);
      for (const entry of flows) expect(reprint(entry), entry.flow).to.equal(entry.printed);
      expect(flows.filter(({ printed }) => printed !== null)).to.have.length.greaterThan(100);
    });
  }
});
