import type { Configuration } from '../config/index.js';
import type { Datapath } from '../datapath/index.js';
import type { Revalidator } from '../revalidate/index.js';
import type { Restart } from './restart.js';

/** What beginning needs of the switch. */
export interface StartUpContext {
  readonly datapath: Datapath;
  readonly revalidator: Revalidator;
  readonly restart: Restart | null;
  /** Flows of an earlier process are taken over, not flushed. */
  readonly adopt: boolean;
  configuration(): Configuration;
  /** Begins to read upcalls. */
  handlePackets(): void;
  onError(error: unknown): void;
}

/**
 * When a switch begins: in the turn of the event loop after it was opened, so that the code that opens it can configure it first, and not while the
 * configuration asks to wait or a policy is being loaded. Until then packets without a flow wait in the receive buffer and flows that are in the datapath stay as they are.
 */
export class StartUp {
  readonly #context: StartUpContext;
  #begun: Promise<void> | null = null;
  #turn: NodeJS.Immediate | null = null;
  #closed = false;
  #holds = 0;

  constructor(context: StartUpContext) {
    this.#context = context;
    this.consider();
  }

  /** The configuration is another: perhaps it is time. */
  consider(): void {
    if (this.#begun !== null || this.#turn !== null || this.#closed) return;
    this.#turn = setImmediate(() => {
      this.#turn = null;
      if (this.#closed || this.#isHeld()) return;
      this.#begun = this.#begin().catch((error: unknown) => this.#context.onError(error));
    });
  }

  /** Something that decides about packets is not there yet: nothing begins before the returned function is called. */
  hold(): () => void {
    let isHeld = true;
    this.#holds++;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holds--;
      this.consider();
    };
  }

  #isHeld(): boolean {
    if (this.#holds > 0) return true;
    return this.#context.configuration().root.option('other_config', 'flow-restore-wait') === 'true';
  }

  /** The switch is configured: takes over or flushes the flows that an earlier process left, then handles packets. */
  async #begin(): Promise<void> {
    const { datapath, restart, revalidator, adopt, handlePackets } = this.#context;
    restart?.restore();
    try {
      if (datapath.adopted && adopt) await revalidator.adopt();
      else if (datapath.adopted) datapath.flush();
    } finally {
      if (!this.#closed) {
        revalidator.start();
        // What was configured until now concerns no flow but those that were taken over.
        handlePackets();
      }
    }
  }

  /** Resolves when it has begun; false when it waits. */
  async begun(): Promise<boolean> {
    if (this.#turn !== null) await new Promise(setImmediate);
    if (this.#begun === null) return false;
    await this.#begun;
    return true;
  }

  /** Nothing begins any more; resolves when what began is through. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#turn !== null) clearImmediate(this.#turn);
    await this.#begun;
  }
}
