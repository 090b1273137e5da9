import { expect } from 'chai';
import { answerLine } from '../../ts/cli/index.js';
import { type OdpCase, odpCases, suiteCases } from './odp-cases.js';

/** Answers of one request, as the command gives them. */
function ask(request: object): Record<string, unknown> {
  return JSON.parse(answerLine(JSON.stringify(request))) as Record<string, unknown>;
}

/** What a case says of one request: [request, member of the case by member of the answer]. */
type Question = readonly [request: object, expected: Readonly<Record<string, unknown>>];

/** Why an answer differs from OVS's on purpose, by the text of the case; empty: nothing does. */
const DIFFERENCES: ReadonlyMap<string, string> = new Map();

function questions(c: OdpCase): Question[] {
  switch (c.kind) {
    case 'key':
    case 'wckey':
      return keyQuestions(c);
    case 'actions':
      if (c.error !== undefined) return [[{ op: 'actions.encode', text: c.in }, { refused: true }]];
      return [
        [{ op: 'actions.encode', text: c.in }, { actions: c.actions }],
        [{ op: 'actions.decode', actions: c.actions }, { text: c.text }],
      ];
    case 'missflow':
      return [
        [
          { op: 'flow.key', flow: c.in },
          { flow: c.flow, key: c.keyFromFlow, text: c.keyFromFlowText },
        ],
      ];
    case 'packet':
      return [
        [
          { op: 'packet.extract', packet: c.packet, flow: c.in },
          { flow: c.flow, key: c.keyFromFlow, text: c.keyFromFlowText },
        ],
      ];
  }
}

function keyQuestions(c: OdpCase): Question[] {
  if (c.error !== undefined) return [[{ op: 'key.encode', text: c.in }, { refused: true }]];
  const { text, textVerbose, fitness, flow, match, keyFromFlow, keyFromFlowText, maskFromFlow } = c;
  const all = { textVerbose, match, keyFromFlow, keyFromFlowText, maskFromFlow };
  const expected = { text, fitness, flow, ...all, maskFitness: c.maskFitness };
  return [
    [
      { op: 'key.encode', text: c.in },
      { key: c.key, mask: c.mask },
    ],
    [
      { op: 'key.decode', key: c.key, mask: c.mask },
      { text, fitness, flow },
    ],
    [{ op: 'key.decode', key: c.key, mask: c.mask, more: true }, expected],
  ];
}

/**
 * A match without what we print otherwise on purpose: OVS shows the tunnel flags of the datapath, of which OpenFlow knows one;
 * it loses the mask of ERSPAN fields, as it decodes a mask by the version that it masks; and it shows the mask of an IPv6 label or ND option type that comes from a datapath, although it is all of the field.
 */
function comparable(match: unknown): unknown {
  return typeof match !== 'string'
    ? match
    : match
        .replace(/tun_(flags|erspan_\w+)=[^,]*,/g, '')
        .replace(/ipv6_label=(\w+)\/0xfffff/, 'ipv6_label=$1')
        .replace(/nd_options_type=0x(\w+)\/0xff/, (_, hex) => `nd_options_type=${Number.parseInt(hex, 16)}`);
}

/** What is wrong with the answers to a case; empty when they agree. */
function problems(c: OdpCase): string[] {
  return questions(c).flatMap(([request, expected]) => {
    const answer: Record<string, unknown> = ask(request);
    if (expected.refused) return typeof answer.error === 'string' ? [] : [`takes ${JSON.stringify(answer)}`];
    return Object.entries(expected)
      .filter(([name, value]) => value !== undefined && comparable(answer[name]) !== comparable(value))
      .map(([name, value]) => `${name}:\n  is  ${answer[name] ?? answer.error}\n  OVS ${value}`);
  });
}

describe('golden: slowpath batch answers as OVS does', () => {
  for (const kind of ['actions', 'missflow', 'packet', 'key', 'wckey'] as const) {
    const cases = [...odpCases, ...suiteCases()].filter((c) => c.kind === kind);
    if (cases.length === 0) continue;

    it(`${cases.length} cases of kind ${kind}`, () => {
      const wrong = cases.filter((c) => !DIFFERENCES.has(c.in) && problems(c).length > 0);
      const report = wrong.slice(0, 5).map((c) => `${c.in}\n${problems(c).join('\n')}`);
      expect(wrong.length, report.join('\n\n')).to.equal(0);
    });
  }
});
