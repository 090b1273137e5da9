import { fieldByName, requireField } from './fields.js';
import {
  ETH_TYPE_IP,
  ETH_TYPE_IPV6,
  matchEthType,
  matchHasVlan,
  matchNwProto,
  PREREQUISITE_HINTS,
  prerequisiteHolds,
  toWords,
  VLAN_CFI,
} from './match.js';
import { findPort, parsePort } from './ports.js';
import { parseField, parseSubfield, parseTarget } from './subfield.js';
import {
  fail,
  type Item,
  parseBig,
  parseNumber,
  requireValue,
  slice,
  splitCommas,
  splitItems,
  type Token,
} from './syntax.js';
import {
  type Action,
  type FlowMatch,
  type MatchField,
  type MultipathAlgorithm,
  type MultipathFields,
  OFPP_ALL,
  OFPP_CONTROLLER,
  OFPP_FLOOD,
  OFPP_IN_PORT,
  OFPP_LOCAL,
  OFPP_NORMAL,
} from './types.js';
import { fullMask, type MaskedValue, parseMaskedValue } from './values.js';

/** Length that sends whole packets to the controller. */
export const MAX_LEN_ALL = 0xffff;
/** Table number of resubmit that means the current one. */
export const TABLE_CURRENT = 255;

/** Reasons of a packet-in (OpenFlow 1.4, OFPR_*), by number. */
export const REASONS = ['no_match', 'action', 'invalid_ttl', 'action_set', 'group', 'packet_out'] as const;
export const REASON_ACTION = 1;

const MULTIPATH_FIELDS: readonly MultipathFields[] = [
  'eth_src',
  'symmetric_l4',
  'symmetric_l3l4',
  'symmetric_l3l4+udp',
  'nw_src',
  'nw_dst',
  'symmetric_l3',
];
const MULTIPATH_ALGORITHMS: readonly MultipathAlgorithm[] = [
  'modulo_n',
  'hash_threshold',
  'hrw',
  'iter_hash',
];

/** Actions of ovs-actions(7) that this version does not translate. */
const UNSUPPORTED = new Set(
  (
    'group set_queue enqueue pop_queue push_mpls pop_mpls set_mpls_label set_mpls_tc set_mpls_ttl dec_mpls_ttl clone ct ' +
    'ct_clear nat learn write_actions clear_actions apply_actions write_metadata meter bundle bundle_load conjunction note ' +
    'sample exit fin_timeout push pop stack_push stack_pop check_pkt_larger encap decap dec_nsh_ttl debug_recirc ' +
    'debug_slow unroll_xlate delete_field set_tunnel64 TABLE'
  ).split(' '),
);

/** What the actions of a flow depend on. */
export interface ActionContext {
  readonly match: FlowMatch;
  /** Table that the flow is in. */
  readonly table: number;
  readonly portNames: ReadonlyMap<string, number> | undefined;
  /** OpenFlow 1.5 has no mod_vlan_vid: it becomes push_vlan and set_field. Otherwise goto_table becomes resubmit. */
  readonly openFlow15: boolean;
}

type Handler = (parser: ActionParser, item: Item) => void;

