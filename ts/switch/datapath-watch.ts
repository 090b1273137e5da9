import type { BridgeModel, BridgePort } from '../bridge/index.js';
import type { Datapath, PortEvent } from '../datapath/index.js';
import { messageOf } from '../errors/index.js';
import type { Revalidator } from '../revalidate/index.js';
import type { Configurator } from './configurator.js';
import { linkChanged } from './links.js';
import { missedEvents } from './missed-events.js';

/** What it works on, and what it tells. */
export interface DatapathWatchContext {
  readonly datapath: Datapath;
  readonly model: BridgeModel;
  readonly configurator: Configurator;
  readonly revalidator: Revalidator;
  /** Something changed that may concern any flow; with a tag, only those that have it. */
  changed(tag?: number): void;
  /** The bridges are others. */
  reconfigured(): void;
  warn(message: string): void;
  /** Each event as it comes. */
  tell(event: PortEvent): void;
}

/** Follows ports, their devices and the datapath itself, as they come, go and change by the hands of others. */
export class DatapathWatch {
  /** A device appeared that a failed interface may be for; it is tried at the next tick, not once for each message about it. */
  retryDue = false;
  readonly #context: DatapathWatchContext;
  readonly #unwatch: () => void;
  #closed = false;

  constructor(context: DatapathWatchContext) {
    this.#context = context;
    this.#unwatch = context.datapath.portEvents((event) => this.#onEvent(event));
  }

  /** Nothing is followed any more. */
  close(): void {
    this.#closed = true;
    this.#unwatch();
  }

  #onEvent(event: PortEvent): void {
    const { model, configurator } = this.#context;
    this.#context.tell(event);
    if (event.type === 'resync') {
      this.#resync();
    } else if (event.type === 'device') {
      if (configurator.failed.has(event.name)) this.retryDue = true;
    } else if (event.type === 'lost' || event.type === 'restored' || event.type === 'unrestored') {
      this.#onDatapathEvent(event);
    } else {
      const port = model.portsByOdp[event.portNo];
      if (port !== undefined && port.name === event.name) this.#onPortEvent(event, port);
    }
  }

  #onPortEvent(event: PortEvent, port: BridgePort): void {
    const { configurator, changed, reconfigured, warn } = this.#context;
    if (event.type === 'link') {
      const what = linkChanged(port, event.running);
      if (what === 'everything') changed();
      else if (what !== null) changed(what);
    } else if (event.type === 'removed') {
      configurator.portGone(event.portNo, port.name);
      reconfigured();
      warn(`port ${port.name} left the datapath`);
    }
  }

  /** The datapath, in which no flow of ours is left, has gone or come back. */
  #onDatapathEvent(event: PortEvent): void {
    const { datapath, revalidator, warn } = this.#context;
    const { name } = datapath;
    if (event.type === 'lost') {
      warn(`datapath ${name} is gone, deleted or its module unloaded; it will be made again when it can be`);
      void revalidator.stop();
    } else if (event.type === 'unrestored') {
      warn(`datapath ${name} cannot be made again: ${messageOf(event.error)}`);
    } else {
      void this.#resume();
    }
  }

  async #resume(): Promise<void> {
    const { datapath, revalidator, changed, warn } = this.#context;
    await revalidator.stop();
    if (this.#closed) return;
    if (datapath.adopted) datapath.flush();
    await revalidator.forgetAll();
    if (this.#closed) return;
    this.#resync();
    changed();
    revalidator.start();
    warn(`datapath ${datapath.name} is there again, with ports and without flows`);
  }

  /** Notifications were lost: what they would have said. */
  #resync(): void {
    const { datapath, model, configurator } = this.#context;
    this.retryDue = configurator.failed.size > 0;
    for (const event of missedEvents(datapath, model.portsByOdp)) this.#onEvent(event);
  }
}
