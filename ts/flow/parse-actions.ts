import {
  OVS_ACTION_ATTR_SET,
  OVS_ACTION_ATTR_SET_MASKED,
  OVS_ACTION_ATTR_DEC_TTL,
  OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER,
  OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL,
  OVS_DEC_TTL_ATTR_ACTION,
  OVS_KEY_ATTR_NSH,
  OVS_KEY_ATTR_TUNNEL,
} from '../fields/index.js';
import { fromHex, TextCursor } from '../util/index.js';
import { ActionsBuffer, TEXT_LIMIT } from './actions-buffer.js';
import { allBytes, netU16, netU32, readAttributes } from './attributes.js';
import { joinMaskedNsh } from './masked-nsh.js';
import { takeCt } from './parse-ct.js';
import { type PortNumbers, takeKeyAttribute, takeMplsEntry, takeVlan } from './parse-key.js';
import { takePushNsh } from './parse-nsh.js';
import { takeTunnelPush } from './parse-push.js';
import { takeUserspace } from './parse-userspace.js';
import { takeSmall, takeValue } from './parse-values.js';
import {
  ACTION_DROP,
  ACTION_LB_OUTPUT,
  ACTION_PSAMPLE,
  ACTION_TUNNEL_POP,
  PSAMPLE_COOKIE,
  PSAMPLE_COOKIE_BYTES,
  PSAMPLE_GROUP,
} from './userspace-actions.js';

export interface ActionsParseOptions {
  /** Ports that text may name. */
  readonly ports?: PortNumbers;
  /**
   * Also take what OVS prints but does not parse: push_mpls, pop_mpls, dec_ttl, psample. Without it those are errors, as they are
   * in OVS 3.1.
   */
  readonly extended?: boolean;
  /** `drop` alone becomes the action that OVS 3.1 has for it, which kernels refuse, and not an empty list. */
  readonly explicitDrop?: boolean;
}

/** Depth of nested actions; OVS gives up there too, and so does the kernel long before. */
const MAX_DEPTH = 32;
const ETH_TYPE_VLAN = 0x8100;

/**
 * Datapath actions in the text of `ovs-dpctl` → their bytes; `drop` is none. Throws a SyntaxProblem with line and column
 * for text that is not actions, or that makes more bytes than a netlink attribute holds.
 */
export function parseActions(text: string, options: ActionsParseOptions = {}): Uint8Array {
  const cursor = new TextCursor(text);
  const out = new ActionsBuffer(TEXT_LIMIT);
  if (options.explicitDrop && /^drop$/i.test(text)) {
    out.u32(ACTION_DROP, 0);
    return out.toBytes();
  }
  takeActions(cursor, out, options, 0);
  if (!cursor.atEnd) cursor.fail(`expected an action${cursor.found()}`);
  if (out.overflowed) cursor.fail('more actions than a netlink attribute holds');
  return out.toBytes();
}

