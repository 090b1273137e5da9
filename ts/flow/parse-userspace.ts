import { fromHex, type TextCursor } from '../util/index.js';
import type { ActionsBuffer } from './actions-buffer.js';
import {
  ANONYMOUS,
  COOKIE_BYTES,
  type Cookie,
  CookieWriter,
  SAMPLE_DEFAULT,
  SAMPLE_EGRESS,
  SAMPLE_INGRESS,
} from './cookie.js';
import type { PortNumbers } from './parse-key.js';
import { takeNumber, takeSmall } from './parse-values.js';
import { SLOW_PATH_REASONS } from './slow-path.js';

const VLAN_CFI = 0x1000;

/** Bytes of userdata that OVS writes at least: kernels before 3.10 asked for so many. */
const LEAST_USERDATA = 8;

/**
 * The arguments of userspace(…). Cookies name no port and no ofproto: text has neither. Where the text gives no cookie OVS writes
 * one of zeroes.
 */
export function takeUserspace(cursor: TextCursor, out: ActionsBuffer, ports: PortNumbers | undefined): void {
  cursor.expect('(pid=');
  const pid = takeSmall(cursor);
  let userdata: Uint8Array = new Uint8Array(COOKIE_BYTES);
  let withActions = false;
  let tunnelPort = -1;
  while (cursor.take(',')) {
    if (cursor.take('actions')) withActions = true;
    else if (cursor.take('tunnel_out_port=')) tunnelPort = takePort(cursor, ports) | 0;
    else if (cursor.take('userdata(')) userdata = takeUserdata(cursor);
    else {
      const writer = new CookieWriter();
      writer.put({ ...ANONYMOUS, ...takeCookie(cursor, ports) } as Cookie);
      userdata = writer.bytes;
    }
  }
  cursor.expect(')');
  out.userspace(pid, userdata, 0, userdata.length, tunnelPort, withActions);
}

function takePort(cursor: TextCursor, ports: PortNumbers | undefined): number {
  const name = cursor.match(/[A-Za-z][^,()\s]*/y);
  if (name === null) return takeSmall(cursor);
  return ports?.get(name) ?? cursor.fail(`unknown port '${name}'`, cursor.position - name.length);
}

function takeUserdata(cursor: TextCursor): Uint8Array {
  const at = cursor.position;
  const bytes = fromHex(cursor.match(/[0-9a-fA-F]*/y) ?? '');
  if (bytes === null) return cursor.fail('expected pairs of hexadecimal digits', at);
  cursor.expect(')');
  const padded = new Uint8Array(Math.max(bytes.length, LEAST_USERDATA));
  padded.set(bytes);
  return padded;
}

/** The members that a cookie's text gives. */
type CookieText = Partial<Cookie> & { readonly type: Cookie['type'] };

function takeCookie(cursor: TextCursor, ports: PortNumbers | undefined): CookieText {
  const at = cursor.position;
  const name = cursor.match(/[A-Za-z_]+(?=\()/y) ?? '';
  const take = COOKIES[name];
  if (take === undefined || !Object.hasOwn(COOKIES, name)) {
    return cursor.fail(`'${name}' is none of ${Object.keys(COOKIES).join(', ')}, userdata`, at);
  }
  cursor.expect('(');
  const cookie = take(cursor, ports);
  cursor.expect(')');
  return cookie;
}

/** `name=number`. */
function member(cursor: TextCursor, name: string, bits = 32): number {
  cursor.expect(`${name}=`);
  return takeSmall(cursor, bits);
}

const COOKIES: Record<string, (cursor: TextCursor, ports: PortNumbers | undefined) => CookieText> = {
  sFlow: (cursor) => {
    const vid = member(cursor, 'vid', 12);
    const tci = vid | (member(cursor, ',pcp', 3) << 13);
    // A frame without a tag has 0, one with a tag has the CFI bit.
    return { type: 'sflow', vlanTci: tci === 0 ? 0 : tci | VLAN_CFI, output: member(cursor, ',output') };
  },
  slow_path: (cursor) => ({ type: 'slow_path', reason: takeReasons(cursor) }),
  flow_sample: (cursor, ports) => {
    const probability = member(cursor, 'probability', 16);
    const collectorSetId = member(cursor, ',collector_set_id');
    const obsDomainId = member(cursor, ',obs_domain_id');
    const obsPointId = member(cursor, ',obs_point_id');
    cursor.expect(',output_port=');
    const outputPort = takePort(cursor, ports);
    const direction = cursor.take(',ingress')
      ? SAMPLE_INGRESS
      : cursor.take(',egress')
        ? SAMPLE_EGRESS
        : SAMPLE_DEFAULT;
    return {
      type: 'flow_sample',
      probability,
      collectorSetId,
      obsDomainId,
      obsPointId,
      outputPort,
      direction,
    };
  },
  ipfix: (cursor, ports) => {
    cursor.expect('output_port=');
    return { type: 'ipfix', outputPort: takePort(cursor, ports) };
  },
  controller: (cursor) => {
    const reason = member(cursor, 'reason', 16);
    const dontSend = member(cursor, ',dont_send', 1) !== 0;
    const continuation = member(cursor, ',continuation', 1) !== 0;
    const recircId = member(cursor, ',recirc_id');
    cursor.expect(',rule_cookie=');
    const rule = takeNumber(cursor, 64);
    const controllerId = member(cursor, ',controller_id', 16);
    const maxLen = member(cursor, ',max_len', 16);
    const [ruleCookieHigh, ruleCookieLow] = [Number(rule >> 32n), Number(rule & 0xffffffffn)];
    return {
      type: 'controller',
      reason,
      dontSend,
      continuation,
      recircId,
      ruleCookieHigh,
      ruleCookieLow,
      controllerId,
      maxLen,
    };
  },
};

/** Reasons joined by commas, as numbers or names, or none. */
function takeReasons(cursor: TextCursor): number {
  let reasons = 0;
  if (cursor.next === ')') return reasons;
  do {
    if (/[0-9]/.test(cursor.next)) {
      reasons |= takeSmall(cursor);
      continue;
    }
    const at = cursor.position;
    const name = cursor.match(/[a-z]+/y) ?? '';
    const bit = (SLOW_PATH_REASONS as readonly string[]).indexOf(name);
    if (bit < 0) cursor.fail(`'${name}' is none of ${SLOW_PATH_REASONS.join(', ')}`, at);
    reasons |= 1 << bit;
  } while (cursor.take(','));
  return reasons;
}
