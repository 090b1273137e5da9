import {
  F_ND_OPTIONS_TYPE,
  F_ND_RESERVED,
  OVS_ACTION_ATTR_SET,
  OVS_ACTION_ATTR_SET_MASKED,
  OVS_KEY_ATTR_ND_EXTENSIONS,
} from '../fields/index.js';
import type { Pass } from './pass.js';
import { SLOW_ACTION } from './types.js';

/** struct ovs_key_nd_extensions: be32 nd_reserved, u8 nd_options_type, padding. */
const SIZE = 8;

function put(out: Uint8Array, at: number, reserved: number, type: number): void {
  out.fill(0, at, at + SIZE);
  for (let i = 0; i < 4; i++) out[at + i] = reserved >>> (24 - 8 * i);
  out[at + 4] = type;
}

/**
 * set(nd_extensions(…)) for neighbour discovery fields that only OVS's userspace knows; such packets always take the slow
 * path. Rare, so it may allocate.
 */
export function commitNdExtensions(pass: Pass): void {
  const { flow, base, mask, writer } = pass;
  const reserved = flow[F_ND_RESERVED] !== base[F_ND_RESERVED];
  const type = flow[F_ND_OPTIONS_TYPE] !== base[F_ND_OPTIONS_TYPE];
  if (!reserved && !type) return;
  base[F_ND_RESERVED] = flow[F_ND_RESERVED];
  base[F_ND_OPTIONS_TYPE] = flow[F_ND_OPTIONS_TYPE];
  const reservedMask = reserved ? mask[F_ND_RESERVED] : 0;
  const typeMask = type ? mask[F_ND_OPTIONS_TYPE] & 0xff : 0;
  const exact = reservedMask === -1 && typeMask === 0xff;
  const content = new Uint8Array(exact ? SIZE : 2 * SIZE);
  put(content, 0, flow[F_ND_RESERVED] & reservedMask, flow[F_ND_OPTIONS_TYPE] & typeMask);
  if (!exact) put(content, SIZE, reservedMask, typeMask);
  const outer = writer.begin(exact ? OVS_ACTION_ATTR_SET : OVS_ACTION_ATTR_SET_MASKED);
  writer.attribute(OVS_KEY_ATTR_ND_EXTENSIONS, content, 0, content.length);
  writer.end(outer);
  pass.slow |= SLOW_ACTION;
}
