import { F_ETH_TYPE, F_NW_DST, F_NW_PROTO, F_NW_SRC, F_NW_TOS, F_TP_DST, F_TP_SRC } from '../fields/index.js';
import { type Action, OFPP_NONE } from '../openflow/index.js';
import type { Pass } from './pass.js';
import { ETH_TYPE_IP, IPPROTO_ICMP } from './protocols.js';
import type {
  BondEffect,
  Effect,
  McastEffect,
  MirrorEffect,
  NetflowEffect,
  PortEffect,
  TableEffect,
  XBond,
  XBundle,
  XMirror,
  XPort,
} from './types.js';

const DSCP_MASK = 0xfc;

/** An effect while it is being filled in: the objects are used again by later translations. */
type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The object in the next place of the list, if it is of this type. */
function reusable<T extends Effect>(pass: Pass, type: T['type']): Writable<T> | null {
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

/** Packets that only go to controllers are part of how the network is run, not of its traffic. */
function isControl(actions: readonly Action[]): boolean {
  return actions.length === 1 && actions[0].type === 'controller';
}

/**
 * The packet with key `keys[base …]` went through a bridge that has NetFlow, by the rule with `actions` at first. To be called when its outputs are
 * known. A packet that is recirculated counts for each of its flows, as in OVS.
 */
export function reportNetflow(pass: Pass, keys: Int32Array, base: number, actions: readonly Action[]): void {
  if (keys[base + F_ETH_TYPE] !== ETH_TYPE_IP || isControl(actions)) return;
  const effect = reusable<NetflowEffect>(pass, 'netflow') ?? ({ type: 'netflow' } as Writable<NetflowEffect>);
  const ports = keys[base + F_NW_PROTO] === IPPROTO_ICMP ? 0xff : 0xffff;
  effect.bridge = pass.bridge;
  effect.inPort = pass.thawed?.inPort ?? pass.inPort?.ofport ?? OFPP_NONE;
  effect.output = pass.netflowOutput;
  effect.nwSrc = keys[base + F_NW_SRC];
  effect.nwDst = keys[base + F_NW_DST];
  effect.nwProto = keys[base + F_NW_PROTO] & 0xff;
  effect.nwTos = keys[base + F_NW_TOS] & DSCP_MASK;
  effect.tpSrc = keys[base + F_TP_SRC] & ports;
  effect.tpDst = keys[base + F_TP_DST] & ports;
  pass.effects[pass.effectCount++] = effect;
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
