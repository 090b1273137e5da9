import type { Configuration, Row } from '../config/index.js';
import { sameWords } from '../util/index.js';
import type { XBundle, XMirror } from '../xlate/index.js';
import type { Bridge } from './bridge.js';
import { vlanBitmap } from './vlan-bitmap.js';

/** The mirrors of a Bridge record; one that stays as it is stays the same object. One without an output mirrors nothing and is left out, as in OVS. */
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
    .filter((mirror) => mirror.outBundle !== null || mirror.outVlan >= 0)
    .map((mirror) => bridge.mirrors.find((old) => sameMirror(old, mirror)) ?? mirror);
}

function sameMirror(a: XMirror, b: XMirror): boolean {
  return (
    a.name === b.name &&
    a.outBundle === b.outBundle &&
    a.outVlan === b.outVlan &&
    a.snaplen === b.snaplen &&
    sameMembers(a.selectSrc, b.selectSrc) &&
    sameMembers(a.selectDst, b.selectDst) &&
    sameWords(a.vlans, b.vlans)
  );
}

function sameMembers(a: ReadonlySet<XBundle> | null, b: ReadonlySet<XBundle> | null): boolean {
  if (a === null || b === null) return a === b;
  return a.size === b.size && [...a].every((bundle) => b.has(bundle));
}