const HANDLERS: Readonly<Record<string, Handler>> = {
  output: (parser, item) => parser.output(item),
  controller: (parser, item) => parser.controller(item),
  resubmit: (parser, item) => parser.resubmit(item),
  goto_table: (parser, item) => {
    const table = parseNumber(requireValue(item, 'goto_table:1'), 'goto_table', 254);
    parser.actions.push({ type: 'goto_table', table });
  },
  set_field: (parser, item) => parser.setField(item),
  load: (parser, item) => parser.load(item),
  move: (parser, item) => parser.move(item),
  mod_dl_src: (parser, item) => parser.assign(item, 'eth_src'),
  mod_dl_dst: (parser, item) => parser.assign(item, 'eth_dst'),
  mod_nw_src: (parser, item) => parser.assign(item, 'ip_src'),
  mod_nw_dst: (parser, item) => parser.assign(item, 'ip_dst'),
  mod_nw_ecn: (parser, item) => parser.assign(item, 'nw_ecn'),
  mod_nw_ttl: (parser, item) => parser.assign(item, 'nw_ttl'),
  mod_nw_tos: (parser, item) => parser.assignTos(item),
  mod_tp_src: (parser, item) => parser.assignPort(item, 'src'),
  mod_tp_dst: (parser, item) => parser.assignPort(item, 'dst'),
  set_tunnel: (parser, item) => parser.assign(item, 'tun_id'),
  mod_vlan_vid: (parser, item) => parser.vlanVid(item, true),
  set_vlan_vid: (parser, item) => parser.vlanVid(item, false),
  mod_vlan_pcp: (parser, item) => parser.vlanPcp(item, true),
  set_vlan_pcp: (parser, item) => parser.vlanPcp(item, false),
  strip_vlan: (parser, item) => parser.popVlan(item),
  pop_vlan: (parser, item) => parser.popVlan(item),
  push_vlan: (parser, item) => parser.pushVlan(item),
  dec_ttl: (parser, item) => parser.decTtl(item),
  multipath: (parser, item) => parser.multipath(item),
};

const PORT_ACTIONS: Readonly<Record<string, number>> = {
  normal: OFPP_NORMAL,
  flood: OFPP_FLOOD,
  all: OFPP_ALL,
  local: OFPP_LOCAL,
  in_port: OFPP_IN_PORT,
};

/** Parses an action list. */
class ActionParser {
  readonly actions: Action[] = [];
  /** Whether the packet surely has a VLAN tag where the next action stands. */
  private hasVlan: boolean;

  constructor(private readonly context: ActionContext) {
    this.hasVlan = matchHasVlan(context.match);
  }

  accept(item: Item): void {
    const name = item.key.text;
    const last = this.actions.at(-1);
    if (last?.type === 'goto_table') fail(item.key, `${name} after goto_table: goto_table must be last`);
    if (Object.hasOwn(HANDLERS, name)) {
      HANDLERS[name](this, item);
    } else if (name.toLowerCase() === 'controller') {
      this.controller(item);
    } else if (item.delimiter === '') {
      this.outputBare(item.key);
    } else {
      this.unknown(item.key);
    }
  }

  private unknown(name: Token): never {
    if (UNSUPPORTED.has(name.text)) fail(name, `action ${name.text} is not supported`);
    fail(name, `"${name.text}" is no known action: expected an action of ovs-actions(7) or a port`);
  }

  private outputBare(name: Token): void {
    const { portNames } = this.context;
    const reserved = portNames?.has(name.text) ? undefined : PORT_ACTIONS[name.text.toLowerCase()];
    const port = reserved ?? (UNSUPPORTED.has(name.text) ? undefined : findPort(name.text, portNames));
    if (port === undefined) this.unknown(name);
    this.actions.push({ type: 'output', port, maxLen: 0 });
  }

  output(item: Item): void {
    const value = requireValue(item, 'output:1');
    if (item.delimiter === '(') {
      this.outputTruncated(value);
      return;
    }
    const { portNames } = this.context;
    const port = findPort(value.text, portNames);
    const name = value.text.split('[')[0];
    if (port === OFPP_CONTROLLER) {
      this.actions.push(toController(MAX_LEN_ALL));
    } else if (port !== undefined) {
      this.actions.push({ type: 'output', port, maxLen: 0 });
    } else if (fieldByName(name) !== undefined) {
      this.actions.push({ type: 'output_reg', source: parseSubfield(value), maxLen: MAX_LEN_ALL });
    } else {
      parsePort(value, portNames);
    }
  }

  private outputTruncated(value: Token): void {
    const args = namedArguments(value, ['port', 'max_len']);
    if (args.port === undefined || args.max_len === undefined) {
      fail(value, 'output(…) needs port and max_len, as in output(port=1,max_len=100)');
    }
    const maxLen = parseNumber(args.max_len, 'max_len', 0xffffffff, 14);
    this.actions.push({ type: 'output', port: parsePort(args.port, this.context.portNames), maxLen });
  }

