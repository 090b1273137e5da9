import { readSlowFrame } from '../packet/index.js';
import type { Pass } from './pass.js';
import type {
  BondEffect,
  Effect,
  McastEffect,
  MirrorEffect,
  PortEffect,
  TableEffect,
  XBond,
  XBundle,
  XMirror,
  XPort,
} from './types.js';

/** An effect while it is being filled in: the objects are used again by later translations. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The object in the next place of the list, if it is of this type. */
export function reusable<T extends Effect>(pass: Pass, type: T['type']): Writable<T> | null {
  const effect = pass.effects[pass.effectCount] as Effect | undefined;
  return effect !== undefined && effect.type === type ? (effect as T) : null;
}

/** The packet goes to a mirror. */
export function reportMirror(pass: Pass, mirror: XMirror): void {
  const effect = reusable<MirrorEffect>(pass, 'mirror');
  if (effect === null) pass.effects[pass.effectCount] = { type: 'mirror', mirror };
  else effect.mirror = mirror;
  pass.effectCount++;
}

/** The packet leaves by member `port` of a bond; `entry` -1, of one that does not hash, is no news. */
export function reportBond(pass: Pass, bond: XBond, entry: number, port: XPort): void {
  if (entry === -1) return;
  const effect = reusable<BondEffect>(pass, 'bond');
  if (effect === null) {
    pass.effects[pass.effectCount] = { type: 'bond', bond, entry, port };
  } else {
    effect.bond = bond;
    effect.entry = entry;
    effect.port = port;
  }
  pass.effectCount++;
}

/** The packet came in (`received`) or leaves by a port that the datapath does not count for. */
export function reportPort(pass: Pass, port: XPort, received: boolean): void {
  const effect = reusable<PortEffect>(pass, 'port');
  if (effect === null) {
    pass.effects[pass.effectCount] = { type: 'port', port, received };
  } else {
    effect.port = port;
    effect.received = received;
  }
  pass.effectCount++;
}

/** A lookup found no rule in `table`, or one of nobody's (`matched`). */
export function reportTable(pass: Pass, table: number, matched: boolean): void {
  const { bridge } = pass;
  const effect = reusable<TableEffect>(pass, 'table');
  if (effect === null) {
    pass.effects[pass.effectCount] = { type: 'table', bridge, table, matched };
  } else {
    effect.bridge = bridge;
    effect.table = table;
    effect.matched = matched;
  }
  pass.effectCount++;
}

/** A frame of LACP's EtherType came in by `port`; nothing if the caller does not have the packet. Seldom, so it makes an object. */
export function reportLacp(pass: Pass, port: XPort): void {
  const { packet } = pass;
  if (packet === null) return;
  const frame = readSlowFrame(packet.bytes.subarray(packet.offset, packet.offset + packet.length));
  pass.effects[pass.effectCount++] = { type: 'lacp', port, frame };
}

/** Multicast snooping learned something. Seldom, so it makes an object. */
export function reportMcast(
  pass: Pass,
  bundle: XBundle,
  vlan: number,
  change: McastEffect['change'],
  group: Int32Array,
): void {
  pass.effects[pass.effectCount++] = { type: 'mcast', bridge: pass.bridge, bundle, vlan, change, group };
}
