import { F_TUN_OPTS_LEN } from '../fields/index.js';
import { clearOptions, TlvMap, TUN_OPTS_AS_FIELDS } from '../openflow/index.js';
import type { XBridge } from './types.js';
import { hasTunnel } from './wildcards.js';

/** What bridges without a table of options know: none. */
const NO_OPTIONS = new TlvMap();
const EXACT_LENGTH = 0xffff;

/** Turns the options of a packet that comes into `bridge` into fields; false when it must drop (OVS: tun_metadata_from_geneve_udpif). */
export function unpackOptions(flow: Int32Array, bridge: XBridge | null): boolean {
  return (bridge?.tlvMap ?? NO_OPTIONS).unpack(flow, 0);
}

/** Turns the fields of `flow` into options; `mask` (null: nobody looks at them) gets the bits of those that the packet may have brought. */
export function packOptions(flow: Int32Array, mask: Int32Array | null, bridge: XBridge): void {
  const tlvMap = bridge.tlvMap ?? NO_OPTIONS;
  if (mask !== null) tlvMap.markPresent(flow, mask);
  tlvMap.pack(flow, 0);
}

/**
 * Ends the part of the mask that is over tunnel options, so that it is over the form that the key at `keys[base …]` has them in: `asFields` for
 * packets that never were in a datapath. Of a packet that came out of a tunnel without options, that there are none always counts; OVS leaves that out, and its megaflow takes packets with options too.
 */
export function finishOptions(
  keys: Int32Array,
  base: number,
  mask: Int32Array,
  tlvMap: TlvMap | undefined,
  asFields: boolean,
): void {
  const length = keys[base + F_TUN_OPTS_LEN];
  if (length !== 0 && length !== TUN_OPTS_AS_FIELDS) {
    (tlvMap ?? NO_OPTIONS).packMask(keys, base, mask);
  } else if (tlvMap !== undefined && !hasTunnel(keys, base)) {
    clearOptions(mask, 0);
  } else if (tlvMap !== undefined && !asFields) {
    clearOptions(mask, 0);
    mask[F_TUN_OPTS_LEN] = EXACT_LENGTH;
  }
}
