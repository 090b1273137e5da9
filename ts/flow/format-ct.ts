import {
  OVS_CT_ATTR_COMMIT,
  OVS_CT_ATTR_FORCE_COMMIT,
  OVS_CT_ATTR_HELPER,
  OVS_CT_ATTR_LABELS,
  OVS_CT_ATTR_MARK,
  OVS_CT_ATTR_NAT,
  OVS_CT_ATTR_TIMEOUT,
  OVS_CT_ATTR_ZONE,
  OVS_NAT_ATTR_DST,
  OVS_NAT_ATTR_IP_MAX,
  OVS_NAT_ATTR_IP_MIN,
  OVS_NAT_ATTR_PERSISTENT,
  OVS_NAT_ATTR_PROTO_HASH,
  OVS_NAT_ATTR_PROTO_MAX,
  OVS_NAT_ATTR_PROTO_MIN,
  OVS_NAT_ATTR_PROTO_RANDOM,
  OVS_NAT_ATTR_SRC,
} from '../fields/index.js';
import { alternateHex, formatIpv4, formatIpv6 } from '../util/index.js';
import { attributeMap, hostU16, hostU32, netU32 } from './attributes.js';
import { ipv6Words } from './format-fields.js';
import { formatLabel } from './format-key.js';

/** ct(…), or `ct` without arguments. OVS leaves zone 0 and the event mask out. */
export function formatCt(payload: Uint8Array): string {
  const attributes = attributeMap(payload);
  const parts: string[] = [];
  if (attributes.has(OVS_CT_ATTR_COMMIT)) parts.push('commit');
  if (attributes.has(OVS_CT_ATTR_FORCE_COMMIT)) parts.push('force_commit');
  const zone = attributes.get(OVS_CT_ATTR_ZONE);
  if (zone?.length === 2 && hostU16(zone) !== 0) parts.push(`zone=${hostU16(zone)}`);
  const mark = attributes.get(OVS_CT_ATTR_MARK);
  if (mark?.length === 8) parts.push(`mark=${alternateHex(hostU32(mark))}/${alternateHex(hostU32(mark, 4))}`);
  const label = attributes.get(OVS_CT_ATTR_LABELS);
  if (label?.length === 32) {
    parts.push(`label=${formatLabel(label.subarray(0, 16), label.subarray(16), true)}`);
  }
  const helper = attributes.get(OVS_CT_ATTR_HELPER);
  if (helper !== undefined) parts.push(`helper=${stringText(helper)}`);
  const timeout = attributes.get(OVS_CT_ATTR_TIMEOUT);
  if (timeout !== undefined) parts.push(`timeout=${stringText(timeout)}`);
  const nat = attributes.get(OVS_CT_ATTR_NAT);
  if (nat !== undefined) parts.push(natText(nat));
  return parts.length === 0 ? 'ct' : `ct(${parts.join(',')})`;
}

/** A zero-terminated string. */
function stringText(payload: Uint8Array): string {
  const end = payload.indexOf(0);
  return Buffer.from(payload.subarray(0, end < 0 ? payload.length : end)).toString();
}

function natText(payload: Uint8Array): string {
  const attributes = attributeMap(payload);
  const source = attributes.has(OVS_NAT_ATTR_SRC);
  if (!source && !attributes.has(OVS_NAT_ATTR_DST)) return 'nat';
  const range = rangeText(attributes);
  const parts = [(source ? 'src' : 'dst') + (range === '' ? '' : `=${range}`)];
  if (attributes.has(OVS_NAT_ATTR_PERSISTENT)) parts.push('persistent');
  if (attributes.has(OVS_NAT_ATTR_PROTO_HASH)) parts.push('hash');
  if (attributes.has(OVS_NAT_ATTR_PROTO_RANDOM)) parts.push('random');
  return `nat(${parts.join(',')})`;
}

/** `min-max:port-port`; IPv6 addresses stand in brackets when ports follow. */
function rangeText(attributes: ReadonlyMap<number, Uint8Array>): string {
  const port = (type: number) => {
    const payload = attributes.get(type);
    return payload?.length === 2 ? hostU16(payload) : 0;
  };
  const portMin = port(OVS_NAT_ATTR_PROTO_MIN);
  const portMax = port(OVS_NAT_ATTR_PROTO_MAX);
  const min = addressText(attributes.get(OVS_NAT_ATTR_IP_MIN), portMin !== 0);
  const max = addressText(attributes.get(OVS_NAT_ATTR_IP_MAX), portMin !== 0);
  let text = min;
  if (max !== '' && max !== min) text += `-${max}`;
  if (portMin !== 0) text += `:${portMin}${portMax > portMin ? `-${portMax}` : ''}`;
  return text;
}

function addressText(payload: Uint8Array | undefined, bracket: boolean): string {
  if (payload?.length === 4) return formatIpv4(netU32(payload));
  if (payload?.length !== 16) return '';
  const text = formatIpv6(ipv6Words(payload));
  return bracket ? `[${text}]` : text;
}