/** Actions up to the end or a closing parenthesis. */
function takeActions(
  cursor: TextCursor,
  out: ActionsBuffer,
  options: ActionsParseOptions,
  depth: number,
): void {
  if (depth > MAX_DEPTH) cursor.fail('actions are nested too deeply');
  cursor.match(/[\s,]*/y);
  if (cursor.match(/drop(?![a-z0-9_(])/y) !== null) return;
  while (!cursor.atEnd && cursor.next !== ')') {
    takeAction(cursor, out, options, depth);
    if (cursor.match(/[\s,]+/y) === null) break;
  }
}

function takeAction(
  cursor: TextCursor,
  out: ActionsBuffer,
  options: ActionsParseOptions,
  depth: number,
): void {
  const at = cursor.position;
  const name = cursor.match(/[^\s,()]+/y) ?? '';
  if (/^[+-]?\d[0-9a-fA-FxX]*$/.test(name) && cursor.next !== '(' && !options.ports?.has(name)) {
    cursor.position = at;
    out.output(takeSmall(cursor));
    return;
  }
  const take = ACTIONS.get(name) ?? (options.extended ? EXTENDED.get(name) : undefined);
  if (take !== undefined) {
    take(cursor, out, options, depth);
    return;
  }
  const port = options.ports?.get(name);
  if (port === undefined)
    cursor.fail(name === '' ? `expected an action${cursor.found()}` : `unknown action '${name}'`, at);
  out.output(port);
}

type Take = (cursor: TextCursor, out: ActionsBuffer, options: ActionsParseOptions, depth: number) => void;

/** `(number)`. */
function argument(cursor: TextCursor): number {
  cursor.expect('(');
  const value = takeSmall(cursor);
  cursor.expect(')');
  return value;
}

/** Nested actions as the content of an attribute, `(…)` included. */
function nested(
  type: number,
  cursor: TextCursor,
  out: ActionsBuffer,
  options: ActionsParseOptions,
  depth: number,
): void {
  cursor.expect('(');
  const start = out.begin(type);
  takeActions(cursor, out, options, depth + 1);
  out.end(start);
  cursor.expect(')');
}

const ACTIONS: ReadonlyMap<string, Take> = new Map(
  Object.entries<Take>({
    userspace: (cursor, out, options) => takeUserspace(cursor, out, options.ports),
    set: (cursor, out, options) => takeSet(cursor, out, options),
    push_vlan: takePushVlan,
    pop_vlan: (_cursor, out) => out.popVlan(),
    recirc: (cursor, out) => out.recirc(argument(cursor)),
    hash: takeHash,
    trunc: (cursor, out) => out.trunc(argument(cursor)),
    meter: (cursor, out) => out.meter(argument(cursor)),
    ct: takeCt,
    ct_clear: (_cursor, out) => out.ctClear(),
    push_eth: takePushEth,
    pop_eth: (_cursor, out) => out.popEth(),
    push_nsh: takePushNsh,
    tnl_push: (cursor, out) => takeTunnelPush(cursor, out),
    tnl_pop: (cursor, out) => out.u32(ACTION_TUNNEL_POP, argument(cursor)),
    lb_output: (cursor, out) => out.u32(ACTION_LB_OUTPUT, argument(cursor)),
    pop_nsh: (cursor, out) => {
      cursor.expect('()');
      out.popNsh();
    },
    add_mpls: (cursor, out) => {
      const [lse, ethType] = takeMpls(cursor);
      out.addMpls(lse, ethType, 0);
    },
    clone: (cursor, out, options, depth) => {
      cursor.expect('(');
      const start = out.beginClone();
      takeActions(cursor, out, options, depth + 1);
      out.end(start);
      cursor.expect(')');
    },
    sample: takeSample,
    check_pkt_len: takeCheckPktLen,
  }),
);

const EXTENDED: ReadonlyMap<string, Take> = new Map(
  Object.entries<Take>({
    push_mpls: (cursor, out) => {
      const [lse, ethType] = takeMpls(cursor);
      out.pushMpls(lse, ethType);
    },
    pop_mpls: (cursor, out) => {
      cursor.expect('(eth_type=');
      out.popMpls(takeSmall(cursor, 16));
      cursor.expect(')');
    },
    psample: takePsample,
    dec_ttl: (cursor, out, options, depth) => {
      cursor.expect('(le_1');
      const start = out.begin(OVS_ACTION_ATTR_DEC_TTL);
      nested(OVS_DEC_TTL_ATTR_ACTION, cursor, out, options, depth);
      out.end(start);
      cursor.expect(')');
    },
  }),
);

/** `(group=…[,cookie=0x…])`, as later versions of OVS print it. */
function takePsample(cursor: TextCursor, out: ActionsBuffer): void {
  cursor.expect('(group=');
  const start = out.begin(ACTION_PSAMPLE);
  out.u32(PSAMPLE_GROUP, takeSmall(cursor));
  if (cursor.take(',cookie=0x')) {
    const at = cursor.position;
    const cookie = fromHex(cursor.match(/[0-9a-fA-F]*/y) ?? '');
    if (cookie === null || cookie.length > PSAMPLE_COOKIE_BYTES)
      cursor.fail('a cookie has up to 16 bytes', at);
    out.attribute(PSAMPLE_COOKIE, cookie, 0, cookie.length);
  }
  out.end(start);
  cursor.expect(')');
}

/**
 * set(attribute): masked when the text leaves any bit of the attribute out. A tunnel has no exact mask, so OVS masks it when value
 * and mask come out equally long, which flags prevent that are given and not all set; kernels refuse it masked.
 */
function takeSet(cursor: TextCursor, out: ActionsBuffer, options: ActionsParseOptions): void {
  cursor.expect('(');
  const { type, key, mask } = takeKeyAttribute(cursor, options.ports);
  cursor.expect(')');
  const exact =
    key.length === 0 ||
    (type === OVS_KEY_ATTR_TUNNEL && key.length !== mask.length) ||
    (type === OVS_KEY_ATTR_NSH ? exactNsh(mask) : allBytes(mask, 0xff));
  const start = out.begin(exact ? OVS_ACTION_ATTR_SET : OVS_ACTION_ATTR_SET_MASKED);
  const content = exact
    ? key
    : type === OVS_KEY_ATTR_NSH
      ? joinMaskedNsh(key, mask)
      : Uint8Array.of(...key, ...mask);
  out.attribute(type, content, 0, content.length);
  out.end(start);
}

function exactNsh(mask: Uint8Array): boolean {
  return readAttributes(mask).attributes.every(({ payload }) => allBytes(payload, 0xff));
}

function takePushVlan(cursor: TextCursor, out: ActionsBuffer): void {
  cursor.expect('(');
  let tpid = ETH_TYPE_VLAN;
  if (cursor.take('tpid=')) {
    tpid = takeSmall(cursor, 16);
    cursor.expect(',');
  }
  const at = cursor.position;
  const [tci, mask] = takeVlan(cursor);
  if (!allBytes(mask, 0xff)) cursor.fail('push_vlan takes vid and pcp, without masks', at);
  cursor.expect(')');
  out.pushVlan(tpid, netU16(tci));
}

function takeHash(cursor: TextCursor, out: ActionsBuffer): void {
  cursor.expect('(');
  const at = cursor.position;
  const algorithm = ['l4', 'sym_l4'].indexOf(cursor.match(/[a-z0-9_]+/y) ?? '');
  if (algorithm < 0) cursor.fail('a hash is l4 or sym_l4', at);
  out.hash(algorithm, argument(cursor));
  cursor.expect(')');
}

function takePushEth(cursor: TextCursor, out: ActionsBuffer): void {
  cursor.expect('(src=');
  const src = takeValue(cursor, 'mac');
  cursor.expect(',dst=');
  const dst = takeValue(cursor, 'mac');
  cursor.expect(')');
  out.pushEth(netU16(src), netU32(src, 2), netU16(dst), netU32(dst, 2));
}

function takeMpls(cursor: TextCursor): [lse: number, ethType: number] {
  cursor.expect('(');
  const lse = takeMplsEntry(cursor);
  cursor.expect(',eth_type=');
  const ethType = takeSmall(cursor, 16);
  cursor.expect(')');
  return [lse, ethType];
}

function takeSample(
  cursor: TextCursor,
  out: ActionsBuffer,
  options: ActionsParseOptions,
  depth: number,
): void {
  cursor.expect('(sample=');
  const at = cursor.position;
  const percent = Number(cursor.match(/\d+(\.\d+)?/y) ?? 'NaN');
  if (!(percent >= 0 && percent <= 100)) cursor.fail('a sample is between 0% and 100%', at);
  cursor.expect('%,actions(');
  const start = out.beginSample(Math.floor(0xffffffff * (percent / 100) + 0.5));
  takeActions(cursor, out, options, depth + 1);
  out.endSample(start);
  cursor.expect('))');
}

function takeCheckPktLen(
  cursor: TextCursor,
  out: ActionsBuffer,
  options: ActionsParseOptions,
  depth: number,
): void {
  cursor.expect('(size=');
  const start = out.beginCheckPktLen(takeSmall(cursor, 16));
  cursor.expect(',gt');
  nested(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER, cursor, out, options, depth);
  cursor.expect(',le');
  nested(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL, cursor, out, options, depth);
  cursor.expect(')');
  out.end(start);
}
