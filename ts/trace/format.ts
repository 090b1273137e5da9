import { formatActions, formatFlowRow } from '../flow/index.js';
import { formatMatch, formatOptions, type TlvMap } from '../openflow/index.js';

/** Datapath actions as OVS prints them; `drop` for none. */
export function formatDatapathActions(actions: Uint8Array): string {
  return actions.length === 0 ? 'drop' : formatActions(actions);
}

/** A megaflow in OpenFlow style: what of `flow` the mask leaves. */
export function formatMegaflow(flow: Int32Array, mask: Int32Array, tlvMap?: TlvMap): string {
  const key = flow.map((word, i) => word & mask[i]);
  return formatMatch({ key, mask }, tlvMap);
}

/** A packet in OpenFlow's words; tunnel options as fields, where the bridge has some. */
export function formatPacket(flow: Int32Array, tlvMap?: TlvMap): string {
  return formatFlowRow(flow, 0, tlvMap === undefined ? [] : formatOptions(flow, tlvMap));
}
