import { MAX_LEN_ALL, REASON_ACTION, REASONS, TABLE_CURRENT } from './constants.js';
import { formatCt } from './format-ct.js';
import { formatLearn } from './format-learn.js';
import { formatFullValue, formatHex, formatMaskedValue } from './format-values.js';
import { fromWords } from './match.js';
import { formatPort, isReservedPort, type PortLabels } from './ports.js';
import { formatSubfield } from './subfield.js';
import { type Action, type EncapProperty, type MatchField, OFPP_IN_PORT, OFPP_NONE } from './types.js';
import { fullMask } from './values.js';
import { asSent } from './wire.js';

/** An action of one kind. */
type Of<T extends Action['type']> = Extract<Action, { type: T }>;

function hexBytes(data: Uint8Array, separator: string): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join(separator);
}

function formatController(action: Of<'controller'>): string {
  const { maxLen, reason, controllerId, userdata, pause, meterId } = action;
  const args: string[] = [];
  // The reason of OVS's own miss rule has no name.
  if (reason !== REASON_ACTION) args.push(`reason=${REASONS[reason] ?? ''}`);
  if (controllerId !== 0) args.push(`id=${controllerId}`);
  if (userdata !== undefined && userdata.length > 0) args.push(`userdata=${hexBytes(userdata, '.')}`);
  if (pause === true) args.push('pause');
  if (meterId !== undefined) args.push(`meter_id=${meterId}`);
  if (args.length === 0) return `CONTROLLER:${maxLen}`;
  if (maxLen !== MAX_LEN_ALL) args.splice(reason === REASON_ACTION ? 0 : 1, 0, `max_len=${maxLen}`);
  return `controller(${args.join(',')})`;
}

function formatOutput({ port, maxLen }: Of<'output'>, ports?: PortLabels): string {
  const name = formatPort(port, ports);
  if (maxLen !== 0) return `output(port=${name},max_len=${maxLen})`;
  return isReservedPort(port) ? name : `output:${name}`;
}

function formatResubmit({ port, table, withCt }: Of<'resubmit'>, ports?: PortLabels): string {
  if (table === TABLE_CURRENT && port !== OFPP_IN_PORT && withCt !== true)
    return `resubmit:${formatPort(port, ports)}`;
  const args = [
    port === OFPP_IN_PORT ? '' : formatPort(port, ports),
    table === TABLE_CURRENT ? '' : String(table),
    ...(withCt === true ? ['ct'] : []),
  ];
  return `resubmit(${args.join(',')})`;
}

/** Ends of the names of OpenFlow 1.0's actions, where they are not those of the fields. */
const MOD_NAMES: Readonly<Record<string, string>> = {
  eth_src: 'dl_src',
  eth_dst: 'dl_dst',
  ip_src: 'nw_src',
  ip_dst: 'nw_dst',
  ip_dscp: 'nw_tos',
  tcp_src: 'tp_src',
  tcp_dst: 'tp_dst',
  udp_src: 'tp_src',
  udp_dst: 'tp_dst',
};

/** One of OpenFlow 1.0's actions that set a whole field. */
function formatMod(field: MatchField, value: bigint): string {
  const name = MOD_NAMES[field.name] ?? field.name;
  const number = field.name === 'ip_dscp' ? value << 2n : value;
  const isNumber = field.format !== 'mac' && field.format !== 'ipv4';
  return `mod_${name}:${isNumber ? number : formatFullValue(field, number)}`;
}

/** A load, of which the mask is one run of ones. */
function formatLoad(field: MatchField, value: bigint, mask: bigint): string {
  let offset = 0;
  while (((mask >> BigInt(offset)) & 1n) === 0n && offset < field.bits) offset++;
  const bits = (mask >> BigInt(offset)).toString(2).length;
  return `load:${formatHex(value >> BigInt(offset))}->${formatSubfield({ field, offset, bits })}`;
}

function formatSetField({ field, value, mask, form }: Of<'set_field'>, ports?: PortLabels): string {
  const number = fromWords(field, value, 0);
  if (form === 'mod') return formatMod(field, number);
  if (form === 'load') return formatLoad(field, number, fromWords(field, mask, 0));
  // A field that the flow key keeps in fewer bits than OpenFlow gives it (arp_op) was set as a whole.
  const kept = fromWords(field, mask, 0);
  const bits = field.name === 'arp_op' ? fullMask(field) : kept;
  return `set_field:${formatMaskedValue(field, number, bits, ports)}->${field.name}`;
}