  controller(item: Item): void {
    if (item.delimiter !== '(') {
      const { value } = item;
      const maxLen = value === undefined ? MAX_LEN_ALL : parseNumber(value, 'controller length', 0xffff);
      this.actions.push(toController(maxLen));
      return;
    }
    const args = namedArguments(item.value!, ['max_len', 'reason', 'id'], ['userdata', 'pause', 'meter_id']);
    const reason = args.reason === undefined ? REASON_ACTION : REASONS.indexOf(args.reason.text as 'action');
    if (reason < 0) fail(args.reason!, `unknown reason: expected ${REASONS.join(', ')}`);
    this.actions.push({
      type: 'controller',
      maxLen: args.max_len === undefined ? MAX_LEN_ALL : parseNumber(args.max_len, 'max_len', 0xffff),
      reason,
      controllerId: args.id === undefined ? 0 : parseNumber(args.id, 'controller id', 0xffff),
    });
  }

  resubmit(item: Item): void {
    const value = requireValue(item, 'resubmit(,1)');
    const { portNames } = this.context;
    if (item.delimiter !== '(') {
      this.actions.push({ type: 'resubmit', port: parsePort(value, portNames), table: TABLE_CURRENT });
      return;
    }
    const [port, table, ...rest] = splitCommas(value);
    if (rest.length > 0) fail(rest[0], 'resubmit(port,table,…): a third argument is not supported');
    this.actions.push({
      type: 'resubmit',
      port: port.text === '' ? OFPP_IN_PORT : parsePort(port, portNames),
      table:
        table === undefined || table.text === ''
          ? TABLE_CURRENT
          : parseNumber(table, 'resubmit table', TABLE_CURRENT),
    });
  }

  setField(item: Item): void {
    const [value, target] = arrow(item, 'set_field:10.0.0.1->ip_dst');
    const field = parseField(target);
    if (!field.writable) fail(target, `${field.name} is read-only: actions cannot write it`);
    this.checkPrerequisite(target, field);
    this.pushSet(field, parseMaskedValue(field, value, this.context.portNames));
  }

  load(item: Item): void {
    const [value, place] = arrow(item, 'load:1->NXM_NX_REG0[0..15]');
    const { field, offset, bits } = parseTarget(place);
    this.checkPrerequisite(place, field);
    const max = (1n << BigInt(bits)) - 1n;
    const number = parseBig(value, `value for ${bits} bits`, max);
    this.pushSet(field, { value: number << BigInt(offset), mask: max << BigInt(offset) });
  }

  move(item: Item): void {
    const [from, to] = arrow(item, 'move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]');
    const source = parseSubfield(from);
    const target = parseTarget(to);
    if (source.bits !== target.bits) {
      fail(to, `move from ${source.bits} bits to ${target.bits}: expected ranges of the same width`);
    }
    this.checkPrerequisite(from, source.field);
    this.checkPrerequisite(to, target.field);
    this.actions.push({ type: 'move', source, target });
  }

  /** mod_FIELD:V, which OVS leaves without effect on packets that do not have the field. */
  assign(item: Item, name: string): void {
    const field = requireField(name);
    const token = requireValue(item, `${item.key.text}:1`);
    const { value, mask } = parseMaskedValue(field, token, undefined);
    if (mask !== fullMask(field)) fail(token, `${item.key.text} takes no mask`);
    this.pushSet(field, { value, mask });
  }

  assignTos(item: Item): void {
    const token = requireValue(item, 'mod_nw_tos:16');
    const tos = parseNumber(token, 'mod_nw_tos', 255);
    if ((tos & 3) !== 0) fail(token, 'mod_nw_tos: expected a multiple of 4; set ECN with mod_nw_ecn');
    this.pushSet(requireField('ip_dscp'), { value: BigInt(tos >> 2), mask: 0x3fn });
  }

