import type { Row } from '../config/index.js';
import { SlowpathError } from '../errors/index.js';
import { parseIpv4, parseIpv6 } from '../util/index.js';
import type { XTunnel } from '../xlate/index.js';

type TunnelType = XTunnel['type'];

/** UDP or TCP port of each type of tunnel when its options name none; 0 for types without one. */
const DEFAULT_PORTS: Readonly<Record<TunnelType, number>> = {
  vxlan: 4789,
  geneve: 6081,
  gre: 0,
  ip6gre: 0,
  erspan: 0,
  ip6erspan: 0,
  lisp: 4341,
  stt: 7471,
  gtpu: 2152,
  bareudp: 6635,
};
/** Types that carry packets without Ethernet headers. */
const LAYER3: readonly string[] = ['lisp', 'gtpu', 'bareudp'];
const DSCP_MASK = 0xfc;

/** Whether an Interface type is one of tunnels. */
export function isTunnelType(type: string): type is TunnelType {
  return Object.hasOwn(DEFAULT_PORTS, type);
}

function optionError(row: Row, message: string): SlowpathError {
  return new SlowpathError('ERR_CONFIG_VALUE', `interface ${row.text('name')}: ${message}`);
}

/** An address as four words; null for none or `flow`. */
function address(row: Row, key: string): Int32Array | null {
  const text = row.option('options', key);
  if (text === undefined || text === 'flow') return null;
  const ipv4 = parseIpv4(text);
  if (ipv4 !== null) return Int32Array.of(0, 0, 0xffff, ipv4);
  const words = new Int32Array(4);
  if (parseIpv6(text, words, 0)) return words;
  throw optionError(row, `option ${key}: "${text}" is no address: expected IPv4, IPv6 or flow`);
}

/** A number in decimal or hexadecimal, up to `max`. */
function numeric(row: Row, key: string, fallback: bigint, max: bigint): bigint {
  const text = row.option('options', key);
  if (text === undefined) return fallback;
  if (/^(0[xX][0-9a-fA-F]+|\d+)$/.test(text) && BigInt(text) <= max) return BigInt(text);
  throw optionError(row, `option ${key}: "${text}" is no number from 0 to ${max}`);
}

interface Key {
  readonly present: boolean;
  readonly fromFlow: boolean;
  readonly high: number;
  readonly low: number;
}

function key(row: Row, name: string): Key {
  const option = row.option('options', name) === undefined ? 'key' : name;
  const text = row.option('options', option);
  const fromFlow = text === 'flow';
  const value = text === undefined || fromFlow ? 0n : numeric(row, option, 0n, 0xffffffffffffffffn);
  return {
    present: text !== undefined,
    fromFlow,
    high: Number(value >> 32n) | 0,
    low: Number(value & 0xffffffffn) | 0,
  };
}

/** Options that OVS reads as hexadecimal numbers, with or without 0x. */
function hexadecimal(row: Row, key: string, max: number): number {
  const text = row.option('options', key);
  if (text === undefined) return 0;
  const value = /^(0[xX])?[0-9a-fA-F]{1,8}$/.test(text) ? Number.parseInt(text, 16) : Number.NaN;
  if (value <= max) return value;
  throw optionError(
    row,
    `option ${key}: "${text}" is no hexadecimal number up to ${max.toString(16)}, nor flow`,
  );
}

const ALL_FROM_FLOW = { version: -1, index: -1, direction: -1, hwid: -1 };

/** ERSPAN's header, -1 for what flows say; a version that flows say leaves all to them. */
function erspan(row: Row, type: TunnelType): XTunnel['erspan'] {
  if (type !== 'erspan' && type !== 'ip6erspan') return null;
  const isFlow = (name: string) => row.option('options', name) === 'flow';
  if (isFlow('erspan_ver')) return ALL_FROM_FLOW;
  return {
    version: Number(numeric(row, 'erspan_ver', 0n, 2n)),
    index: isFlow('erspan_idx') ? -1 : hexadecimal(row, 'erspan_idx', 0xfffff),
    direction: isFlow('erspan_dir') ? -1 : Number(numeric(row, 'erspan_dir', 0n, 1n)),
    hwid: isFlow('erspan_hwid') ? -1 : hexadecimal(row, 'erspan_hwid', 0x3f),
  };
}

/** The tunnel that an Interface record's options describe (OVS: netdev-vport, set_tunnel_config). Throws ERR_CONFIG_VALUE. */
export function tunnelOf(row: Row, type: TunnelType): XTunnel {
  const option = (name: string) => row.option('options', name);
  const remoteIp = address(row, 'remote_ip');
  if (remoteIp === null && option('remote_ip') !== 'flow') {
    throw optionError(row, `${type} needs option remote_ip: an address or flow`);
  }
  const inKey = key(row, 'in_key');
  const outKey = key(row, 'out_key');
  const inherits = (name: string) => option(name) === 'inherit';
  const small = (name: string) => (inherits(name) ? 0 : Number(numeric(row, name, 0n, 255n)));
  return {
    type,
    remoteIp,
    localIp: address(row, 'local_ip'),
    remoteFromFlow: option('remote_ip') === 'flow',
    localFromFlow: option('local_ip') === 'flow',
    inKeyPresent: inKey.present,
    inKeyFromFlow: inKey.fromFlow,
    inKeyHigh: inKey.high,
    inKeyLow: inKey.low,
    outKeyPresent: outKey.present,
    outKeyFromFlow: outKey.fromFlow,
    outKeyHigh: outKey.high,
    outKeyLow: outKey.low,
    tos: small('tos') & DSCP_MASK,
    tosInherit: inherits('tos'),
    ttl: small('ttl'),
    ttlInherit: inherits('ttl'),
    dontFragment: option('df_default') !== 'false',
    csum: option('csum') === 'true',
    dstPort: Number(numeric(row, 'dst_port', BigInt(DEFAULT_PORTS[type]), 65535n)),
    gbp: (option('exts') ?? '').split(',').includes('gbp'),
    packetType: packetType(row, type),
    erspan: erspan(row, type),
    ...(option('egress_pkt_mark') === undefined
      ? {}
      : { egressMark: Number(numeric(row, 'egress_pkt_mark', 0n, 0xffffffffn)) | 0 }),
  };
}

function packetType(row: Row, type: TunnelType): XTunnel['packetType'] {
  const text = row.option('options', 'packet_type');
  if (text === 'legacy_l2' || text === 'legacy_l3' || text === 'ptap') return text;
  if (text !== undefined) {
    throw optionError(row, `option packet_type: "${text}": expected legacy_l2, legacy_l3 or ptap`);
  }
  return LAYER3.includes(type) || row.option('options', 'layer3') === 'true' ? 'legacy_l3' : 'legacy_l2';
}
