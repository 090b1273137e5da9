import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { formatFlow, type FlowSpec, parseFlow } from '../../ts/openflow/index.js';

/** The part of a case that is about flows: what was given to ovs-ofctl, and what its dump-flows printed then. */
interface FlowsCase {
  readonly id: string;
  readonly flows: readonly string[];
  readonly flowsOf10: readonly string[];
  readonly dumpFlows: readonly string[];
}

const fixture = new URL('../../../test/fixtures/xlate-dev.jsonl.gz', import.meta.url);

function readCases(): FlowsCase[] {
  const lines = gunzipSync(readFileSync(fixture)).toString().trim().split('\n');
  return lines.map((line) => JSON.parse(line) as FlowsCase);
}

/** Which flow of a table this is: a later one with the same match and priority replaces it. */
function identity({ table, priority, match }: FlowSpec): string {
  return [table, priority, match.key.join(), match.mask.join()].join('/');
}

describe('golden: flows as ovs-ofctl dump-flows prints them', function () {
  this.timeout(120_000);
  const cases = readCases();

  it('prints the flows of all recorded configurations as the switch lists them', () => {
    let count = 0;
    for (const { id, flows, flowsOf10, dumpFlows } of cases) {
      const rules = new Map<string, string>();
      const add = (flow: FlowSpec) => rules.set(identity(flow), formatFlow(flow));
      for (const flow of flows) add(parseFlow(flow, { version: 'OpenFlow15' }));
      for (const flow of flowsOf10) add(parseFlow(flow, { version: 'OpenFlow10' }));
      expect([...rules.values()].sort(), id).to.deep.equal([...dumpFlows].sort());
      count += rules.size;
    }
    expect(count).to.be.greaterThan(15_000);
  });

  it('reads what the switch lists, and prints it the same', () => {
    for (const { id, dumpFlows } of cases) {
      for (const line of dumpFlows) {
        expect(formatFlow(parseFlow(line, { version: 'OpenFlow15', loose: true })), id).to.equal(line);
      }
    }
  });
});
