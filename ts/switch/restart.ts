import type { Bridge, BridgeModel } from '../bridge/index.js';
import type { Datapath } from '../datapath/index.js';
import { messageOf } from '../errors/index.js';
import type { RecircRegistry } from '../xlate/index.js';
import { decodeFrozen, encodeFrozen } from './frozen-codec.js';
import type { SwitchOptions } from './options.js';
import { datapathIdentity, type RestartEntry, RestartFile } from './restart-file.js';

const UUID = /^[0-9a-f]{32}$/;
const MAX_ID = 0xffffffff;

type SavedState = Extract<RestartEntry, { id: number }>;

function isState(entry: RestartEntry): entry is SavedState {
  const { id } = entry as SavedState;
  return Number.isInteger(id) && id > 0 && id <= MAX_ID;
}

function isBridge(entry: RestartEntry): entry is Exclude<RestartEntry, SavedState> {
  return 'bridge' in entry && typeof entry.bridge === 'string' && UUID.test(entry.uuid);
}

function uuidText(words: Int32Array): string {
  return [...words].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

/** Keeps in a file what the next process must know of this one's flows: recirculation ids with their states, and the UUIDs of bridges. */
export class Restart {
  readonly #file: RestartFile;
  readonly #registry: RecircRegistry;
  readonly #bridges: ReadonlyMap<string, Bridge>;
  readonly #warn: (message: string) => void;
  /** UUIDs that bridges had in the process before, by name. */
  readonly knownUuids: ReadonlyMap<string, string>;
  readonly #noted = new Set<string>();
  #states: readonly SavedState[];

  /** What is kept for the next process, in the file that the options name; null without one. */
  static open(
    { stateFile, datapath: options }: SwitchOptions,
    datapath: Datapath,
    registry: RecircRegistry,
    model: BridgeModel,
    warn: (message: string) => void,
  ): Restart | null {
    if (stateFile === undefined) return null;
    const identity = datapathIdentity(datapath, 'netns' in options ? options.netns : undefined);
    const restart = new Restart(stateFile, identity, registry, model.bridges, warn);
    model.knownUuids = restart.knownUuids;
    return restart;
  }

  /** `bridges`: those that there are, live. Ids of the process before are not given out from here on. */
  constructor(
    path: string,
    identity: string,
    registry: RecircRegistry,
    bridges: ReadonlyMap<string, Bridge>,
    warn: (message: string) => void,
  ) {
    this.#registry = registry;
    this.#bridges = bridges;
    this.#warn = warn;
    this.#file = new RestartFile(path, identity, () => this.#current(), warn);
    const { found } = this.#file;
    this.knownUuids = new Map(found.filter(isBridge).map(({ bridge, uuid }) => [bridge, uuid]));
    this.#states = found.filter(isState);
    for (const { id } of this.#states) registry.reserve(id);
    registry.onNew = (id, state) => this.#add(() => ({ id, state: encodeFrozen(state) }));
  }

  /** The bridges are what they are to be: gives the states of the process before their ids back, as far as their bridges are there. */
  restore(): void {
    // Of an id that was given out again the last state is the one.
    const latest = new Map(this.#states.map((saved) => [saved.id, saved]));
    this.#states = [];
    for (const { id, state } of latest.values()) {
      try {
        const frozen = decodeFrozen(state, this.#bridges);
        if (frozen !== null) this.#registry.restore(id, frozen);
      } catch (error) {
        this.#warn(`recirculation id ${id}: ${messageOf(error)}; flows that use it go`);
      }
    }
    this.#file.rewrite();
  }

  /** Notes the bridges that are new. */
  noteBridges(): void {
    for (const { name, uuid } of this.#bridges.values()) {
      if (this.#noted.has(name)) continue;
      this.#noted.add(name);
      this.#file.add({ bridge: name, uuid: uuidText(uuid) });
    }
    this.#file.flush();
  }

  /** Writes what is new; to be called before flows that use it leave. */
  readonly flush = (): void => this.#file.flush();

  close(options: { readonly keep: boolean }): void {
    this.#registry.onNew = null;
    this.#file.close(options);
  }

  #add(entry: () => RestartEntry): void {
    try {
      this.#file.add(entry());
    } catch (error) {
      this.#warn(messageOf(error));
    }
  }

  *#current(): Generator<RestartEntry> {
    for (const { name, uuid } of this.#bridges.values()) yield { bridge: name, uuid: uuidText(uuid) };
    // States that are not restored yet count, too.
    yield* this.#states;
    for (const [id, state] of this.#registry.entries()) {
      try {
        yield { id, state: encodeFrozen(state) };
      } catch (error) {
        this.#warn(messageOf(error));
      }
    }
  }
}
