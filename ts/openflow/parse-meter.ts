import { oneOf } from './action-list.js';
import { METER_ALL, METER_CONTROLLER, METER_MAX, METER_SLOWPATH } from './constants.js';
import { fail, type Item, parseNumber, requireValue, slice, splitItems, type Token } from './syntax.js';
import type { MeterBandSpec, MeterSpec } from './types.js';

type Mutable<T> = { -readonly [name in keyof T]: T[name] };

const VIRTUAL: Readonly<Record<string, number>> = { slowpath: METER_SLOWPATH, controller: METER_CONTROLLER };

/** Parses the number of a meter, `controller` or `slowpath`; `all` too where that is allowed. */
export function parseMeterId(token: Token, all = false): number {
  if (all && token.text === 'all') return METER_ALL;
  return VIRTUAL[token.text] ?? parseNumber(token, 'meter', METER_MAX, 1);
}

/** Parses a meter in the syntax of `ovs-ofctl add-meter`. Throws SyntaxProblem. */
export function parseMeter(text: string, line = 1): MeterSpec {
  const whole = slice({ text, line, column: 1 }, 0);
  const start = /(^|[\s,])bands?\s*=/.exec(whole.text);
  if (start === null) fail(whole, 'a meter needs bands: expected bands=type=drop,rate=1000');
  const head = slice(whole, 0, start.index);
  const bandsText = slice(whole, start.index + start[0].length);
  const flags = new Set<string>();
  let meterId: number | undefined;
  for (const item of splitItems(head)) {
    if (item.key.text === 'meter') meterId = parseMeterId(requireValue(item, 'meter=1'));
    else flags.add(oneOf(item.key, ['kbps', 'pktps', 'burst', 'stats'] as const));
  }
  if (meterId === undefined) fail(whole, 'a meter needs a number: expected meter=1');
  if (flags.has('kbps') === flags.has('pktps')) fail(whole, 'expected one unit: kbps or pktps');
  const bands = parseBands(bandsText);
  if (bands.length === 0) fail(bandsText, 'a meter needs bands: expected bands=type=drop,rate=1000');
  if (!flags.has('burst') && bands.some((band) => band.burstSize !== 0)) {
    fail(bandsText, 'burst_size has a meaning only in meters with the flag burst');
  }
  return {
    meterId,
    unit: flags.has('kbps') ? 'kbps' : 'pktps',
    burst: flags.has('burst'),
    stats: flags.has('stats'),
    bands,
  };
}

function parseBands(text: Token): MeterBandSpec[] {
  const groups: Item[][] = [];
  for (const item of splitItems(text)) {
    if (item.key.text === 'type') groups.push([item]);
    else if (groups.length === 0) fail(item.key, 'a band starts with its type: expected type=drop');
    else groups.at(-1)!.push(item);
  }
  return groups.map(parseBand);
}

function parseBand(items: readonly Item[]): MeterBandSpec {
  const type = oneOf(requireValue(items[0], 'type=drop'), ['drop', 'dscp_remark'] as const);
  const band: Mutable<MeterBandSpec> = { type, rate: 0, burstSize: 0, precLevel: 0 };
  for (const item of items.slice(1)) {
    const value = requireValue(item, `${item.key.text}=1`);
    switch (oneOf(item.key, ['rate', 'burst_size', 'prec_level'] as const)) {
      case 'rate':
        band.rate = parseNumber(value, 'rate', 0xffffffff);
        break;
      case 'burst_size':
        band.burstSize = parseNumber(value, 'burst_size', 0xffffffff);
        break;
      case 'prec_level':
        if (type !== 'dscp_remark') fail(item.key, 'prec_level is only for bands of type=dscp_remark');
        band.precLevel = parseNumber(value, 'prec_level', 0xff);
    }
  }
  if (band.rate === 0) fail(items[0].key, 'a band needs a rate above 0: expected rate=1000');
  if (type === 'dscp_remark' && band.precLevel === 0)
    fail(items[0].key, 'a dscp_remark band needs prec_level=1');
  return band;
}
