import type { Configuration, Row } from '../config/index.js';
import type { XBundle, XMirror } from '../xlate/index.js';
import type { Bridge } from './bridge.js';
import { vlanBitmap } from './vlan-bitmap.js';

/** The mirrors of a Bridge record. One without an output mirrors nothing and is left out, as in OVS. */
export function mirrorsOf(configuration: Configuration, row: Row, bridge: Bridge): XMirror[] {
  const bundleOf = (port: Row): XBundle[] =>
    bridge.bundles.filter((bundle) => bundle.name === port.text('name'));
  return configuration
    .referred(row, 'mirrors')
    .map((mirror): XMirror => {
      const select = (column: string): ReadonlySet<XBundle> | null =>
        mirror.flag('select_all') ? null : new Set(configuration.referred(mirror, column).flatMap(bundleOf));
      const outBundle = configuration.referred(mirror, 'output_port').flatMap(bundleOf)[0] ?? null;
      return {
        name: mirror.text('name'),
        selectSrc: select('select_src_port'),
        selectDst: select('select_dst_port'),
        vlans: vlanBitmap(mirror.numbers('select_vlan')),
        outBundle,
        outVlan: outBundle === null ? (mirror.number('output_vlan') ?? -1) : -1,
        snaplen: mirror.number('snaplen') ?? 0,
      };
    })
    .filter((mirror) => mirror.outBundle !== null || mirror.outVlan >= 0);
}
