import { isIPv4, isIPv6 } from 'node:net';
import { SlowpathError } from '../../errors/index.js';
import type { RouteClient } from '../../netlink/index.js';
import { parseIpv4, parseIpv6 } from '../../util/index.js';
import type { Collectors } from '../collector.js';

/**
 * Address that names the agent, 4 or 16 bytes (OVS: sflow_choose_agent_address): the one that is configured, or the first of the device that is
 * (IPv4 before IPv6); else that of the route to the first collector that can be reached. null when there is none now.
 */
export function agentAddress(setting: string, route: RouteClient, collectors: Collectors): Uint8Array | null {
  const configured = setting === '' ? null : (literal(setting) ?? deviceAddress(setting, route));
  if (configured !== null) return configured;
  for (const { localAddress } of collectors.list) {
    const address = localAddress === null ? null : literal(localAddress);
    if (address !== null) return address;
  }
  return null;
}

/** The bytes of an address; an IPv6 address may have a zone, which is left out. null when the text is none. */
function literal(text: string): Uint8Array | null {
  const [address] = text.split('%');
  if (isIPv4(address)) return bytesOf([parseIpv4(address)!]);
  if (!isIPv6(address)) return null;
  const words = new Int32Array(4);
  return parseIpv6(address, words, 0) ? bytesOf([...words]) : null;
}

function bytesOf(words: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * words.length));
  for (const [i, word] of words.entries()) view.setInt32(4 * i, word);
  return new Uint8Array(view.buffer);
}

function deviceAddress(device: string, route: RouteClient): Uint8Array | null {
  try {
    const link = route.findLink(device);
    const addresses = link === null ? [] : route.addresses(link.ifindex);
    const found =
      addresses.find(({ family }) => family === 4) ?? addresses.find(({ family }) => family === 6);
    return found?.address ?? null;
  } catch (error) {
    // A name that no device can have, or no answer now: as if there were no such device.
    if (error instanceof SlowpathError) return null;
    throw error;
  }
}
