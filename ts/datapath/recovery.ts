/** How often a datapath that is gone is looked for. */
const RETRY_MS = 1000;

/** What recovery needs of the datapath. */
export interface RecoveryHooks {
  /** Asks the kernel: true when the datapath is not there any more. */
  isGone(): boolean;
  /** The datapath has just been found to be gone. */
  onLost(): void;
  /** False while it cannot be made again: the module is not loaded. Throws when it should be possible, and is not. */
  restore(): boolean;
  /** It is there again. */
  onRestored(): void;
  /** Why it could not be restored, once for each reason. */
  onFailure(error: unknown): void;
}

/**
 * What happens when somebody else deletes the datapath, or unloads the kernel module: that is noticed, and the datapath made
 * again as soon as it can be.
 */
export class Recovery {
  readonly #hooks: RecoveryHooks;
  #timer: NodeJS.Timeout | null = null;
  #complaint = '';

  constructor(hooks: RecoveryHooks) {
    this.#hooks = hooks;
  }

  /** The datapath is gone and not yet there again. */
  get lost(): boolean {
    return this.#timer !== null;
  }

  /** Something happened that might mean that the datapath is gone: finds out, and says so. */
  suspect(): boolean {
    if (this.lost) return true;
    if (!this.#hooks.isGone()) return false;
    this.#complaint = '';
    this.#timer = setInterval(() => this.#attempt(), RETRY_MS);
    this.#timer.unref();
    this.#hooks.onLost();
    return true;
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  #attempt(): void {
    try {
      if (!this.#hooks.restore()) return;
    } catch (error) {
      const complaint = String(error);
      if (complaint !== this.#complaint) this.#hooks.onFailure(error);
      this.#complaint = complaint;
      return;
    }
    this.close();
    this.#hooks.onRestored();
  }
}
