import { formatActions, formatFlowRow } from '../flow/index.js';
import { formatMatch, formatOptions, formatPort, type PortLabels, type TlvMap } from '../openflow/index.js';

/** Datapath actions as OVS prints them, with names of ports in place of numbers if there are any; `drop` for none. */
export function formatDatapathActions(actions: Uint8Array, names?: ReadonlyMap<number, string>): string {
  return actions.length === 0 ? 'drop' : formatActions(actions, names);
}

/** A megaflow in OpenFlow style: what of `flow` the mask leaves. */
export function formatMegaflow(
  flow: Int32Array,
  mask: Int32Array,
  tlvMap?: TlvMap,
  ports?: PortLabels,
): string {
  const key = flow.map((word, i) => word & mask[i]);
  return formatMatch({ key, mask }, tlvMap, ports);
}

/** A packet in OpenFlow's words; tunnel options as fields, where the bridge has some. */
export function formatPacket(flow: Int32Array, tlvMap?: TlvMap, ports?: PortLabels): string {
  const options = tlvMap === undefined ? [] : formatOptions(flow, tlvMap);
  return formatFlowRow(flow, 0, options, (port) => formatPort(port, ports));
}
