import { closeSync, openSync, writeSync } from 'node:fs';
import { messageOf, SlowpathError } from '../errors/index.js';

const SECTION = 0x0a0d0d0a;
const LINKTYPE_ETHERNET = 1;
const OPTION_NAME = 2;
const OPTION_RESOLUTION = 9;
const NANOSECONDS = 9;
/** Bytes that are collected before they are written. */
const BUFFERED = 256 * 1024;

/** A block of a pcapng file: type, length, content padded to four bytes, length. */
function block(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const padded = (content.length + 3) & ~3;
  const bytes = Buffer.alloc(padded + 12);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(bytes.length, 4);
  content.copy(bytes, 8);
  bytes.writeUInt32LE(bytes.length, padded + 8);
  return bytes;
}

function option(code: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4 + ((value.length + 3) & ~3));
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt16LE(value.length, 2);
  bytes.set(value, 4);
  return bytes;
}

/** Writes a pcapng file of one Ethernet interface, times in nanoseconds. */
export class CaptureWriter implements Disposable {
  readonly #fd: number;
  readonly #path: string;
  #waiting: Buffer[] = [];
  #bytes = 0;
  #closed = false;
  /** Frames written. */
  count = 0;

  /** Throws ERR_CAPTURE when the file cannot be made. */
  constructor(path: string, interfaceName: string) {
    this.#path = path;
    try {
      this.#fd = openSync(path, 'w', 0o644);
    } catch (cause) {
      throw new SlowpathError('ERR_CAPTURE', `cannot write ${path}: ${messageOf(cause)}`, { cause });
    }
    const section = Buffer.alloc(16);
    section.writeUInt32LE(0x1a2b3c4d, 0);
    section.writeUInt16LE(1, 4);
    section.writeBigInt64LE(-1n, 8);
    const link = Buffer.alloc(8);
    link.writeUInt16LE(LINKTYPE_ETHERNET, 0);
    const options = [
      option(OPTION_NAME, Buffer.from(interfaceName)),
      option(OPTION_RESOLUTION, Uint8Array.of(NANOSECONDS)),
      option(0, new Uint8Array(0)),
    ];
    this.#put(block(SECTION, section), block(1, link, ...options));
  }

  /** `time`: nanoseconds since 1970; `length`: of the whole frame. */
  write(time: bigint, frame: Uint8Array, length = frame.length): void {
    const head = Buffer.alloc(20);
    head.writeUInt32LE(Number((time >> 32n) & 0xffffffffn), 4);
    head.writeUInt32LE(Number(time & 0xffffffffn), 8);
    head.writeUInt32LE(frame.length, 12);
    head.writeUInt32LE(Math.max(length, frame.length), 16);
    this.count++;
    this.#put(block(6, head, frame));
  }

  #put(...blocks: readonly Buffer[]): void {
    for (const one of blocks) {
      this.#waiting.push(one);
      this.#bytes += one.length;
    }
    if (this.#bytes >= BUFFERED) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#bytes = 0;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    } catch (cause) {
      throw new SlowpathError('ERR_CAPTURE', `cannot write ${this.#path}: ${messageOf(cause)}`, { cause });
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#flush();
    } finally {
      closeSync(this.#fd);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
