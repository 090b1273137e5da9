import { checksumAdd, checksumFold } from '../packet/index.js';
import type { TextCursor } from '../util/index.js';
import type { ActionsBuffer } from './actions-buffer.js';
import { takeGeneve } from './parse-tunnel.js';
import { takeSmall, takeValue } from './parse-values.js';
import {
  ACTION_TUNNEL_PUSH,
  GENEVE_CRITICAL,
  GENEVE_OAM,
  GRE_CSUM,
  GRE_KEY,
  GRE_SEQ,
  PUSH_GENEVE,
  PUSH_GRE,
  PUSH_HEADER_AT,
  PUSH_HEADER_MAX,
  PUSH_IP6GRE,
  PUSH_VXLAN,
} from './userspace-actions.js';

const ETH_TYPE_IP = 0x0800;
/** What Geneve carries: Ethernet frames. */
const ETH_TYPE_TEB = 0x6558;

/** Headers as they are read, in network order. */
class HeaderBytes {
  readonly bytes: number[] = [];

  put(...bytes: number[]): void {
    this.bytes.push(...bytes.map((byte) => byte & 0xff));
  }
  be16(value: number): void {
    this.put(value >>> 8, value);
  }
  be32(value: number): void {
    this.put(value >>> 24, value >>> 16, value >>> 8, value);
  }
}

/**
 * The arguments of tnl_push: VXLAN, Geneve and GRE, which OVS 3.1 reads; ERSPAN and GTP-U it only prints. Size and type must be
 * what the headers make of them.
 */
export function takeTunnelPush(cursor: TextCursor, out: ActionsBuffer): void {
  cursor.expect('(tnl_port(');
  const tunnelPort = takeSmall(cursor);
  cursor.expect('),header(');
  const at = cursor.position;
  const size = member(cursor, 'size=');
  const type = member(cursor, ',type=');
  const header = new HeaderBytes();
  const isIpv4 = takeEthernet(cursor, header);
  const made = takeHeaders(cursor, header, isIpv4);
  cursor.expect('),out_port(');
  const outPort = takeSmall(cursor);
  cursor.expect('))');
  if (type !== made) cursor.fail(`these headers are of type ${made}`, at);
  if (size !== header.bytes.length) cursor.fail(`these headers have ${header.bytes.length} bytes`, at);
  if (size > PUSH_HEADER_MAX) cursor.fail(`headers have at most ${PUSH_HEADER_MAX} bytes`, at);
  const content = new Uint8Array(PUSH_HEADER_AT + size);
  const words = new DataView(content.buffer);
  for (const [i, word] of [tunnelPort, outPort, size, type].entries()) words.setUint32(4 * i, word, true);
  content.set(header.bytes, PUSH_HEADER_AT);
  out.attribute(ACTION_TUNNEL_PUSH, content, 0, content.length);
}

function member(cursor: TextCursor, name: string, bits = 32): number {
  cursor.expect(name);
  return takeSmall(cursor, bits);
}

/** Ethernet and IP; whether it is IPv4. */
function takeEthernet(cursor: TextCursor, out: HeaderBytes): boolean {
  cursor.expect(',eth(dst=');
  out.put(...takeValue(cursor, 'mac'));
  cursor.expect(',src=');
  out.put(...takeValue(cursor, 'mac'));
  const type = member(cursor, ',dl_type=', 16);
  out.be16(type);
  cursor.expect('),');
  if (type === ETH_TYPE_IP) takeIpv4(cursor, out);
  else takeIpv6(cursor, out);
  cursor.expect('),');
  return type === ETH_TYPE_IP;
}

/** Twenty bytes with their checksum; length and id are for the packet that comes behind. */
function takeIpv4(cursor: TextCursor, out: HeaderBytes): void {
  const b = new Uint8Array(20);
  b[0] = 0x45;
  cursor.expect('ipv4(src=');
  b.set(takeValue(cursor, 'ipv4'), 12);
  cursor.expect(',dst=');
  b.set(takeValue(cursor, 'ipv4'), 16);
  b[9] = member(cursor, ',proto=', 8);
  b[1] = member(cursor, ',tos=', 8);
  b[8] = member(cursor, ',ttl=', 8);
  const frag = member(cursor, ',frag=', 16);
  b.set([frag >>> 8, frag & 0xff], 6);
  const sum = checksumFold(checksumAdd(b, 0, b.length));
  b.set([sum >>> 8, sum & 0xff], 10);
  out.put(...b);
}

function takeIpv6(cursor: TextCursor, out: HeaderBytes): void {
  cursor.expect('ipv6(src=');
  const src = takeValue(cursor, 'ipv6');
  cursor.expect(',dst=');
  const dst = takeValue(cursor, 'ipv6');
  const label = member(cursor, ',label=', 20);
  const protocol = member(cursor, ',proto=', 8);
  const trafficClass = member(cursor, ',tclass=', 8);
  const hopLimit = member(cursor, ',hlimit=', 8);
  out.be32((6 << 28) | (trafficClass << 20) | label);
  out.put(0, 0, protocol, hopLimit, ...src, ...dst);
}

/** What comes behind IP; the type that it makes. */
function takeHeaders(cursor: TextCursor, out: HeaderBytes, isIpv4: boolean): number {
  if (cursor.take('gre(')) {
    takeGre(cursor, out);
    return isIpv4 ? PUSH_GRE : PUSH_IP6GRE;
  }
  out.be16(member(cursor, 'udp(src=', 16));
  out.be16(member(cursor, ',dst=', 16));
  out.be16(0);
  out.be16(member(cursor, ',csum=', 16));
  cursor.expect('),');
  if (cursor.take('vxlan(')) {
    out.be32(member(cursor, 'flags='));
    out.be32(member(cursor, ',vni=', 24) << 8);
    cursor.expect(')');
    return PUSH_VXLAN;
  }
  cursor.expect('geneve(');
  const flags = (cursor.take('oam,') ? GENEVE_OAM : 0) | (cursor.take('crit,') ? GENEVE_CRITICAL : 0);
  const vni = member(cursor, 'vni=', 24);
  let options = new Uint8Array();
  if (cursor.take(',options(')) {
    options = Uint8Array.from(takeGeneve(cursor)[0]);
    cursor.expect(')');
  }
  cursor.expect(')');
  out.put(options.length / 4, flags);
  out.be16(ETH_TYPE_TEB);
  out.be32(vni << 8);
  out.put(...options);
  return PUSH_GENEVE;
}

function takeGre(cursor: TextCursor, out: HeaderBytes): void {
  const flags = member(cursor, '(flags=', 16);
  out.be16(flags);
  out.be16(member(cursor, ',proto=', 16));
  cursor.expect(')');
  if ((flags & GRE_CSUM) !== 0) {
    out.be16(member(cursor, ',csum=', 16));
    out.be16(0);
  }
  if ((flags & GRE_KEY) !== 0) out.be32(member(cursor, ',key='));
  if ((flags & GRE_SEQ) !== 0) out.be32(member(cursor, ',seq='));
  cursor.expect(')');
}
