import { EventEmitter } from 'node:events';
import type { PortEvent } from '../datapath/index.js';
import type { LocalSample } from '../exporters/index.js';
import type { FlowEvent, FlowListener } from './flow-cache-control.js';
import type { FlowRemoved } from './flow-removed.js';
import type { PacketIn } from './packet-in.js';
import type { UpcallEvent, UpcallFollower } from './upcall-watch.js';

/** What a switch tells, by name of the event. */
export interface SwitchEventMap {
  /** Upcalls of one batch, when what they led to has been sent. */
  upcalls: [upcalls: readonly UpcallEvent[]];
  /** A flow of the datapath was installed, modified or deleted. */
  flow: [event: FlowEvent];
  /** A port of the datapath, its device, or the datapath itself came, went or changed. */
  port: [event: PortEvent];
  /** A packet that a controller action sent up. */
  packetIn: [packetIn: PacketIn];
  /** A rule with send_flow_rem went. Told when a round has credited what flows had counted for it, so about half a second later. */
  flowRemoved: [removed: FlowRemoved];
  /** A packet that an action `sample` took for a collector set with a local group (local_group_id). */
  sample: [sample: LocalSample];
  /** Something went wrong on the way and was survived. */
  warning: [message: string];
}

/** How to begin and end what costs something; each answers with what ends it. */
export interface EventSources {
  followUpcalls(follower: UpcallFollower): () => void;
  followFlows(listener: FlowListener): () => void;
  followPacketIns(callback: (packetIn: PacketIn) => void): () => void;
  followRemovals(callback: (removed: FlowRemoved) => void): () => void;
  followSamples(callback: (sample: LocalSample) => void): () => void;
}

/** Events that are only made while somebody listens. */
type Lazy = 'upcalls' | 'flow' | 'packetIn' | 'flowRemoved' | 'sample';

/**
 * The events of a switch: `on`, `once` and `off` as of any EventEmitter, also with `once` and `on` of node:events, which take an AbortSignal. Listeners run on
 * the thread of the switch, between two batches of upcalls; what they throw is an uncaught exception.
 */
export class SwitchEvents extends EventEmitter<SwitchEventMap> {
  readonly #begin: Readonly<Record<Lazy, () => () => void>>;
  readonly #end = new Map<string, () => void>();

  constructor(sources: EventSources) {
    super();
    this.#begin = {
      upcalls: () =>
        sources.followUpcalls({
          full: false,
          upcalls: (events) => this.emit('upcalls', events),
          dropped() {},
        }),
      flow: () =>
        sources.followFlows({ full: false, event: (event) => this.emit('flow', event), dropped() {} }),
      packetIn: () => sources.followPacketIns((packetIn) => this.emit('packetIn', packetIn)),
      flowRemoved: () => sources.followRemovals((removed) => this.emit('flowRemoved', removed)),
      sample: () => sources.followSamples((sample) => this.emit('sample', sample)),
    };
    const emitter = this as unknown as EventEmitter;
    emitter.on('newListener', (name: string) => this.#added(name));
    emitter.on('removeListener', (name: string) => this.#removed(name));
  }

  #added(name: string): void {
    if (Object.hasOwn(this.#begin, name) && !this.#end.has(name))
      this.#end.set(name, this.#begin[name as Lazy]());
  }

  #removed(name: string): void {
    if ((this as unknown as EventEmitter).listenerCount(name) > 0) return;
    this.#end.get(name)?.();
    this.#end.delete(name);
  }

  /** Nobody is told anything any more. */
  close(): void {
    for (const end of this.#end.values()) end();
    this.#end.clear();
    (this as unknown as EventEmitter).removeAllListeners();
  }
}
