import { SlowpathError } from '../errors/index.js';
import type {
  Addon,
  Channel,
  EmbeddedDatapath,
  FlowBatch,
  MatchedColumns,
  UkeyRows,
  UpcallBatch,
} from './native.js';

type View = Uint8Array | Int32Array;
type AnyFunction = (...args: unknown[]) => unknown;

/** What the guarded objects stand for. */
const originals = new WeakMap<object, object>();
const leases = new WeakMap<object, Lease>();

/** Says when the contents of a batch may be looked at: from their arrival until the handler returns, or the next arrive. */
class Lease {
  #generation = 0;
  #open = false;

  get generation(): number {
    return this.#generation;
  }

  begin(): void {
    this.#generation += 1;
    this.#open = true;
  }

  end(): void {
    this.#open = false;
  }

  /** Throws ERR_STALE_VIEW unless the contents that a view of `generation` was made for (0: any) are still there. */
  check(generation: number): void {
    if (this.#open && (generation === 0 || generation === this.#generation)) return;
    throw new SlowpathError(
      'ERR_STALE_VIEW',
      'a view of a batch was used after the batch had been released: what a batch shows is valid until the handler ' +
        'returns or the next receive; copy what is needed longer with slice()',
    );
  }
}

/** What a guarded object stands for; other values are themselves. Throws for a stale view. */
function original(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const found = originals.get(value);
  // Reading the length asks the lease.
  if (found !== undefined && ArrayBuffer.isView(found)) void (value as View).length;
  return found ?? value;
}

/** `method` of `target`, taking guarded arguments. */
function forward(target: object, method: AnyFunction): AnyFunction {
  return (...args) => method.apply(target, args.map(original));
}

/** `view` in a proxy that asks the lease at each access. Views made of it hold for the generation they were made in. */
function guardView<T extends View>(view: T, lease: Lease, generation: number): T {
  const proxy: T = new Proxy(view, {
    get(target, property) {
      lease.check(generation);
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        lease.check(generation);
        const result = forward(target, value as AnyFunction)(...args);
        if (result === target) return proxy;
        const shared = ArrayBuffer.isView(result) && result.buffer === target.buffer;
        return shared ? guardView(result as View, lease, lease.generation) : result;
      };
    },
    set(target, property, value) {
      lease.check(generation);
      return Reflect.set(target, property, value, target);
    },
  });
  originals.set(proxy, view);
  return proxy;
}

/** A batch whose arrays are guarded. */
function guardBatch<T extends UpcallBatch | FlowBatch>(batch: T): T {
  const lease = new Lease();
  const members = Object.entries(batch).map(([name, value]) => [
    name,
    ArrayBuffer.isView(value) ? guardView(value as View, lease, 0) : value,
  ]);
  const guarded = Object.fromEntries(members) as T;
  originals.set(guarded, batch);
  leases.set(guarded, lease);
  return guarded;
}

/** Runs something that fills a batch: what was in it is gone, what is in it now may be looked at. */
function refill<T>(batch: object, fill: () => T): T {
  const lease = leases.get(batch);
  lease?.end();
  const result = fill();
  lease?.begin();
  return result;
}

/** Methods of a channel that give contents to batches. */
const deliveries: Readonly<Record<string, (channel: Channel) => AnyFunction>> = {
  startUpcalls: (channel) => (batch, onBatch) => {
    const lease = leases.get(batch as UpcallBatch);
    channel.startUpcalls(original(batch) as UpcallBatch, (count) => {
      lease?.begin();
      try {
        (onBatch as (count: number) => void)(count);
      } finally {
        lease?.end();
      }
    });
  },
  receive: (channel) => (batch) =>
    refill(batch as UpcallBatch, () => channel.receive(original(batch) as UpcallBatch)),
  dumpNext: (channel) => (batch) =>
    refill(batch as FlowBatch, () => channel.dumpNext(original(batch) as FlowBatch)),
  dumpMatch: (channel) => (unknown, ukeys, matched, round, since) =>
    refill(unknown as FlowBatch, () =>
      channel.dumpMatch(
        original(unknown) as FlowBatch,
        ukeys as UkeyRows,
        matched as MatchedColumns,
        round as number,
        since as number,
      ),
    ),
  exchange: (channel) => (ops, count, upcalls, replies) =>
    refill(replies as FlowBatch, () =>
      channel.exchange(
        ops as Parameters<Channel['exchange']>[0],
        count as number,
        original(upcalls) as UpcallBatch | null,
        original(replies) as FlowBatch,
      ),
    ),
};

function guardObject<T extends object>(
  object: T,
  special: (name: string) => ((target: T) => AnyFunction) | undefined,
): T {
  return new Proxy(object, {
    get(target, property) {
      const override = typeof property === 'string' ? special(property) : undefined;
      if (override !== undefined) return override(target);
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? forward(target, value as AnyFunction) : value;
    },
  });
}

const guardChannel = (channel: Channel): Channel => guardObject(channel, (name) => deliveries[name]);

const guardEmbedded = (embedded: EmbeddedDatapath): EmbeddedDatapath =>
  guardObject(embedded, (name) =>
    name === 'openChannel' ? (target) => () => guardChannel(target.openChannel()) : undefined,
  );

/** Functions of the addon whose results are guarded. */
const makers: Readonly<Record<string, (addon: Addon) => AnyFunction>> = {
  openNetlink: (addon) => (options) =>
    guardChannel(addon.openNetlink(options as Parameters<Addon['openNetlink']>[0])),
  openEmbedded: (addon) => (options) =>
    guardEmbedded(addon.openEmbedded(options as Parameters<Addon['openEmbedded']>[0])),
  createUpcallBatch: (addon) => () => guardBatch(addon.createUpcallBatch()),
  createFlowBatch: (addon) => (capacity, bytes) =>
    guardBatch(addon.createFlowBatch(capacity as number, bytes as number)),
};

/**
 * The addon with leases on its batches: whoever looks at the slab, rows or keys of a batch, or at a view made of them, when the
 * batch has been released gets ERR_STALE_VIEW. For debugging: each access costs about a microsecond. What is not seen is an
 * access through `buffer`.
 */
export function guardAddon(addon: Addon): Addon {
  return guardObject(addon, (name) => makers[name]);
}
