import { formatActions } from '../flow/index.js';
import { formatMatch } from '../openflow/index.js';

/** Datapath actions as OVS prints them; `drop` for none. */
export function formatDatapathActions(actions: Uint8Array): string {
  return actions.length === 0 ? 'drop' : formatActions(actions);
}

/** A megaflow in OpenFlow style: what of `flow` the mask leaves. */
export function formatMegaflow(flow: Int32Array, mask: Int32Array): string {
  const key = flow.map((word, i) => word & mask[i]);
  return formatMatch({ key, mask });
}
