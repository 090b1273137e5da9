import type { BridgeModel } from '../bridge/index.js';
import {
  type Configuration,
  diffConfigurations,
  emptyConfiguration,
  type Touched,
  touchedBy,
  touchedByInterfaces,
  unsupportedSettings,
} from '../config/index.js';
import type { Datapath } from '../datapath/index.js';
import { type InterfaceError, PortManager } from './port-manager.js';

const NOTHING: Touched = { bridges: new Set(), ports: new Set(), everything: false };

function merge(a: Touched, b: Touched): Touched {
  return {
    bridges: new Set([...a.bridges, ...b.bridges]),
    ports: new Set([...a.ports, ...b.ports]),
    everything: a.everything || b.everything,
  };
}

/**
 * Makes ports of the datapath and the model's bridges what a configuration says, by what differs from the one before: nothing else is touched.
 */
export class Configurator {
  readonly ports: PortManager;
  readonly #datapath: Datapath;
  readonly #model: BridgeModel;
  #configuration = emptyConfiguration();
  /** Settings without effect that were told already. */
  readonly #told = new Set<string>();

  constructor(datapath: Datapath, model: BridgeModel) {
    this.#datapath = datapath;
    this.ports = new PortManager(datapath);
    this.#model = model;
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  /** Interfaces of the configuration that cannot be had now, by name. */
  get failed(): ReadonlyMap<string, InterfaceError> {
    return this.ports.failed;
  }

  /** Takes over another configuration; interfaces that could not be had are tried again. False when there was nothing to do. */
  takeOver(next: Configuration): boolean {
    const before = this.#configuration;
    const changes = diffConfigurations(before, next);
    if (changes.length === 0 && this.failed.size === 0) return false;
    this.#configuration = next;
    this.#apply(touchedBy(before, next, changes));
    return true;
  }

  /** What the configuration asks for and the switch does not do; each is told once. */
  newlyUnsupported(): string[] {
    const all = [...unsupportedSettings(this.#configuration), ...this.#withoutPsample()];
    const news = all.filter((text) => !this.#told.has(text));
    for (const text of news) this.#told.add(text);
    return news;
  }

  /** What a datapath without psample does instead. */
  #withoutPsample(): string[] {
    if (this.#datapath.support.psample) return [];
    return this.#configuration
      .rows('Flow_Sample_Collector_Set')
      .filter((set) => set.number('local_group_id') !== null)
      .map(
        (set) =>
          `collector set ${set.number('id')}: the datapath has no psample action (Linux 6.11 and later have): samples of local group ` +
          `${set.number('local_group_id')} come up to userspace, where this switch's listeners get them and other readers of psample do not`,
      );
  }

  /** Tries interfaces again that could not be had. */
  retry(): void {
    this.#apply(NOTHING);
  }

  /** A port left the datapath: the interface that it was for waits for its device. */
  portGone(portNo: number, name: string): void {
    this.ports.forget(portNo, name);
    this.#reconfigure(touchedByInterfaces(this.#configuration, [name]));
  }

  /** Opens the ports and makes the bridges: what is touched, and what has interfaces that come or go. */
  #apply(touched: Touched): void {
    const failedBefore = [...this.failed.keys()];
    this.ports.open(this.#configuration);
    const concerned = [...failedBefore, ...this.failed.keys()];
    this.#reconfigure(merge(touched, touchedByInterfaces(this.#configuration, concerned)));
    // A port may have been in the way of another, which it makes room for only now.
    if (!this.ports.closeUnused() || this.failed.size === 0) return;
    const names = [...this.failed.keys()];
    this.ports.open(this.#configuration);
    this.#reconfigure(touchedByInterfaces(this.#configuration, names));
  }

  #reconfigure(touched: Touched): void {
    this.#model.configure(
      this.#configuration,
      (row, bridge) => this.ports.numbers(row, bridge.name),
      touched,
    );
  }
}
