import type { Bridge, BridgePort } from '../bridge/index.js';
import { SyntaxProblem } from '../errors/index.js';
import { F_IN_PORT, FLOW_WORDS } from '../fields/index.js';
import type { UpcallBatch } from '../native/index.js';
import { type FlowMatch, parseFlowMod } from '../openflow/index.js';
import { describeUpcall, type UpcallDescription, type UpcallObserver } from '../upcall/index.js';
import type { Snapshot, Translation } from '../xlate/index.js';
import { flowNames } from './openflow-objects.js';

/** An upcall that was handled, in words. */
export interface UpcallEvent extends UpcallDescription {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** The bridge and port that it came in by; absent for ports of no bridge, and for packets that came in through tunnels. */
  readonly bridge?: string;
  readonly port?: string;
}

/** Who follows upcalls. */
export interface UpcallFollower {
  /** It can take none now: `dropped` is called instead, and nobody describes them for it. */
  readonly full: boolean;
  /** The upcalls of one batch, in order, at most 64; what they led to has been sent. */
  upcalls(events: readonly UpcallEvent[]): void;
  dropped(count: number): void;
}

/** Which upcalls are meant. */
export interface UpcallFilter {
  /** A bridge's name. Default: all, and ports of none. */
  readonly bridge?: string;
  /** What the packet must match, in the syntax of ovs-ofctl: `tcp,nw_dst=10.0.0.0/8`. */
  readonly match?: string;
}

interface Following {
  readonly follower: UpcallFollower;
  /** What packets of each bridge must match; null: all. */
  readonly matches: ReadonlyMap<string, FlowMatch> | null;
  events: UpcallEvent[];
  dropped: number;
}

/** Tells upcalls to those who want to know, and to the observer of the switch's options. Costs nothing while nobody does. */
export class UpcallWatch implements UpcallObserver {
  readonly #observer: UpcallObserver | null;
  readonly #snapshot: () => Snapshot;
  readonly #bridges: ReadonlyMap<string, Bridge>;
  readonly #followings = new Set<Following>();
  readonly #activate: (observer: UpcallObserver | null) => void;

  /** `activate` is told whom the handler is to tell: this, `observer` alone, or nobody. */
  constructor(
    observer: UpcallObserver | null,
    bridges: ReadonlyMap<string, Bridge>,
    snapshot: () => Snapshot,
    activate: (observer: UpcallObserver | null) => void,
  ) {
    this.#observer = observer;
    this.#bridges = bridges;
    this.#snapshot = snapshot;
    this.#activate = activate;
  }

  /** Tells upcalls until the returned function is called. Throws SyntaxProblem for a match that is none on any bridge meant. */
  follow(follower: UpcallFollower, filter: UpcallFilter = {}): () => void {
    const following = { follower, matches: this.#matches(filter), events: [], dropped: 0 };
    this.#followings.add(following);
    this.#activate(this);
    return () => {
      this.#followings.delete(following);
      if (this.#followings.size === 0) this.#activate(this.#observer);
    };
  }

  upcall(
    kind: number,
    batch: UpcallBatch,
    row: number,
    translation: Translation | null,
    installed: boolean,
  ): void {
    this.#observer?.upcall(kind, batch, row, translation, installed);
    const port = this.#snapshot().portsByOdp[batch.keys[row * FLOW_WORDS + F_IN_PORT]] as
      | BridgePort
      | undefined;
    let event: UpcallEvent | null = null;
    for (const following of this.#followings) {
      if (!isMeant(following, port, batch.keys, row * FLOW_WORDS)) continue;
      if (following.follower.full) {
        following.dropped++;
        continue;
      }
      event ??= {
        time: Date.now(),
        ...(port === undefined ? {} : { bridge: port.bridge.name, port: port.name }),
        ...describeUpcall(kind, batch, row, translation, installed),
      };
      following.events.push(event);
    }
  }

  batchDone(): void {
    this.#observer?.batchDone?.();
    for (const following of this.#followings) {
      const { follower, events, dropped } = following;
      following.events = [];
      following.dropped = 0;
      if (dropped > 0) follower.dropped(dropped);
      if (events.length > 0) follower.upcalls(events);
    }
  }

  #matches({ bridge: name, match = '' }: UpcallFilter): ReadonlyMap<string, FlowMatch> | null {
    if (name === undefined && match === '') return null;
    const matches = new Map<string, FlowMatch>();
    let problem: unknown = null;
    for (const bridge of this.#bridges.values()) {
      if (name !== undefined && bridge.name !== name) continue;
      try {
        matches.set(bridge.name, parseFlowMod(match, 'delete', flowNames(bridge)).match);
      } catch (error) {
        // A port's name may be known on one bridge only.
        problem = error;
      }
    }
    if (matches.size > 0) return matches;
    throw problem ?? new SyntaxProblem(`there is no bridge "${name ?? ''}"`, 1, 1);
  }
}

function isMeant(
  { matches }: Following,
  port: BridgePort | undefined,
  keys: Int32Array,
  base: number,
): boolean {
  if (matches === null) return true;
  const match = port === undefined ? undefined : matches.get(port.bridge.name);
  if (match === undefined) return false;
  for (let i = 0; i < FLOW_WORDS; i++) {
    const word = i === F_IN_PORT ? port!.ofport : keys[base + i];
    if (((word ^ match.key[i]) & match.mask[i]) !== 0) return false;
  }
  return true;
}