function formatBundle(
  { fields, basis, algorithm, members, target }: Of<'bundle'>,
  ports?: PortLabels,
): string {
  const start = `${fields},${basis},${algorithm},ofport`;
  const list = `members:${members.map((port) => formatPort(port, ports)).join(',')}`;
  return target === null
    ? `bundle(${start},${list})`
    : `bundle_load(${start},${formatSubfield(target)},${list})`;
}

function formatSample(action: Of<'sample'>, ports?: PortLabels): string {
  const args = [
    `probability=${action.probability}`,
    `collector_set_id=${action.collectorSetId}`,
    `obs_domain_id=${action.obsDomainId}`,
    `obs_point_id=${action.obsPointId}`,
  ];
  if (action.samplingPort !== OFPP_NONE) args.push(`sampling_port=${formatPort(action.samplingPort, ports)}`);
  if (action.direction !== 'default') args.push(action.direction);
  return `sample(${args.join(',')})`;
}

function formatFinTimeout({ idleTimeout, hardTimeout }: Of<'fin_timeout'>): string {
  const args: string[] = [];
  if (idleTimeout !== 0) args.push(`idle_timeout=${idleTimeout}`);
  if (hardTimeout !== 0) args.push(`hard_timeout=${hardTimeout}`);
  return `fin_timeout(${args.join(',')})`;
}

function formatMetadata(action: Of<'write_metadata'>): string {
  const wide = (high: number, low: number) => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  const mask = wide(action.maskHigh, action.maskLow);
  const value = formatHex(wide(action.valueHigh, action.valueLow));
  return `write_metadata:${value}${mask === 0xffff_ffff_ffff_ffffn ? '' : `/0x${mask.toString(16)}`}`;
}

function formatSetTunnel({ idHigh, idLow, form }: Of<'set_tunnel'>): string {
  const id = (BigInt(idHigh >>> 0) << 32n) | BigInt(idLow >>> 0);
  return `${idHigh === 0 ? (form ?? 'set_tunnel') : 'set_tunnel64'}:${formatHex(id)}`;
}

const ENCAP_NAMES: Readonly<Record<number, string>> = {
  0: 'ethernet',
  100687: 'nsh',
  100423: 'mpls',
  100424: 'mpls_mc',
};

function formatEncapProperty(property: EncapProperty): string {
  if (property.type === 'md_type') return `md_type=${property.mdType}`;
  const tlvClass = property.class.toString(16).padStart(4, '0');
  return `tlv(0x${tlvClass},${property.tlvType},0x${hexBytes(property.data, '')})`;
}

function formatEncap({ packetType, properties }: Of<'encap'>): string {
  const name = ENCAP_NAMES[packetType] ?? 'unknown';
  return properties.length === 0
    ? `encap(${name})`
    : `encap(${name}(${properties.map(formatEncapProperty).join(',')}))`;
}

function formatDecap({ packetType }: Of<'decap'>): string {
  if (packetType === null) return 'decap()';
  const type = (packetType & 0xffff).toString(16);
  return `decap(packet_type(ns=${packetType >>> 16},type=${type === '0' ? '0' : `0x${type}`}))`;
}

const hex4 = (type: number) => `0x${type.toString(16).padStart(4, '0')}`;

