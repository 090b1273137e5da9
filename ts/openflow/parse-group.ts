import { oneOf } from './action-list.js';
import { GROUP_ANY, GROUP_ALL, GROUP_MAX } from './constants.js';
import { MATCH_FIELDS } from './fields.js';
import { emptyMatch, toWords } from './match.js';
import { parseActions } from './parse-actions.js';
import { parsePort } from './ports.js';
import { parseField } from './subfield.js';
import {
  type FieldSource,
  fail,
  type Item,
  parseBig,
  parseNumber,
  requireValue,
  slice,
  splitItems,
  type Token,
} from './syntax.js';
import {
  type Action,
  type GroupBucketSpec,
  type GroupSpec,
  type GroupType,
  OFPP_MAX,
  OFPP_NONE,
} from './types.js';
import { fullMask, parseValue } from './values.js';

/** What ovs-ofctl asks a switch to do with a group. */
export type GroupCommand =
  | 'add'
  | 'modify'
  | 'add_or_modify'
  | 'delete'
  | 'insert_buckets'
  | 'remove_buckets';

/** Places of command_bucket_id (OpenFlow 1.5, OFPG_BUCKET_*). */
export const BUCKET_FIRST = 0xfffffffd;
export const BUCKET_LAST = 0xfffffffe;
export const BUCKET_ALL = 0xffffffff;
/** Buckets with a higher number are reserved. */
const BUCKET_MAX = 0xffffff00;

/** One change of a group table. */
export interface GroupMod {
  readonly command: GroupCommand;
  /** The group as it is to be; for deletions and changes of buckets, only its number and buckets count. */
  readonly group: GroupSpec;
  /** insert_buckets: where; remove_buckets: which one, BUCKET_ALL for all. */
  readonly commandBucketId: number;
}

export interface ParseGroupOptions {
  /** OpenFlow numbers of ports that may be given by name. */
  readonly portNames?: ReadonlyMap<string, number>;
  /** Fields tun_metadataN that the switch knows. */
  readonly tlvMap?: FieldSource;
  /** Line that errors name; 1 if not given. */
  readonly line?: number;
}

type Mutable<T> = { -readonly [name in keyof T]: T[name] };
type Draft = Mutable<GroupSpec>;

const TYPES: Readonly<Record<string, GroupType>> = {
  all: 'all',
  select: 'select',
  indirect: 'indirect',
  ff: 'fast_failover',
  fast_failover: 'fast_failover',
};

/** Splits at each `bucket=`: the group's own settings, and the buckets. */
function splitBuckets(text: Token): [Token, ...Token[]] {
  const parts: Token[] = [];
  let start = 0;
  for (const found of text.text.matchAll(/(^|[\s,])bucket=/g)) {
    parts.push(slice(text, start, found.index));
    start = found.index + found[0].length;
  }
  parts.push(slice(text, start));
  return parts as [Token, ...Token[]];
}

interface GroupDraft {
  readonly group: Draft;
  commandBucketId: number | undefined;
  typed: boolean;
  numbered: boolean;
}

/** Settings of a group; each parses its value. */
const SETTINGS: Readonly<Record<string, (draft: GroupDraft, value: Token, command: GroupCommand) => void>> = {
  group_id(draft, value, command) {
    draft.numbered = true;
    draft.group.groupId =
      value.text === 'all' && command === 'delete' ? GROUP_ALL : parseNumber(value, 'group_id', GROUP_MAX);
  },
  type(draft, value) {
    draft.typed = true;
    const type = TYPES[value.text];
    if (type === undefined) fail(value, `type: expected ${Object.keys(TYPES).join(', ')}`);
    draft.group.type = type;
  },
  selection_method(draft, value) {
    draft.group.selectionMethod = oneOf(value, ['hash', 'dp_hash'] as const);
  },
  selection_method_param(draft, value) {
    const number = parseBig(value, 'selection_method_param', 0xffff_ffff_ffff_ffffn);
    draft.group.selectionMethodParamHigh = Number(BigInt.asIntN(32, number >> 32n));
    draft.group.selectionMethodParamLow = Number(BigInt.asIntN(32, number));
  },
  fields(draft, value) {
    const fields = splitItems(value).map(parseHashField);
    fields.sort((a, b) => MATCH_FIELDS.indexOf(a.field) - MATCH_FIELDS.indexOf(b.field));
    const twice = fields.find(({ field }, i) => i > 0 && field === fields[i - 1].field);
    if (twice !== undefined) fail(value, `fields: ${twice.field.name} stands twice`);
    if (fields.length > 0) draft.group.fields = fields;
  },
  command_bucket_id(draft, value) {
    const places: Readonly<Record<string, number>> = {
      all: BUCKET_ALL,
      first: BUCKET_FIRST,
      last: BUCKET_LAST,
    };
    draft.commandBucketId = places[value.text] ?? parseNumber(value, 'command_bucket_id', BUCKET_MAX);
  },
};

