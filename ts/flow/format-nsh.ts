import { OVS_NSH_KEY_ATTR_BASE, OVS_NSH_KEY_ATTR_MD1, OVS_NSH_KEY_ATTR_MD2 } from '../fields/index.js';
import { hex32 } from '../util/index.js';
import { attributeMap, netU32 } from './attributes.js';
import { bigHex } from './format-fields.js';

const MD_TYPE_2 = 2;

/** NSH header with its metadata, of the attributes of OVS_KEY_ATTR_NSH and OVS_ACTION_ATTR_PUSH_NSH. */
interface Nsh {
  /** [flags, ttl, mdtype, np]. */
  readonly base: Uint8Array;
  /** Service path id and index. */
  readonly path: number;
  /** MD type 1 context headers. */
  readonly context: Uint8Array | undefined;
  /** MD type 2 TLVs. */
  readonly md2: Uint8Array | undefined;
}

const NAMES = ['flags', 'ttl', 'mdtype', 'np'];

function readNsh(bytes: Uint8Array): Nsh | null {
  const attributes = attributeMap(bytes);
  const base = attributes.get(OVS_NSH_KEY_ATTR_BASE);
  if (base?.length !== 8) return null;
  const context = attributes.get(OVS_NSH_KEY_ATTR_MD1);
  return {
    base,
    path: netU32(base, 4),
    context: context?.length === 16 ? context : undefined,
    md2: attributes.get(OVS_NSH_KEY_ATTR_MD2),
  };
}

/** What stands between the parentheses of push_nsh(…): of flags and TTL what the header has room for, two and six bits. */
export function formatPushNsh(payload: Uint8Array): string {
  const nsh = readNsh(payload);
  if (nsh === null) return 'error: bad nsh attributes';
  const base = nsh.base.slice();
  base[0] &= 0x03;
  base[1] &= 0x3f;
  return exactText({ ...nsh, base });
}

/** What stands between the parentheses of nsh(…) and set(nsh(…)). */
export function formatNsh(key: Uint8Array, mask?: Uint8Array): string {
  const nsh = readNsh(key);
  if (nsh === null) return 'error: bad nsh attributes';
  const nshMask = mask === undefined ? null : readNsh(mask);
  return nshMask === null ? exactText(nsh) : maskedText(nsh, nshMask);
}

function exactText(nsh: Nsh): string {
  const parts = NAMES.map((name, i) => `${name}=${nsh.base[i]}`);
  parts.push(`spi=${hex32(nsh.path >>> 8)}`, `si=${nsh.path & 0xff}`);
  if (nsh.context !== undefined) {
    for (let i = 0; i < 4; i++) parts.push(`c${i + 1}=${hex32(netU32(nsh.context, 4 * i))}`);
  }
  if (nsh.base[2] === MD_TYPE_2) parts.push(`md2=${bigHex(nsh.md2 ?? new Uint8Array())}`);
  return parts.join(',');
}

function maskedText(nsh: Nsh, mask: Nsh): string {
  const parts: string[] = [];
  const byte = (name: string, value: number, m: number) => {
    const hex = (x: number) => hex32(x, 2);
    if (m !== 0) parts.push(m === 0xff ? `${name}=${value}` : `${name}=${hex(value)}/${hex(m)}`);
  };
  const word = (name: string, value: number, m: number, full: number, digits: number) => {
    if (m === 0) return;
    parts.push(m === full ? `${name}=${hex32(value)}` : `${name}=${hex32(value)}/${hex32(m, digits)}`);
  };
  for (const [i, name] of NAMES.entries()) byte(name, nsh.base[i], mask.base[i]);
  word('spi', nsh.path >>> 8, mask.path >>> 8, 0xffffff, 1);
  byte('si', nsh.path & 0xff, mask.path & 0xff);
  for (let i = 0; i < 4 && nsh.context !== undefined && mask.context !== undefined; i++) {
    word(`c${i + 1}`, netU32(nsh.context, 4 * i), netU32(mask.context, 4 * i), 0xffffffff, 8);
  }
  return parts.join(',');
}
