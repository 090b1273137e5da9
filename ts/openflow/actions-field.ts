import { type ActionHandlers, type ActionList, arrow, namedArguments, requireBare } from './action-list.js';
import { requireField } from './fields.js';
import { parseField, parseSubfield, parseTarget } from './subfield.js';
import {
  fail,
  type Item,
  parseBig,
  parseNumber,
  requireValue,
  slice,
  splitCommas,
  type Token,
} from './syntax.js';
import { takesWholeValue } from './wire10.js';
import type { MatchField, Prerequisite } from './types.js';
import { fullMask, type MaskedValue, parseMaskedValue, parseValue } from './values.js';

function setField(list: ActionList, item: Item): void {
  const [value, target] = arrow(item, 'set_field:10.0.0.1->ip_dst');
  const field = parseField(target);
  if (!field.writable) fail(target, `${field.name} is read-only: actions cannot write it`);
  const masked = parseMaskedValue(field, value, list.portNames, list.context.openFlow15);
  list.requireSettable(target, field, masked);
  if (!list.context.openFlow15 && takesWholeValue(field))
    list.pushSet(field, wholeValue(field, value), 'mod');
  else list.pushSet(field, masked);
}

/** A value without its mask, for which OpenFlow 1.0's actions have no room. */
function wholeValue(field: MatchField, token: Token): MaskedValue {
  const slash = token.text.indexOf('/');
  const value = parseValue(field, slash < 0 ? token : slice(token, 0, slash), undefined);
  return { value, mask: fullMask(field) };
}

function load(list: ActionList, item: Item): void {
  const [value, place] = arrow(item, 'load:1->NXM_NX_REG0[0..15]');
  const { field, offset, bits } = parseTarget(place);
  const max = (1n << BigInt(bits)) - 1n;
  const number = parseBig(value, `value for ${bits} bits`, max);
  const masked = { value: number << BigInt(offset), mask: max << BigInt(offset) };
  list.requireSettable(place, field, masked);
  list.pushSet(field, masked, 'load');
}

function move(list: ActionList, item: Item): void {
  const [from, to] = arrow(item, 'move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]');
  const source = parseSubfield(from);
  const target = parseTarget(to);
  if (source.bits !== target.bits) {
    fail(to, `move from ${source.bits} bits to ${target.bits}: expected ranges of the same width`);
  }
  list.requirePrerequisite(from, source.field);
  list.requireTarget(to, target.field);
  list.push({ type: 'move', source, target });
}

/**
 * Whether what is sent for a mod_FIELD is as strict as set_field. OpenFlow 1.0 has no action for the ECN bits and the TTL, and
 * does not send write_actions; OpenFlow 1.5 has one for the TTL only.
 */
function isSentAsSetField({ place, context }: ActionList, name: string): boolean {
  if (context.openFlow15) return place === 'write_actions' && name !== 'nw_ttl';
  return place !== 'write_actions' && (name === 'nw_ttl' || name === 'nw_ecn');
}

/** mod_FIELD:V. OpenFlow 1.0 leaves it without effect on packets that do not have the field. */
function assign(list: ActionList, item: Item, name: string, prerequisite: Prerequisite): void {
  const field = requireField(name);
  const token = requireValue(item, '1');
  const { value, mask } = parseMaskedValue(field, token, undefined);
  if (mask !== fullMask(field)) fail(token, `${item.key.text} takes no mask`);
  if (isSentAsSetField(list, name)) list.requirePrerequisite(item.key, field);
  else list.requireInOpenFlow15(item.key, prerequisite);
  list.pushSet(field, { value, mask }, 'mod');
}

function assignTos(list: ActionList, item: Item): void {
  const token = requireValue(item, '16');
  const tos = parseNumber(token, 'mod_nw_tos', 255);
  if ((tos & 3) !== 0) fail(token, 'mod_nw_tos: expected a multiple of 4; set ECN with mod_nw_ecn');
  list.requireInOpenFlow15(item.key, 'ip');
  list.pushSet(requireField('ip_dscp'), { value: BigInt(tos >> 2), mask: 0x3fn }, 'mod');
}

/** Ports of whatever transport protocol a packet has; only mod_tp_src and mod_tp_dst of OpenFlow 1.0 know them. */
const ANY_PORT = {
  src: { ...requireField('tcp_src'), name: 'tp_src', aliases: [], prerequisite: 'ip' },
  dst: { ...requireField('tcp_dst'), name: 'tp_dst', aliases: [], prerequisite: 'ip' },
} as const;

function assignPort(list: ActionList, item: Item, end: 'src' | 'dst'): void {
  const protocol = ({ 6: 'tcp', 17: 'udp', 132: 'sctp' } as const)[list.nwProto];
  if (protocol !== undefined) {
    assign(list, item, `${protocol}_${end}`, protocol);
    return;
  }
  if (list.strict && list.place !== 'write_actions')
    fail(item.key, `${item.key.text} needs a flow that matches tcp, udp or sctp`);
  const port = parseNumber(requireValue(item, '80'), `${item.key.text}`, 0xffff);
  list.pushSet(ANY_PORT[end], { value: BigInt(port), mask: 0xffffn }, 'mod');
}