  assignPort(item: Item, end: 'src' | 'dst'): void {
    const { match } = this.context;
    const type = matchEthType(match);
    const protocol = { 6: 'tcp', 17: 'udp', 132: 'sctp' }[matchNwProto(match)];
    if (protocol === undefined || (type !== ETH_TYPE_IP && type !== ETH_TYPE_IPV6)) {
      fail(item.key, `${item.key.text} needs a flow that matches tcp, udp or sctp`);
    }
    this.assign(item, `${protocol}_${end}`);
  }

  vlanVid(item: Item, pushIfAbsent: boolean): void {
    const vid = parseNumber(requireValue(item, 'mod_vlan_vid:10'), 'VLAN id', 0xfff);
    if (this.vlanAsField(item.key, pushIfAbsent)) {
      this.pushSet(requireField('vlan_vid'), { value: BigInt(vid | VLAN_CFI), mask: 0x1fffn });
    } else {
      this.actions.push({ type: 'set_vlan_vid', vid, pushIfAbsent });
    }
    this.hasVlan = true;
  }

  vlanPcp(item: Item, pushIfAbsent: boolean): void {
    const pcp = parseNumber(requireValue(item, 'mod_vlan_pcp:3'), 'VLAN priority', 7);
    if (this.vlanAsField(item.key, pushIfAbsent)) {
      this.pushSet(requireField('vlan_pcp'), { value: BigInt(pcp), mask: 7n });
    } else {
      this.actions.push({ type: 'set_vlan_pcp', pcp, pushIfAbsent });
    }
    this.hasVlan = true;
  }

  /** Whether a VLAN action is to be written as set_field; pushes the tag that it then needs. */
  private vlanAsField(name: Token, pushIfAbsent: boolean): boolean {
    if (!this.hasVlan && !pushIfAbsent) this.failWithoutVlan(name);
    if (!this.context.openFlow15) return false;
    if (!this.hasVlan) this.actions.push({ type: 'push_vlan', tpid: 0x8100 });
    return true;
  }

  private failWithoutVlan(at: Token): never {
    fail(at, `${at.text} needs a VLAN tag: match one (${PREREQUISITE_HINTS.vlan}) or push_vlan before`);
  }

  pushVlan(item: Item): void {
    const token = requireValue(item, 'push_vlan:0x8100');
    const tpid = parseNumber(token, 'push_vlan', 0xffff);
    if (tpid !== 0x8100 && tpid !== 0x88a8) fail(token, 'push_vlan: expected 0x8100 or 0x88a8');
    this.actions.push({ type: 'push_vlan', tpid });
    this.hasVlan = true;
  }

  popVlan(item: Item): void {
    requireBare(item);
    this.actions.push({ type: 'pop_vlan' });
    this.hasVlan = false;
  }

  decTtl(item: Item): void {
    if (item.value !== undefined && item.value.text !== '') {
      fail(item.value, 'dec_ttl with controller ids is not supported: write dec_ttl');
    }
    const type = matchEthType(this.context.match);
    if (type !== ETH_TYPE_IP && type !== ETH_TYPE_IPV6) {
      fail(item.key, `dec_ttl needs a flow that matches ${PREREQUISITE_HINTS.ip}`);
    }
    this.actions.push({ type: 'dec_ttl' });
  }

  multipath(item: Item): void {
    const value = requireValue(item, 'multipath(eth_src,0,modulo_n,4,0,NXM_NX_REG0[])');
    const args = splitCommas(value);
    if (args.length !== 6) {
      fail(value, `multipath has ${args.length} arguments: expected fields,basis,algorithm,n_links,arg,dst`);
    }
    const target = parseTarget(args[5]);
    const links = parseNumber(args[3], 'n_links', 0x10000, 1);
    if (target.bits < 16 && links > 1 << target.bits) {
      fail(args[3], `${links} links do not fit ${target.bits} bits: expected at most ${1 << target.bits}`);
    }
    this.actions.push({
      type: 'multipath',
      fields: oneOf(args[0], MULTIPATH_FIELDS),
      basis: parseNumber(args[1], 'basis', 0xffff),
      algorithm: oneOf(args[2], MULTIPATH_ALGORITHMS),
      links,
      arg: parseNumber(args[4], 'arg', 0xffff),
      target,
    });
  }

