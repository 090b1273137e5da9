import { type ActionHandlers, type ActionList, namedArguments, oneOf, requireBare } from './action-list.js';
import { ETH_TYPE_MPLS, ETH_TYPE_MPLS_MCAST, ETH_TYPE_NSH } from './match.js';
import { fail, type Item, parseNumber, requireValue, splitCommas, splitItems } from './syntax.js';
import type { EncapProperty } from './types.js';

const PT_ETHERNET = 0;
/** Packet types of namespace 1 are Ethernet types. */
const PT_NS_ETHER_TYPE = 0x10000;

function vlanVid(list: ActionList, item: Item, pushIfAbsent: boolean): void {
  const vid = parseNumber(requireValue(item, '10'), 'VLAN id', 0xfff);
  if (!pushIfAbsent && !list.hasVlan && list.strict) list.failWithoutVlan(item.key);
  list.push({ type: 'set_vlan_vid', vid, pushIfAbsent: pushIfAbsent || !list.context.openFlow15 });
  list.setVlan();
}

function vlanPcp(list: ActionList, item: Item, pushIfAbsent: boolean): void {
  const pcp = parseNumber(requireValue(item, '3'), 'VLAN priority', 7);
  if (!pushIfAbsent && !list.hasVlan && list.strict) list.failWithoutVlan(item.key);
  list.push({ type: 'set_vlan_pcp', pcp, pushIfAbsent: pushIfAbsent || !list.context.openFlow15 });
  list.setVlan();
}

function pushVlan(list: ActionList, item: Item): void {
  const token = requireValue(item, '0x8100');
  const tpid = parseNumber(token, 'push_vlan', 0xffff);
  if (tpid !== 0x8100 && tpid !== 0x88a8) fail(token, 'push_vlan: expected 0x8100 or 0x88a8');
  if (list.hasTwoVlans && !list.context.unchecked)
    fail(token, 'push_vlan: the packet has two VLAN tags already, and there can be no more');
  list.push({ type: 'push_vlan', tpid });
  list.pushVlan();
}

function popVlan(list: ActionList, item: Item): void {
  requireBare(item);
  if (!list.hasVlan && list.strict && list.place !== 'write_actions') list.failWithoutVlan(item.key);
  list.push({ type: 'pop_vlan' });
  list.popVlan();
}

function pushMpls(list: ActionList, item: Item): void {
  const token = requireValue(item, '0x8847');
  const ethType = parseNumber(token, 'push_mpls', 0xffff);
  if (ethType !== ETH_TYPE_MPLS && ethType !== ETH_TYPE_MPLS_MCAST) {
    fail(token, 'push_mpls: expected 0x8847 or 0x8848');
  }
  list.push({ type: 'push_mpls', ethType });
  list.setEthType(ethType);
}

function popMpls(list: ActionList, item: Item): void {
  const ethType = parseNumber(requireValue(item, '0x0800'), 'pop_mpls', 0xffff);
  list.requireInOpenFlow15(item.key, 'mpls');
  list.push({ type: 'pop_mpls', ethType });
  list.setEthType(ethType);
}

/** Number in `name:V` or `name(V)`. */
/** `isField`: OpenFlow 1.5 has a field for it, so that it is sent as set_field, which is looked at in write_actions too. */
function mplsNumber(list: ActionList, item: Item, max: number, isField: boolean): number {
  const number = parseNumber(requireValue(item, '1'), item.key.text, max);
  list.requireInOpenFlow15(item.key, 'mpls', isField);
  return number;
}

const ENCAP_HEADERS = ['nsh', 'ethernet', 'mpls', 'mpls_mc'] as const;

function encap(list: ActionList, item: Item): void {
  const value = requireValue(item, '(ethernet)');
  const headers = splitItems(value);
  if (headers.length !== 1) fail(value, 'encap: expected one header, as in encap(nsh(md_type=1))');
  const [{ key, value: properties }] = headers;
  const header = oneOf(key, ENCAP_HEADERS);
  if (header !== 'nsh' && properties !== undefined) fail(properties, `encap(${header}) takes no properties`);
  const found = properties === undefined ? [] : splitItems(properties).map(encapProperty);
  const packetType = encapInto(list, header);
  list.push({ type: 'encap', packetType, properties: found });
}