function parseHashField({ key, value }: Item): { field: ReturnType<typeof parseField>; mask: Int32Array } {
  const field = parseField(key);
  if (value === undefined || value.text === '') return { field, mask: toWords(field, fullMask(field)) };
  const mask = parseValue(field, value, undefined);
  if (!field.maskable && mask !== fullMask(field))
    fail(value, `${field.name} cannot be masked: leave =${value.text} out`);
  if (mask === 0n) fail(value, `${field.name}: this is a mask, and one without bits hashes nothing`);
  return { field, mask: toWords(field, mask) };
}

/** Parses a group in the syntax of `ovs-ofctl add-group`, mod-group, del-groups, insert-buckets or remove-buckets. */
export function parseGroupMod(
  text: string,
  command: GroupCommand,
  options: ParseGroupOptions = {},
): GroupMod {
  const { tlvMap, line = 1 } = options;
  const origin = { text, line, column: 1 };
  const whole = slice(tlvMap === undefined ? origin : { ...origin, fields: tlvMap }, 0);
  const [head, ...bucketTexts] = splitBuckets(whole);
  const draft: GroupDraft = {
    group: emptyGroup(),
    commandBucketId: undefined,
    typed: false,
    numbered: false,
  };
  for (const item of splitItems(head)) {
    const name = item.key.text;
    if (!Object.hasOwn(SETTINGS, name)) {
      fail(
        item.key,
        `"${name}" is no known keyword: expected ${Object.keys(SETTINGS).join(', ')} or bucket=`,
      );
    }
    SETTINGS[name](draft, requireValue(item, `${name}=1`), command);
  }
  checkSettings(whole, draft, command);
  if (bucketTexts.length > 0 && (command === 'delete' || command === 'remove_buckets')) {
    fail(bucketTexts[0], 'buckets have no meaning here: name the group only');
  }
  const buckets = bucketTexts.map((bucket) => parseBucket(bucket, draft.group.type, options));
  numberBuckets(buckets);
  checkBuckets(whole, draft.group.type, buckets, command);
  const group: GroupSpec = { ...draft.group, buckets };
  return { command, group, commandBucketId: draft.commandBucketId ?? BUCKET_ALL };
}

/** Parses a group as `ovs-ofctl add-group` takes it. Throws SyntaxProblem. */
export function parseGroup(text: string, options: ParseGroupOptions = {}): GroupSpec {
  return parseGroupMod(text, 'add', options).group;
}

function emptyGroup(): Draft {
  return {
    groupId: GROUP_ANY,
    type: 'all',
    buckets: [],
    selectionMethod: '',
    selectionMethodParamHigh: 0,
    selectionMethodParamLow: 0,
    fields: null,
  };
}

function checkSettings(at: Token, draft: GroupDraft, command: GroupCommand): void {
  const { group } = draft;
  const whole = command === 'add' || command === 'modify' || command === 'add_or_modify';
  if (!draft.numbered) {
    if (command !== 'delete') fail(at, 'a group needs a number: expected group_id=1');
    group.groupId = GROUP_ALL;
  }
  if (whole && !draft.typed) fail(at, 'a group needs a type: expected type=all, select, indirect or ff');
  const bucketCommand = command === 'insert_buckets' || command === 'remove_buckets';
  if (command === 'insert_buckets' && draft.commandBucketId === undefined) {
    fail(at, 'insert-buckets: expected command_bucket_id=first, last or the number of a bucket');
  }
  if (!bucketCommand && draft.commandBucketId !== undefined) {
    fail(at, 'command_bucket_id is only for insert-buckets and remove-buckets');
  }
  if (bucketCommand && draft.typed)
    fail(at, 'the type of a group cannot change with its buckets: leave type= out');
  if (command === 'insert_buckets' && draft.commandBucketId === BUCKET_ALL) {
    fail(
      at,
      'insert-buckets: command_bucket_id=all says no place, expected first, last or the number of a bucket',
    );
  }
  if (group.selectionMethod !== '' && group.type !== 'select') {
    fail(at, 'selection_method is only for groups of type=select');
  }
  if (group.fields !== null && group.selectionMethod !== 'hash') {
    fail(at, 'fields is only for groups of selection_method=hash');
  }
}

