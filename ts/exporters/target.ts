import { isIPv4, isIPv6 } from 'node:net';
import { SlowpathError } from '../errors/index.js';

/** Where a collector listens. */
export interface CollectorAddress {
  /** Address, or a name that is still to be looked up; an IPv6 address may have a zone (`fe80::1%eth0`). */
  readonly host: string;
  readonly port: number;
  /** 0 for a name. */
  readonly family: 4 | 6 | 0;
}

function refuse(target: string, why: string): never {
  throw new SlowpathError(
    'ERR_COLLECTOR_TARGET',
    `collector "${target}": ${why}; expected HOST, HOST:PORT or [IPV6]:PORT`,
  );
}

/**
 * Reads the target of a collector as OVS does (inet_parse_active): `10.0.0.1:6343`, `[2001:db8::1]:6343`, each also without a port, IPv6 then
 * also without brackets. Throws ERR_COLLECTOR_TARGET.
 */
export function parseTarget(target: string, defaultPort: number): CollectorAddress {
  const { host: text, port: portText } = splitTarget(target);
  const host = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  if (host === '') refuse(target, 'host must be specified');
  const port = portText === '' ? defaultPort : Number(portText);
  if (!/^\d*$/.test(portText) || port > 65535) refuse(target, `bad port number "${portText}"`);
  if (host.includes(':')) {
    return isIPv6(host) ? { host, port, family: 6 } : refuse(target, `bad IPv6 address "${host}"`);
  }
  if (/^[\d.]+$/.test(host)) {
    return isIPv4(host) ? { host, port, family: 4 } : refuse(target, `bad IP address "${host}"`);
  }
  return { host, port, family: 0 };
}

/** The last colon outside of brackets parts host and port, unless there are several: then all of it is an IPv6 address. */
function splitTarget(target: string): { host: string; port: string } {
  let [inBrackets, colons, at] = [false, 0, -1];
  for (const [i, char] of [...target].entries()) {
    if (char === '[') inBrackets = true;
    else if (char === ']') inBrackets = false;
    else if (char === ':' && !inBrackets) {
      colons++;
      at = i;
    }
  }
  return colons === 1
    ? { host: target.slice(0, at), port: target.slice(at + 1) }
    : { host: target, port: '' };
}