/** What the packet becomes. */
function encapInto(list: ActionList, header: (typeof ENCAP_HEADERS)[number]): number {
  switch (header) {
    case 'nsh':
      list.setEthType(ETH_TYPE_NSH);
      list.setPacketType(PT_NS_ETHER_TYPE | ETH_TYPE_NSH);
      return PT_NS_ETHER_TYPE | ETH_TYPE_NSH;
    case 'ethernet':
      list.setPacketType(PT_ETHERNET);
      return PT_ETHERNET;
    default: {
      const type = header === 'mpls' ? ETH_TYPE_MPLS : ETH_TYPE_MPLS_MCAST;
      list.setEthType(type);
      list.setPacketType(PT_NS_ETHER_TYPE | type);
      return PT_NS_ETHER_TYPE | type;
    }
  }
}

function encapProperty(item: Item): EncapProperty {
  const { key, value } = item;
  const name = oneOf(key, ['md_type', 'tlv']);
  if (name === 'md_type') {
    const mdType = parseNumber(requireValue(item, '1'), 'md_type', 2, 1);
    return { type: 'md_type', mdType: mdType as 1 | 2 };
  }
  const [tlvClass, tlvType, data, ...rest] = value === undefined ? [] : splitCommas(value);
  if (data === undefined || rest.length > 0)
    fail(key, 'expected tlv(class,type,data), as in tlv(0x1000,10,0x12345678)');
  const digits = /^0x((?:[0-9a-fA-F]{2})*)$/.exec(data.text);
  if (digits === null) fail(data, `"${data.text}": expected bytes in hexadecimal, as in 0x12345678`);
  return {
    type: 'tlv',
    class: parseNumber(tlvClass, 'tlv class', 0xffff),
    tlvType: parseNumber(tlvType, 'tlv type', 0xff),
    data: Uint8Array.from((digits[1].match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16))),
  };
}

/** `decap`, `decap()`, `decap(packet_type(ns=1,type=0x800))`. */
function decap(list: ActionList, item: Item): void {
  let packetType: number | null = null;
  if (item.value !== undefined && item.value.text !== '') {
    const [inner] = splitItems(item.value);
    oneOf(inner.key, ['packet_type']);
    const { ns, type } = namedArguments(inner.value, ['ns', 'type']);
    if (ns === undefined || type === undefined) fail(item.value, 'expected packet_type(ns=1,type=0x800)');
    packetType = ((parseNumber(ns, 'ns', 0xffff) << 16) | parseNumber(type, 'type', 0xffff)) >>> 0;
  }
  list.push({ type: 'decap', packetType });
  decapped(list, packetType);
}

/** What is known of a packet after its outermost header is gone. */
function decapped(list: ActionList, packetType: number | null): void {
  if (list.packetType === PT_ETHERNET) {
    list.setPacketType(PT_NS_ETHER_TYPE | Math.max(list.ethType, 0));
    return;
  }
  if (packetType === null) {
    list.setPacketType(PT_ETHERNET);
    list.setEthType(0);
    return;
  }
  list.setPacketType(packetType);
  list.setEthType(packetType & 0xffff);
}

export const HEADER_HANDLERS: ActionHandlers = {
  mod_vlan_vid: (list, item) => vlanVid(list, item, true),
  set_vlan_vid: (list, item) => vlanVid(list, item, false),
  mod_vlan_pcp: (list, item) => vlanPcp(list, item, true),
  set_vlan_pcp: (list, item) => vlanPcp(list, item, false),
  strip_vlan: popVlan,
  pop_vlan: popVlan,
  push_vlan: pushVlan,
  push_mpls: pushMpls,
  pop_mpls: popMpls,
  set_mpls_label: (list, item) => {
    list.push({ type: 'set_mpls_label', label: mplsNumber(list, item, 0xfffff, true) });
  },
  set_mpls_tc: (list, item) => {
    list.push({ type: 'set_mpls_tc', tc: mplsNumber(list, item, 7, true) });
  },
  set_mpls_ttl: (list, item) => {
    list.push({ type: 'set_mpls_ttl', ttl: mplsNumber(list, item, 255, false) });
  },
  dec_mpls_ttl: (list, item) => {
    requireBare(item);
    list.requireInOpenFlow15(item.key, 'mpls');
    list.push({ type: 'dec_mpls_ttl' });
  },
  encap,
  decap,
};
