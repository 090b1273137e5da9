import { ActionsWriter, COOKIE_BYTES, CookieWriter } from '../flow/index.js';

/**
 * The actions of a flow whose packets must be translated one by one: userspace(pid, slow_path(reasons)), as OVS's
 * compose_slow_path(). Reuses its buffers; what `compose` wrote is valid until the next call.
 */
export class SlowPathActions {
  readonly #writer = new ActionsWriter(256);
  readonly #cookie = new CookieWriter();

  /** The actions, bytes[0 … length). */
  get bytes(): Uint8Array {
    return this.#writer.bytes;
  }

  get length(): number {
    return this.#writer.length;
  }

  /** `reasons`: SLOW_* bits; `ofport` and `uuid` name the packet's port and bridge in the cookie. */
  compose(pid: number, ofport: number, uuid: Int32Array | null, reasons: number): void {
    this.#cookie.putSlowPath(ofport, uuid, reasons);
    this.#writer.reset();
    this.#writer.userspace(pid, this.#cookie.bytes, 0, COOKIE_BYTES);
  }
}
