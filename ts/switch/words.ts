import type { BridgeOptions, PortOptions } from './options.js';

/** The ovs-vsctl words that add a bridge with these options. */
export function bridgeWords(name: string, options: BridgeOptions): string[] {
  const { failMode, macAgingTime, macTableSize } = options;
  const settings = [
    ...(failMode === undefined ? [] : [`fail_mode=${failMode}`]),
    ...(macAgingTime === undefined ? [] : [`other_config:mac-aging-time=${macAgingTime}`]),
    ...(macTableSize === undefined ? [] : [`other_config:mac-table-size=${macTableSize}`]),
  ];
  return ['add-br', name, ...(settings.length === 0 ? [] : ['--', 'set', 'Bridge', name, ...settings])];
}

/** The ovs-vsctl words that add a port to a bridge. */
export function portWords(bridge: string, options: PortOptions): string[] {
  const { name, type, ofport, vlanMode, tag, trunks } = options;
  const port = [
    ...(vlanMode === undefined ? [] : [`vlan_mode=${vlanMode}`]),
    ...(tag === undefined ? [] : [`tag=${tag}`]),
    ...(trunks === undefined || trunks.length === 0 ? [] : [`trunks=${trunks.join(',')}`]),
  ];
  const iface = [
    ...(type === undefined || type === 'system' ? [] : [`type=${type}`]),
    ...(ofport === undefined ? [] : [`ofport_request=${ofport}`]),
  ];
  return [
    'add-port',
    bridge,
    name,
    ...port,
    ...(iface.length === 0 ? [] : ['--', 'set', 'Interface', name, ...iface]),
  ];
}
