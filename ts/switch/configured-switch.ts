import type { Bridge, BridgePort } from '../bridge/index.js';
import type { Configuration } from '../config/index.js';
import { SlowpathError } from '../errors/index.js';
import { OpenFlowSwitch } from './openflow-switch.js';
import type {
  BondOptions,
  BridgeOptions,
  CollectorSetOptions,
  IpfixOptions,
  MirrorOptions,
  NetflowOptions,
  PortOptions,
  SflowOptions,
} from './options.js';
import type { InterfaceError } from './port-manager.js';
import {
  bondWords,
  bridgeWords,
  collectorSetWords,
  ipfixWords,
  mirrorWords,
  netflowWords,
  portWords,
  sflowWords,
} from './words.js';

/** The configuration half of a switch: bridges, ports, bonds, mirrors and exporters, one by one. Each is a change of its configuration. */
export abstract class ConfiguredSwitch extends OpenFlowSwitch {
  /** What the switch is configured to be. */
  abstract readonly configuration: Configuration;

  /** The bridges by name. */
  abstract readonly bridges: ReadonlyMap<string, Bridge>;

  /** Changes the configuration by ovs-vsctl words (`add-port br0 eth1 tag=10 -- …`). What the commands print, and as configure. */
  abstract vsctl(words: readonly string[]): {
    readonly outputs: readonly string[];
    readonly errors: readonly InterfaceError[];
  };

  /** Changes the configuration; when one of the named interfaces cannot be had, changes it back and throws why. */
  protected abstract change(words: readonly string[], interfaces: readonly string[]): void;

  /** OpenFlow port numbers taken on a bridge. */
  protected abstract takenOfports(bridge: string): ReadonlySet<number>;

  /** Adds a bridge with its local port, an internal device of the same name. Throws ERR_BRIDGE_EXISTS, and as addPort. */
  addBridge(name: string, options: BridgeOptions = {}): Bridge {
    if (this.bridges.has(name)) throw new SlowpathError('ERR_BRIDGE_EXISTS', `bridge ${name} exists already`);
    this.change(bridgeWords(name, options), [name]);
    return this.bridges.get(name)!;
  }

  /** Takes a bridge away, with its ports, flows and counters. */
  removeBridge(bridge: Bridge): void {
    this.vsctl(['del-br', bridge.name]);
  }

  /** Adds a port to a bridge. Errors: those of Datapath.addPort, ERR_CONFIG_*, ERR_BAD_OFPORT. */
  addPort(bridge: Bridge, options: PortOptions): BridgePort {
    const { name, ofport } = options;
    if (ofport !== undefined && this.takenOfports(bridge.name).has(ofport)) {
      throw new SlowpathError('ERR_BAD_OFPORT', `port ${name}: OpenFlow port number ${ofport} is taken`);
    }
    this.change([...this.#makeWay(bridge, name), ...portWords(bridge.name, options)], [name]);
    return bridge.portByName(name)!;
  }

  /** Adds a bond to a bridge; its members' ports. Errors as addPort. */
  addBond(bridge: Bridge, options: BondOptions): BridgePort[] {
    const { name, members } = options;
    this.change([...this.#makeWay(bridge, members[0]), ...bondWords(bridge.name, options)], members);
    return bridge.bundles.find((bundle) => bundle.name === name)?.ports.slice() ?? [];
  }

  /** Takes a port, or the bond that it is a member of, out of its bridge and of the datapath. */
  removePort(port: BridgePort): void {
    this.vsctl(['del-port', port.bridge.name, port.bundle.name]);
  }

  /** Mirrors packets of a bridge. Throws ERR_CONFIG_*, also when there is a mirror of that name or no such port. */
  addMirror(bridge: Bridge, options: MirrorOptions): void {
    if (bridge.mirrors.some(({ name }) => name === options.name)) {
      throw new SlowpathError(
        'ERR_CONFIG_DUPLICATE',
        `bridge ${bridge.name} has a mirror ${options.name} already`,
      );
    }
    this.change(mirrorWords(bridge.name, options), []);
  }

  /** Ends a mirror. Throws ERR_CONFIG_RECORD when there is none of that name. */
  removeMirror(bridge: Bridge, name: string): void {
    const row = this.configuration.named('Bridge', bridge.name);
    const mirrors = row === undefined ? [] : this.configuration.referred(row, 'mirrors');
    const mirror = mirrors.find((one) => one.text('name') === name);
    if (mirror === undefined)
      throw new SlowpathError('ERR_CONFIG_RECORD', `bridge ${bridge.name} has no mirror ${name}`);
    this.vsctl(['remove', 'Bridge', bridge.name, 'mirrors', mirror.uuid]);
  }

  /** Exports sFlow of a bridge, or ends it with null. */
  setSflow(bridge: Bridge, options: SflowOptions | null): void {
    this.change(sflowWords(bridge.name, options), []);
  }

  /** Exports NetFlow of a bridge, or ends it with null. */
  setNetflow(bridge: Bridge, options: NetflowOptions | null): void {
    this.change(netflowWords(bridge.name, options), []);
  }

  /** Exports IPFIX of a bridge, or ends it with null. */
  setIpfix(bridge: Bridge, options: IpfixOptions | null): void {
    this.change(ipfixWords(bridge.name, options), []);
  }

  /**
   * Exports by IPFIX, or tells to local listeners, what flows of a bridge sample for a collector set (`sample(collector_set_id=ID,…)`), or ends it with null.
   * `sampling`, `obsDomainId` and `obsPointId` have no effect: the actions say them.
   */
  setCollectorSet(bridge: Bridge, id: number, options: CollectorSetOptions | null): void {
    const uuid = this.configuration.named('Bridge', bridge.name)?.uuid;
    const known = this.configuration
      .rows('Flow_Sample_Collector_Set')
      .find((set) => set.number('id') === id && set.text('bridge') === uuid);
    const words = collectorSetWords(bridge.name, id, known?.uuid, options);
    if (words.length > 0) this.change(words, []);
  }

  /** A port whose device went is still configured; it is to come back now. */
  #makeWay(bridge: Bridge, name: string): string[] {
    return bridge.portByName(name) === undefined ? ['--if-exists', 'del-port', name, '--'] : [];
  }
}