interface BucketDraft extends Mutable<Omit<GroupBucketSpec, 'actions'>> {
  actions: readonly Action[];
}

/** No number was given: numberBuckets gives one. */
const UNNUMBERED = -1;

/** Settings of a bucket; everything else in it is an action. */
const BUCKET_SETTINGS: Readonly<
  Record<
    string,
    (bucket: BucketDraft, value: Token, portNames: ReadonlyMap<string, number> | undefined) => void
  >
> = {
  weight(bucket, value) {
    bucket.weight = parseNumber(value, 'weight', 0xffff);
  },
  watch_port(bucket, value, portNames) {
    bucket.watchPort = parsePort(value, portNames);
    if (bucket.watchPort >= OFPP_MAX && bucket.watchPort !== OFPP_NONE) {
      fail(value, `watch_port: ${value.text} has no link to watch: expected a port number or name`);
    }
  },
  watch_group(bucket, value) {
    bucket.watchGroup = value.text === 'any' ? GROUP_ANY : parseNumber(value, 'watch_group', GROUP_MAX);
  },
  bucket_id(bucket, value) {
    bucket.bucketId = parseNumber(value, 'bucket_id', BUCKET_MAX);
  },
};

function parseBucket(text: Token, type: GroupType, options: ParseGroupOptions): BucketDraft {
  const { portNames } = options;
  const bucket: BucketDraft = {
    bucketId: UNNUMBERED,
    weight: type === 'select' ? 1 : 0,
    watchPort: OFPP_NONE,
    watchGroup: GROUP_ANY,
    actions: [],
  };
  const actions: Token[] = [];
  for (const item of splitItems(text)) {
    const name = item.key.text;
    if (Object.hasOwn(BUCKET_SETTINGS, name)) {
      BUCKET_SETTINGS[name](bucket, requireValue(item, `${name}:1`), portNames);
    } else if (name === 'actions' || name === 'action') {
      actions.push(item.value ?? item.key);
    } else {
      actions.push(itemText(text, item));
    }
  }
  if (actions.length === 0)
    fail(text, 'a bucket needs actions: expected actions=… (actions=drop for nothing)');
  bucket.actions = bucketActions(actions, portNames);
  return bucket;
}

/** The item as it stands in the text. */
function itemText(text: Token, { key, value, target }: Item): Token {
  const start = key.column - text.column;
  const last = target ?? value ?? key;
  let end = last.column - text.column + last.text.length;
  if (text.text[end] === ')' && value !== undefined && target === undefined) end++;
  return slice(text, start, end);
}

function bucketActions(
  parts: readonly Token[],
  portNames: ReadonlyMap<string, number> | undefined,
): Action[] {
  const context = { match: emptyMatch(), table: 0, portNames, openFlow15: true, unchecked: true };
  return parts.flatMap((part) => parseActions(part, context, 'bucket'));
}

/** Gives the lowest free numbers to the buckets that have none, in order. */
function numberBuckets(buckets: BucketDraft[]): void {
  const used = new Set(buckets.map((bucket) => bucket.bucketId));
  let next = 0;
  for (const bucket of buckets) {
    if (bucket.bucketId !== UNNUMBERED) continue;
    while (used.has(next)) next++;
    bucket.bucketId = next++;
  }
}

function checkBuckets(
  at: Token,
  type: GroupType,
  buckets: readonly BucketDraft[],
  command: GroupCommand,
): void {
  if (new Set(buckets.map((bucket) => bucket.bucketId)).size < buckets.length) {
    fail(at, 'two buckets have the same bucket_id: expected different ones');
  }
  if (command === 'insert_buckets' || command === 'delete' || command === 'remove_buckets') return;
  if (type === 'indirect' && buckets.length !== 1)
    fail(at, 'a group of type=indirect has exactly one bucket');
  if (type !== 'select' && buckets.some((bucket) => bucket.weight !== 0)) {
    fail(at, 'only groups of type=select have weights');
  }
  const watched = type === 'select' || type === 'fast_failover';
  if (
    !watched &&
    buckets.some((bucket) => bucket.watchPort !== OFPP_NONE || bucket.watchGroup !== GROUP_ANY)
  ) {
    fail(at, 'watch_port and watch_group are only for groups of type=select and type=ff');
  }
  const blind = (bucket: BucketDraft) => bucket.watchPort === OFPP_NONE && bucket.watchGroup === GROUP_ANY;
  if (type === 'fast_failover' && buckets.some(blind)) {
    fail(at, 'each bucket of a group of type=ff needs watch_port or watch_group');
  }
}
