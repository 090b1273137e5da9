import { TunnelPorts } from '../xlate/index.js';
import type { Configuration, Row, Touched } from '../config/index.js';
import { Bridge, BridgeBundle, BridgePort, type BridgeWatcher, type PortNumbers } from './bridge.js';
import { tableSettings } from './flow-table.js';
import { lacpPortSettings } from './lacp.js';
import { configureMcast } from './mcast.js';
import { mirrorsOf } from './mirrors.js';
import { tunnelVportName } from './numbering.js';
import { queueDscps } from './queues.js';
import { samplingOf } from './sampling.js';
import { isTunnelType, tunnelOf } from './tunnel.js';

/** The numbers of an Interface record's port; null when it does not exist now (OVS: ofport -1). */
export type FindNumbers = (iface: Row, bridge: Bridge) => PortNumbers | null;

/** VLAN tags that flows tell apart when other_config:vlan-limit does not say. */
const DEFAULT_VLAN_LIMIT = 1;
/** Most of them. */
const MAX_VLAN_HEADERS = 2;

/** All bridges and ports are to be looked at. */
const EVERYTHING: Touched = { bridges: new Set(), ports: new Set(), everything: true };

/**
 * The bridges that a configuration describes, as translation reads them. `configure` takes over another configuration: what is in both
 * stays the same object, with its flows, its learned addresses and its counters.
 */
export class BridgeModel {
  readonly bridges = new Map<string, Bridge>();
  /** By datapath port number. Tunnel ports, which share one, are not in it. */
  readonly portsByOdp: (BridgePort | undefined)[] = [];
  /** Tunnel ports, in order of bridge and ofport. */
  tunnels: readonly BridgePort[] = [];
  /** Tells them apart by what packets were encapsulated with. */
  tunnelPorts = new TunnelPorts([]);
  vlanLimit = DEFAULT_VLAN_LIMIT;
  /** UUIDs that bridges are to have in place of their records', by name: those that flows of an earlier process know them by. */
  knownUuids: ReadonlyMap<string, string> = new Map();
  readonly #queuePriority: (queue: number) => number;
  readonly #watcher: BridgeWatcher | null;

  /** `queuePriority`: skb_priority of a queue, or -1 when the datapath cannot name it. `watcher` is told what changes otherwise than by configure. */
  constructor(queuePriority: (queue: number) => number, watcher: BridgeWatcher | null = null) {
    this.#queuePriority = queuePriority;
    this.#watcher = watcher;
  }

  /**
   * Brings the bridges to what `configuration` says; `numbers` tells where each interface is. Only what is `touched` is looked at, all by default; the
   * rest stays as it is, to the last object. Throws ERR_CONFIG_VALUE for options that make no sense; then nothing is usable until a configuration is
   * taken without error.
   */
  configure(configuration: Configuration, numbers: FindNumbers, touched: Touched = EVERYTHING): void {
    const rows = configuration.rows('Bridge');
    const names = new Set(rows.map((row) => row.text('name')));
    for (const name of this.bridges.keys()) if (!names.has(name)) this.bridges.delete(name);
    this.vlanLimit = vlanLimitOf(configuration.root);
    for (const row of rows) {
      const name = row.text('name');
      if (!touched.everything && !touched.bridges.has(name) && this.bridges.has(name)) continue;
      this.#configureBridge(configuration, row, numbers, touched);
    }
    this.#connectPatches(configuration);
    this.#index();
  }

  /** Names of the datapath's ports by number, as ovs-dpctl shows them. */
  datapathPortNames(): Map<number, string> {
    const names = new Map<number, string>();
    this.portsByOdp.forEach((port, number) => {
      if (port !== undefined) names.set(number, port.name);
    });
    for (const { odpPort, tunnel } of this.tunnels) {
      if (odpPort >= 0 && tunnel !== null) names.set(odpPort, tunnelVportName(tunnel));
    }
    return names;
  }