function decTtl(list: ActionList, item: Item): void {
  list.requireInOpenFlow15(item.key, 'ip');
  if (item.value === undefined || item.value.text === '') {
    list.push({ type: 'dec_ttl' });
    return;
  }
  const ids = splitCommas(item.value).filter(({ text }) => text !== '');
  list.push({ type: 'dec_ttl', controllerIds: ids.map((id) => parseNumber(id, 'controller id', 0xffff)) });
}

function writeMetadata(list: ActionList, item: Item): void {
  const value = requireValue(item, '5/0xff');
  const slash = value.text.indexOf('/');
  const all = 0xffff_ffff_ffff_ffffn;
  const mask = slash < 0 ? all : parseBig(slice(value, slash + 1), 'metadata mask', all);
  const metadata = parseBig(slash < 0 ? value : slice(value, 0, slash), 'metadata', all);
  const high = (number: bigint) => Number(BigInt.asIntN(32, number >> 32n));
  const low = (number: bigint) => Number(BigInt.asIntN(32, number));
  list.push({
    type: 'write_metadata',
    valueHigh: high(metadata),
    valueLow: low(metadata),
    maskHigh: high(mask),
    maskLow: low(mask),
  });
}

function setTunnel(list: ActionList, item: Item): void {
  const id = parseBig(requireValue(item, '5'), 'tunnel id', 0xffff_ffff_ffff_ffffn);
  list.push({
    type: 'set_tunnel',
    idHigh: Number(BigInt.asIntN(32, id >> 32n)),
    idLow: Number(BigInt.asIntN(32, id)),
    ...(item.key.text === 'set_tunnel64' ? { form: 'set_tunnel64' } : {}),
  });
}

const IPPROTO_TCP = 6;

function finTimeout(list: ActionList, item: Item): void {
  // Of fragments, too: it is the connection that counts, not the header.
  if (list.nwProto !== IPPROTO_TCP) list.requireInOpenFlow15(item.key, 'tcp');
  const args = namedArguments(item.value, ['idle_timeout', 'hard_timeout']);
  const seconds = (name: 'idle_timeout' | 'hard_timeout') =>
    args[name] === undefined ? 0 : parseNumber(args[name], `${name} (seconds)`, 0xffff);
  list.push({
    type: 'fin_timeout',
    idleTimeout: seconds('idle_timeout'),
    hardTimeout: seconds('hard_timeout'),
  });
}

function checkPacketLarger(list: ActionList, item: Item): void {
  const length = parseNumber(requireValue(item, '(100)->NXM_NX_REG0[0]'), 'packet length', 0xffff);
  if (item.target === undefined) {
    fail(item.key, 'expected where the answer goes, as in check_pkt_larger(100)->NXM_NX_REG0[0]');
  }
  const target = parseTarget(item.target);
  if (target.bits !== 1)
    fail(item.target, `the answer is one bit, not ${target.bits}: expected NXM_NX_REG0[0]`);
  list.push({ type: 'check_pkt_larger', length, target });
}

function push(list: ActionList, item: Item): void {
  const token = requireValue(item, 'NXM_NX_REG0[]');
  const source = parseSubfield(token);
  list.requirePrerequisite(token, source.field);
  list.push({ type: 'push', source });
}

function pop(list: ActionList, item: Item): void {
  const token = requireValue(item, 'NXM_NX_REG0[]');
  const target = parseTarget(token);
  list.requirePrerequisite(token, target.field);
  list.push({ type: 'pop', target });
}

export const FIELD_HANDLERS: ActionHandlers = {
  set_field: setField,
  load,
  move,
  push,
  pop,
  mod_dl_src: (list, item) => assign(list, item, 'eth_src', 'ethernet'),
  mod_dl_dst: (list, item) => assign(list, item, 'eth_dst', 'ethernet'),
  mod_nw_src: (list, item) => assign(list, item, 'ip_src', 'ipv4'),
  mod_nw_dst: (list, item) => assign(list, item, 'ip_dst', 'ipv4'),
  mod_nw_ecn: (list, item) => assign(list, item, 'nw_ecn', 'ip'),
  mod_nw_ttl: (list, item) => assign(list, item, 'nw_ttl', 'ip'),
  set_nw_ttl: (list, item) => assign(list, item, 'nw_ttl', 'ip'),
  mod_nw_tos: assignTos,
  mod_tp_src: (list, item) => assignPort(list, item, 'src'),
  mod_tp_dst: (list, item) => assignPort(list, item, 'dst'),
  set_tunnel: setTunnel,
  set_tunnel64: setTunnel,
  dec_ttl: decTtl,
  fin_timeout: finTimeout,
  write_metadata: writeMetadata,
  check_pkt_larger: checkPacketLarger,
  delete_field: (list, item) => {
    const token = requireValue(item, 'tun_metadata0');
    const field = parseField(token);
    if (!/^tun_metadata/.test(field.name))
      fail(token, 'delete_field: expected a field tun_metadata0 to tun_metadata63');
    list.push({ type: 'delete_field', field });
  },
  dec_nsh_ttl: (list, item) => {
    requireBare(item);
    list.requireInOpenFlow15(item.key, 'nsh');
    list.push({ type: 'dec_nsh_ttl' });
  },
};
