import type { Bridge } from '../bridge/index.js';
import type { Configuration } from '../config/index.js';
import { cookieUuidIs } from '../flow/index.js';
import type { BridgeExporter, Protocol } from './exporter.js';

interface Entry<Exporter> {
  readonly bridge: Bridge;
  readonly exporter: Exporter;
  /** Settings in force, as JSON. */
  settings: string;
}

/** The exporters of one protocol, one for each bridge whose configuration asks for it. */
export class ProtocolExporters<
  Settings,
  Exporter extends BridgeExporter<Settings> = BridgeExporter<Settings>,
> {
  readonly protocol: Protocol<Settings, Exporter>;
  #entries: readonly Entry<Exporter>[] = [];

  constructor(protocol: Protocol<Settings, Exporter>) {
    this.protocol = protocol;
  }

  /** Takes over a configuration: exporters come, go and change by what differs; the others go on as they were. */
  configure(configuration: Configuration, bridges: ReadonlyMap<string, Bridge>): void {
    const before = new Map(this.#entries.map((entry) => [entry.bridge, entry]));
    const kept: { entry: Entry<Exporter>; settings: Settings }[] = [];
    for (const row of configuration.rows('Bridge')) {
      const bridge = bridges.get(row.text('name'));
      const settings = bridge === undefined ? null : this.protocol.settings(configuration, row);
      if (bridge === undefined || settings === null) continue;
      const entry = before.get(bridge);
      before.delete(bridge);
      kept.push({
        entry: entry ?? { bridge, exporter: this.protocol.create(bridge), settings: '' },
        settings,
      });
    }
    // What goes makes room (ports, numbers) for what comes.
    for (const gone of before.values()) gone.exporter.close();
    this.#entries = kept.map(({ entry }) => entry);
    for (const { entry, settings } of kept) {
      const text = JSON.stringify(settings);
      if (text === entry.settings) continue;
      entry.settings = text;
      entry.exporter.configure(settings);
    }
  }

  /** The exporter of a bridge, or null. */
  of(bridge: Bridge): Exporter | null {
    return this.#entries.find((entry) => entry.bridge === bridge)?.exporter ?? null;
  }

  /** The exporter of the bridge that the cookie at `bytes[offset]` names; null when there is none (any more). */
  named(bytes: Uint8Array, offset: number): Exporter | null {
    for (const { bridge, exporter } of this.#entries)
      if (cookieUuidIs(bytes, offset, bridge.uuid)) return exporter;
    return null;
  }

  tick(now: number): void {
    for (const { exporter } of this.#entries) exporter.tick(now);
  }

  /** Idempotent. */
  close(): void {
    for (const { exporter } of this.#entries) exporter.close();
    this.#entries = [];
  }
}
