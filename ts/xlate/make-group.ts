import type { GroupBucketSpec, GroupSpec } from '../openflow/index.js';
import { hashAdd, hashFinish } from './hash.js';
import type { DatapathSupport, XGroup } from './types.js';

/** Slots of a hash map: at least, and at most (OVS: MAX_SELECT_GROUP_HASH_VALUES). */
const MIN_SLOTS = 16;
const MAX_SLOTS = 256;
/** Algorithms of the datapath's hash (OVS_HASH_ALG_*). */
const HASH_L4 = 0;
const HASH_SYMMETRIC_L4 = 1;
const ALGORITHMS = 2;

/**
 * Deals hash values out to buckets by weight, spread as evenly as may be (the Webster or Sainte-Laguë method), so that a bucket that
 * goes down leaves its values to many. Indices into `buckets`; null when the weights need too many values or are all 0.
 */
export function dealHashes(buckets: readonly GroupBucketSpec[]): Int32Array | null {
  const weights = buckets.map((bucket) => bucket.weight);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return null;
  const least = Math.min(...weights.filter((weight) => weight > 0));
  const slots = Math.max(MIN_SLOTS, 2 ** Math.ceil(Math.log2(Math.ceil(total / least))));
  if (slots > MAX_SLOTS) return null;
  const divisors = weights.map(() => 1);
  return Int32Array.from({ length: slots }, () => {
    let winner = 0;
    for (let i = 1; i < weights.length; i++) {
      if (weights[i] / divisors[i] > weights[winner] / divisors[winner]) winner = i;
    }
    divisors[winner] += 2;
    return winner;
  });
}

type Selection = Pick<XGroup, 'selection' | 'hashBasis' | 'hashMap' | 'hashAlgorithm' | 'fields'>;

const DEFAULT: Selection = {
  selection: 'default',
  hashBasis: 0,
  hashMap: null,
  hashAlgorithm: HASH_L4,
  fields: [],
};

/** How a select group chooses (OVS: group_set_selection_method). */
function selectionOf(spec: GroupSpec, support: DatapathSupport): Selection {
  const { selectionMethod: method, selectionMethodParamHigh: high, selectionMethodParamLow: low } = spec;
  if (method === 'hash') {
    if (spec.fields === null || spec.fields.length === 0) return DEFAULT;
    const basis = hashFinish(hashAdd(hashAdd(0, low), high), 8);
    return { ...DEFAULT, selection: 'hash', hashBasis: basis | 0, fields: spec.fields };
  }
  const hashMap = dealHashes(spec.buckets);
  if (hashMap === null) return DEFAULT;
  const asked = method === '' ? HASH_SYMMETRIC_L4 : high >>> 0 < ALGORITHMS ? high : HASH_L4;
  return {
    ...DEFAULT,
    selection: 'dp_hash',
    hashBasis: method === '' ? 0 : low,
    hashMap,
    hashAlgorithm: asked > support.maxHashAlgorithm ? HASH_L4 : asked,
  };
}

/** A group as translation reads it, on a datapath that can do what `support` says. */
export function makeGroup(spec: GroupSpec, support: DatapathSupport): XGroup {
  return {
    id: spec.groupId,
    type: spec.type,
    buckets: spec.buckets,
    ...(spec.type === 'select' ? selectionOf(spec, support) : DEFAULT),
  };
}