  private pushSet(field: MatchField, { value, mask }: MaskedValue): void {
    this.actions.push({
      type: 'set_field',
      field,
      value: toWords(field, value & mask),
      mask: toWords(field, mask),
    });
  }

  /** As ovs-ofctl, refuses to touch a field that some of the flow's packets do not have. */
  private checkPrerequisite(at: Token, field: MatchField): void {
    const needsTag = field.prerequisite === 'vlan' || field.name === 'vlan_vid';
    if (needsTag) {
      if (!this.hasVlan) this.failWithoutVlan({ ...at, text: field.name });
    } else if (!prerequisiteHolds(this.context.match, field.prerequisite)) {
      fail(at, `${field.name} needs a flow that matches ${PREREQUISITE_HINTS[field.prerequisite]}`);
    }
  }
}

function toController(maxLen: number): Action {
  return { type: 'controller', maxLen, reason: REASON_ACTION, controllerId: 0 };
}

function oneOf<T extends string>(token: Token, names: readonly T[]): T {
  return (
    names.find((name) => name === token.text) ?? fail(token, `"${token.text}": expected ${names.join(', ')}`)
  );
}

function requireBare(item: Item): void {
  if (item.value !== undefined && item.value.text !== '')
    fail(item.value, `${item.key.text} takes no argument`);
}

/** `A->B` of an item. */
function arrow(item: Item, example: string): [Token, Token] {
  const value = requireValue(item, example.slice(example.indexOf(':') + 1));
  const at = value.text.indexOf('->');
  if (at < 0) fail(value, `expected ->, as in ${example}`);
  return [slice(value, 0, at), slice(value, at + 2)];
}

/** `name=value` arguments. */
function namedArguments<T extends string>(
  value: Token,
  names: readonly T[],
  unsupported: readonly string[] = [],
): { [name in T]?: Token } & { reason?: Token } {
  const args: Record<string, Token> = {};
  for (const { key, value: argument } of splitItems(value)) {
    if (unsupported.includes(key.text)) fail(key, `controller(${key.text}) is not supported`);
    if (!names.includes(key.text as T)) fail(key, `"${key.text}": expected ${names.join(', ')}`);
    if (argument === undefined) fail(key, `${key.text} needs a value`);
    args[key.text] = argument;
  }
  return args as { [name in T]?: Token };
}

function checkGoto(table: number, at: Token, context: ActionContext): void {
  if (table > context.table) return;
  fail(at, `goto_table:${table} from table ${context.table}: expected a higher table`);
}

/** OpenFlow 1.0 has no instructions: goto_table is sent as a resubmit. */
function toOpenFlow10(action: Action): Action {
  return action.type === 'goto_table'
    ? { type: 'resubmit', port: OFPP_IN_PORT, table: action.table }
    : action;
}

/** The actions of a flow. `drop` and no action at all are an empty list. Throws SyntaxProblem. */
export function parseActions(list: Token, context: ActionContext): Action[] {
  const items = splitItems(list);
  const drop = items.find((item) => item.key.text.toLowerCase() === 'drop');
  if (drop !== undefined && items.length > 1) fail(drop.key, 'drop must be the only action');
  if (drop !== undefined) return [];
  const parser = new ActionParser(context);
  for (const item of items) parser.accept(item);
  const last = parser.actions.at(-1);
  if (last?.type === 'goto_table') checkGoto(last.table, items.at(-1)!.key, context);
  return parser.actions.map((action) => (context.openFlow15 ? action : toOpenFlow10(action)));
}
