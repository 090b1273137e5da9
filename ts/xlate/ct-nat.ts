import {
  OVS_CT_ATTR_NAT,
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
import type { ActionsWriter } from '../flow/index.js';
import type { NatSpec } from '../openflow/index.js';
import { parseIpv4, parseIpv6 } from '../util/index.js';

/** An address in network order: 4 bytes or 16. */
function addressBytes(text: string): Uint8Array {
  const words = new Int32Array(4);
  const ipv4 = parseIpv4(text);
  if (ipv4 !== null) words[0] = ipv4;
  else parseIpv6(text, words, 0);
  const bytes = new Uint8Array(ipv4 === null ? 16 : 4);
  for (let i = 0; i < bytes.length; i++) bytes[i] = words[i >> 2] >>> (24 - 8 * (i & 3));
  return bytes;
}

interface Addresses {
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}

/** Addresses of specifications in bytes: rules do not change, so their text is read once and not for each packet. */
const known = new WeakMap<NatSpec, Addresses>();

function addressesOf(nat: NatSpec, min: string): Addresses {
  let addresses = known.get(nat);
  if (addresses === undefined) {
    const first = addressBytes(min);
    addresses = { first, last: nat.addressMax === null ? first : addressBytes(nat.addressMax) };
    known.set(nat, addresses);
  }
  return addresses;
}

function isAbove(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] > b[i];
  return false;
}

/** The nat argument of a ct action (OVS: put_ct_nat). Ends of ranges that are not above their begin are left out. */
export function writeNat(writer: ActionsWriter, nat: NatSpec): void {
  const nested = writer.begin(OVS_CT_ATTR_NAT);
  if (nat.type !== null) {
    writer.flag(nat.type === 'src' ? OVS_NAT_ATTR_SRC : OVS_NAT_ATTR_DST);
    if (nat.persistent) writer.flag(OVS_NAT_ATTR_PERSISTENT);
    if (nat.portHash) writer.flag(OVS_NAT_ATTR_PROTO_HASH);
    else if (nat.portRandom) writer.flag(OVS_NAT_ATTR_PROTO_RANDOM);
    if (nat.addressMin !== null) writeRange(writer, nat, addressesOf(nat, nat.addressMin));
  }
  writer.end(nested);
}

function writeRange(writer: ActionsWriter, nat: NatSpec, { first, last }: Addresses): void {
  writer.attribute(OVS_NAT_ATTR_IP_MIN, first, 0, first.length);
  if (isAbove(last, first)) writer.attribute(OVS_NAT_ATTR_IP_MAX, last, 0, last.length);
  if (nat.portMin === 0) return;
  writer.u16(OVS_NAT_ATTR_PROTO_MIN, nat.portMin);
  if (nat.portMax > nat.portMin) writer.u16(OVS_NAT_ATTR_PROTO_MAX, nat.portMax);
}
