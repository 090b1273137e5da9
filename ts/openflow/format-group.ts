import { GROUP_ANY } from './constants.js';
import { formatSent } from './format-actions.js';
import { formatFullValue } from './format-values.js';
import { fromWords } from './match.js';
import { formatPort } from './ports.js';
import { type GroupBucketSpec, type GroupSpec, OFPP_NONE } from './types.js';
import { fullMask } from './values.js';

function formatBucket(bucket: GroupBucketSpec, group: GroupSpec): string {
  const parts = [`bucket_id:${bucket.bucketId}`];
  // A weight of 1 is what a bucket of a select group has without one.
  if (bucket.weight !== (group.type === 'select' ? 1 : 0)) parts.push(`weight:${bucket.weight}`);
  if (bucket.watchPort !== OFPP_NONE) parts.push(`watch_port:${formatPort(bucket.watchPort)}`);
  if (bucket.watchGroup !== GROUP_ANY) parts.push(`watch_group:${bucket.watchGroup}`);
  return `bucket=${parts.join(',')},actions=${formatSent(bucket.actions)}`;
}

function formatFields(fields: NonNullable<GroupSpec['fields']>): string {
  const parts = fields.map(({ field, mask }) => {
    const bits = fromWords(field, mask, 0);
    return bits === fullMask(field) ? field.name : `${field.name}=${formatFullValue(field, bits)}`;
  });
  return parts.length === 1 ? `fields=${parts[0]}` : `fields(${parts.join(',')})`;
}

const TYPE_NAMES = { all: 'all', select: 'select', indirect: 'indirect', fast_failover: 'ff' } as const;

/** A group as `ovs-ofctl -O OpenFlow15 dump-groups` prints it, without the blank in front. */
export function formatGroup(group: GroupSpec): string {
  const parts = [`group_id=${group.groupId}`, `type=${TYPE_NAMES[group.type]}`];
  if (group.selectionMethod !== '') {
    parts.push(`selection_method=${group.selectionMethod}`);
    const high = BigInt(group.selectionMethodParamHigh >>> 0);
    const param = (high << 32n) | BigInt(group.selectionMethodParamLow >>> 0);
    if (param !== 0n) parts.push(`selection_method_param=${param}`);
    if (group.fields !== null) parts.push(formatFields(group.fields));
  }
  return [...parts, ...group.buckets.map((bucket) => formatBucket(bucket, group))].join(',');
}
