import { SyntaxProblem } from '../errors/index.js';
import { F_ETH_TYPE, F_NW_PROTO } from '../fields/index.js';
import { rangeMask } from './fields.js';
import { emptyMatch, mayMatch } from './match.js';
import { withPlainFlags } from './parse-flow-key.js';
import { isProtocol, MatchParser } from './parse-match.js';
import { findField } from './subfield.js';
import { fail, type Item, slice, splitItems } from './syntax.js';
import type { FlowMatch, MatchField } from './types.js';

function isSet({ mask }: FlowMatch, field: MatchField): boolean {
  for (let i = 0; i < field.words; i++)
    if ((mask[field.word + i] & rangeMask(field, 0, field.bits, i)) !== 0) return true;
  return false;
}

/** Refuses a field that cannot stand here: in the words of OVS, which takes fields in the order of a packet's headers, each once. */
function checkField(item: Item, match: FlowMatch): void {
  const { key } = item;
  const field = findField(key);
  if (field === undefined) fail(key, `unknown field ${key.text}`);
  if (!mayMatch(match, field)) fail(key, `prerequisites not met for setting ${key.text}`);
  if (isSet(match, field)) fail(key, `field ${key.text} set multiple times`);
}

function checkProtocol({ key }: Item, { mask }: FlowMatch): void {
  if (mask[F_ETH_TYPE] !== 0) fail(key, 'Ethernet type set multiple times');
  if (mask[F_NW_PROTO] !== 0) fail(key, 'network protocol set multiple times');
}

/**
 * What `filter=` of `ovs-appctl dpctl/dump-flows` takes: protocols and fields as `ofproto/trace` has them. Beyond OVS, values may have masks. Throws SyntaxProblem in
 * the words of OVS; what is wrong with a value is told in ours.
 */
export function parseFilter(text: string, portNames?: ReadonlyMap<string, number>): FlowMatch {
  const match = emptyMatch();
  const parser = new MatchParser(match, portNames);
  for (const item of splitItems(slice({ text, line: 1, column: 1 }, 0))) {
    const { key } = item;
    if (isProtocol(key.text)) {
      checkProtocol(item, match);
      parser.accept({ key, value: undefined, delimiter: '' });
      continue;
    }
    checkField(item, match);
    try {
      parser.accept(withPlainFlags(item));
    } catch (error) {
      if (!(error instanceof SyntaxProblem)) throw error;
      fail(key, `bad value for ${key.text} (${error.message})`);
    }
  }
  parser.finish();
  return match;
}