  #configureBridge(configuration: Configuration, row: Row, numbers: FindNumbers, touched: Touched): void {
    const name = row.text('name');
    const bridge = this.bridges.get(name) ?? new Bridge(name, this.knownUuids.get(name) ?? row.uuid);
    bridge.watcher = this.#watcher;
    this.bridges.set(name, bridge);
    bridge.configure(row);
    const before = new Map(bridge.bundles.map((bundle) => [bundle.name, bundle]));
    const bundles: BridgeBundle[] = [];
    for (const port of configuration.referred(row, 'ports')) {
      const old = before.get(port.text('name'));
      const same =
        old !== undefined &&
        !touched.everything &&
        !touched.ports.has(old.name) &&
        hasNumbers(configuration, port, old, numbers);
      const bundle = same
        ? old
        : this.#configureBundle(
            configuration,
            port,
            numbers,
            old ?? new BridgeBundle(bridge, port.text('name')),
          );
      if (bundle.ports.length > 0) bundles.push(bundle);
    }
    bridge.replaceBundles(bundles);
    bridge.mcast = configureMcast(configuration, row, bridge);
    bridge.mirrors = mirrorsOf(configuration, row, bridge);
    bridge.sampling = samplingOf(configuration, row);
    bridge.flowTables.settings = tableSettings(configuration, row);
  }

  #configureBundle(
    configuration: Configuration,
    row: Row,
    numbers: FindNumbers,
    bundle: BridgeBundle,
  ): BridgeBundle {
    bundle.configure(row);
    const ports = configuration
      .referred(row, 'interfaces')
      .flatMap((one) => portOf(bundle, one, numbers) ?? []);
    bundle.configurePorts(
      row,
      ports.sort((a, b) => (a.name < b.name ? -1 : 1)),
    );
    const queues = queueDscps(configuration, row, this.#queuePriority);
    for (const member of bundle.ports) member.queues = queues;
    return bundle;
  }

  /** Two patch ports are connected when each names the other as its peer. */
  #connectPatches(configuration: Configuration): void {
    const patches = new Map<string, BridgePort>();
    for (const bridge of this.bridges.values()) {
      for (const port of bridge.portList) if (port.type === 'patch') patches.set(port.name, port);
    }
    const peerName = (port: BridgePort) =>
      configuration.named('Interface', port.name)?.option('options', 'peer');
    for (const port of patches.values()) {
      const peer = patches.get(peerName(port) ?? '');
      port.peer = peer !== undefined && peerName(peer) === port.name ? peer : null;
    }
  }

  #index(): void {
    this.portsByOdp.length = 0;
    const tunnels: BridgePort[] = [];
    for (const bridge of this.bridges.values()) {
      for (const port of [...bridge.ports.values()].sort((a, b) => a.ofport - b.ofport)) {
        if (port.tunnel !== null) tunnels.push(port);
        else if (port.odpPort >= 0) this.portsByOdp[port.odpPort] = port;
      }
    }
    this.tunnels = tunnels;
    this.tunnelPorts = new TunnelPorts(tunnels);
  }
}

/** Whether the interfaces of a Port record still have the numbers that the bundle's ports have: another port's leaving frees what one asks for. */
function hasNumbers(
  configuration: Configuration,
  row: Row,
  bundle: BridgeBundle,
  numbers: FindNumbers,
): boolean {
  return configuration.referred(row, 'interfaces').every((iface) => {
    const found = numbers(iface, bundle.bridge);
    const port = bundle.ports.find(({ name }) => name === iface.text('name'));
    return found?.ofport === port?.ofport && found?.odpPort === port?.odpPort;
  });
}

/** The port of an interface: the one there is, if it is still the same, else a new one. */
function portOf(bundle: BridgeBundle, row: Row, numbers: FindNumbers): BridgePort | null {
  const found = numbers(row, bundle.bridge);
  if (found === null) return null;
  const name = row.text('name');
  const type = row.text('type');
  const old = bundle.ports.find((port) => port.name === name);
  const same =
    old !== undefined && old.type === type && old.ofport === found.ofport && old.odpPort === found.odpPort;
  const port = same ? old : new BridgePort(bundle, name, type, found);
  port.running = found.running;
  port.lacp = lacpPortSettings(row);
  port.tunnel = isTunnelType(type) ? tunnelOf(row, type) : null;
  return port;
}

function vlanLimitOf(root: Row): number {
  const text = root.option('other_config', 'vlan-limit');
  const limit = text !== undefined && /^\d+$/.test(text) ? Number(text) : DEFAULT_VLAN_LIMIT;
  // 0 is no limit.
  return limit === 0 ? MAX_VLAN_HEADERS : Math.min(limit, MAX_VLAN_HEADERS);
}