/** How each kind of action prints. */
const PRINTERS: { readonly [T in Action['type']]: (action: Of<T>, ports?: PortLabels) => string } = {
  output: formatOutput,
  output_reg: ({ source }) => `output:${formatSubfield(source)}`,
  controller: formatController,
  enqueue: ({ port, queue }, ports) => `enqueue:${formatPort(port, ports)}:${queue}`,
  resubmit: formatResubmit,
  goto_table: ({ table }) => `goto_table:${table}`,
  set_field: formatSetField,
  move: ({ source, target }) => `move:${formatSubfield(source)}->${formatSubfield(target)}`,
  push: ({ source }) => `push:${formatSubfield(source)}`,
  pop: ({ target }) => `pop:${formatSubfield(target)}`,
  push_vlan: ({ tpid }) => `push_vlan:${hex4(tpid)}`,
  pop_vlan: ({ form }) => (form === undefined ? 'pop_vlan' : 'strip_vlan'),
  set_vlan_vid: ({ vid, pushIfAbsent }) => `${pushIfAbsent ? 'mod' : 'set'}_vlan_vid:${vid}`,
  set_vlan_pcp: ({ pcp, pushIfAbsent }) => `${pushIfAbsent ? 'mod' : 'set'}_vlan_pcp:${pcp}`,
  dec_ttl: ({ controllerIds }) =>
    controllerIds === undefined ? 'dec_ttl' : `dec_ttl(${controllerIds.join(',')})`,
  dec_nsh_ttl: () => 'dec_nsh_ttl',
  push_mpls: ({ ethType }) => `push_mpls:${hex4(ethType)}`,
  pop_mpls: ({ ethType }) => `pop_mpls:${hex4(ethType)}`,
  set_mpls_label: ({ label }) => `set_mpls_label(${label})`,
  set_mpls_tc: ({ tc }) => `set_mpls_tc(${tc})`,
  set_mpls_ttl: ({ ttl }) => `set_mpls_ttl(${ttl})`,
  dec_mpls_ttl: () => 'dec_mpls_ttl',
  set_tunnel: formatSetTunnel,
  set_queue: ({ queue }) => `set_queue:${queue}`,
  pop_queue: () => 'pop_queue',
  group: ({ group }) => `group:${group}`,
  meter: ({ meter }) => `meter:${meter}`,
  write_actions: ({ actions }, ports) => `write_actions(${formatSent(actions, ports)})`,
  clear_actions: () => 'clear_actions',
  write_metadata: formatMetadata,
  multipath: ({ fields, basis, algorithm, links, arg, target }) =>
    `multipath(${fields},${basis},${algorithm},${links},${arg},${formatSubfield(target)})`,
  bundle: formatBundle,
  learn: formatLearn,
  fin_timeout: formatFinTimeout,
  note: ({ data }) => `note:${hexBytes(data, '.')}`,
  sample: formatSample,
  clone: ({ actions }, ports) => `clone(${formatSent(actions, ports)})`,
  exit: () => 'exit',
  conjunction: ({ id, clause, clauses }) => `conjunction(${id},${clause}/${clauses})`,
  ct: (action, ports) => formatCt(action, (actions) => formatSent(actions, ports)),
  ct_clear: () => 'ct_clear',
  check_pkt_larger: ({ length, target }) => `check_pkt_larger(${length})->${formatSubfield(target)}`,
  encap: formatEncap,
  decap: formatDecap,
  delete_field: ({ field }) => `delete_field:${field.name}`,
  debug_recirc: () => 'debug_recirc',
  unroll: ({ table, cookieHigh, cookieLow }) =>
    `unroll_xlate(table=${table}, cookie=0x${((BigInt(cookieHigh >>> 0) << 32n) | BigInt(cookieLow >>> 0)).toString(16)})`,
  debug_slow: () => 'debug_slow',
};

/** One action as it is, as trace shows it. */
export function formatAction(action: Action, ports?: PortLabels): string {
  return (PRINTERS[action.type] as (action: Action, ports?: PortLabels) => string)(action, ports);
}

/** An action list as it is; `drop` when there is none. */
export function formatSent(actions: readonly Action[], ports?: PortLabels): string {
  return actions.length === 0 ? 'drop' : actions.map((action) => formatAction(action, ports)).join(',');
}

/**
 * An action list as `ovs-ofctl -O OpenFlow15` prints it; `drop` when there is none. `matchesVlan`: the packets surely have a VLAN
 * tag, so that mod_vlan_vid and mod_vlan_pcp need no push_vlan.
 */
export function formatActions(actions: readonly Action[], matchesVlan: boolean, ports?: PortLabels): string {
  return formatSent(asSent(actions, true, matchesVlan), ports);
}

/** An action list as `ovs-ofctl` prints it in OpenFlow 1.0, which leaves out what that has no word for: meters, action sets. */
export function formatActions10(
  actions: readonly Action[],
  matchesVlan: boolean,
  ports?: PortLabels,
): string {
  const sayable = actions.filter(({ type }) => type !== 'meter');
  // What sets a field becomes one of OpenFlow 1.0's actions first, and some of those (mod_nw_ecn) are told as a load.
  const legacy = asSent(sayable, false, matchesVlan);
  return formatSent(asSent(legacy, false, matchesVlan), ports);
}
