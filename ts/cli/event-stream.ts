import type { Socket } from 'node:net';

/** Bytes that may wait for a client that reads slowly. */
const QUEUE_BYTES = 256 * 1024;

/** What is sent to a client without being asked for, one line of JSON each, as long as it reads: what does not fit is counted, and told when there is room. */
export class EventStream {
  #dropped = 0;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('drain', () => this.#tellDropped());
  }

  /** The client has enough to read. */
  get full(): boolean {
    return this.#socket.writableLength > QUEUE_BYTES;
  }

  event(event: unknown): void {
    this.#tellDropped();
    this.#socket.write(`${JSON.stringify({ event })}\n`);
  }

  dropped(count = 1): void {
    this.#dropped += count;
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    this.#socket.write(`${JSON.stringify({ dropped: this.#dropped })}\n`);
    this.#dropped = 0;
  }
}
