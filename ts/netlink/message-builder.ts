import { SlowpathError } from '../errors/index.js';
import { NLA_F_NESTED, NLA_HDRLEN, NLM_F_REQUEST, NLMSG_HDRLEN } from './constants.js';

const encoder = new TextEncoder();
const MAX_ATTRIBUTE = 0xffff;

/**
 * Writes one netlink message at a time into a buffer that it keeps and grows. Order of calls: `begin`, `header` (the
 * family's fixed header), attributes, `finish`. Numbers are written in host byte order (little-endian on every host
 * supported) unless the name says `be`. What `finish` returns is a view, valid until the next `begin`.
 */
export class MessageBuilder {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Starts a message of `type` (family id, RTM_*). NLM_F_REQUEST is added; seq and pid are left to the channel. */
  begin(type: number, flags: number): this {
    this.#length = 0;
    const p = this.#grow(NLMSG_HDRLEN);
    this.#view.setUint16(p + 4, type, true);
    this.#view.setUint16(p + 6, flags | NLM_F_REQUEST, true);
    return this;
  }

  /** Appends a fixed header, padded to 4 bytes. */
  header(bytes: Uint8Array): this {
    const p = this.#grow((bytes.length + 3) & ~3);
    this.#bytes.set(bytes, p);
    return this;
  }

  /** Appends struct genlmsghdr. */
  genl(cmd: number, version: number): this {
    const p = this.#grow(4);
    this.#bytes[p] = cmd;
    this.#bytes[p + 1] = version;
    return this;
  }

  /** Appends a bare 32-bit number: struct ovs_header. */
  word(value: number): this {
    const p = this.#grow(4);
    this.#view.setUint32(p, value >>> 0, true);
    return this;
  }

  u8(type: number, value: number): this {
    const p = this.#attribute(type, 1);
    this.#bytes[p] = value;
    return this;
  }

  u16(type: number, value: number): this {
    const p = this.#attribute(type, 2);
    this.#view.setUint16(p, value, true);
    return this;
  }

  be16(type: number, value: number): this {
    const p = this.#attribute(type, 2);
    this.#view.setUint16(p, value, false);
    return this;
  }

  u32(type: number, value: number): this {
    const p = this.#attribute(type, 4);
    this.#view.setUint32(p, value >>> 0, true);
    return this;
  }

  be32(type: number, value: number): this {
    const p = this.#attribute(type, 4);
    this.#view.setUint32(p, value >>> 0, false);
    return this;
  }

  /** An array of 32-bit numbers. */
  u32s(type: number, values: ArrayLike<number>): this {
    const p = this.#attribute(type, values.length * 4);
    for (let i = 0; i < values.length; i++) this.#view.setUint32(p + i * 4, values[i] >>> 0, true);
    return this;
  }

  bytes(type: number, value: Uint8Array): this {
    const p = this.#attribute(type, value.length);
    this.#bytes.set(value, p);
    return this;
  }

  /** A string with its terminating zero. */
  string(type: number, value: string): this {
    const text = encoder.encode(value);
    const p = this.#attribute(type, text.length + 1);
    this.#bytes.set(text, p);
    return this;
  }

  /** An attribute without payload. */
  flag(type: number): this {
    this.#attribute(type, 0);
    return this;
  }

  /**
   * A nested attribute of whatever `content` writes. `flagged` sets NLA_F_NESTED, which newer families insist on; OVS's
   * neither ask for it nor send it.
   */
  nest(type: number, content: (builder: this) => void, flagged = false): this {
    const start = this.#attribute(flagged ? type | NLA_F_NESTED : type, 0) - NLA_HDRLEN;
    content(this);
    const length = this.#length - start;
    if (length > MAX_ATTRIBUTE) throw tooLong(type, length);
    this.#view.setUint16(start, length, true);
    return this;
  }

  /** Writes the length and returns the message. */
  finish(): Uint8Array {
    this.#view.setUint32(0, this.#length, true);
    return this.#bytes.subarray(0, this.#length);
  }

  #attribute(type: number, size: number): number {
    const length = NLA_HDRLEN + size;
    if (length > MAX_ATTRIBUTE) throw tooLong(type, length);
    const p = this.#grow((length + 3) & ~3);
    this.#view.setUint16(p, length, true);
    this.#view.setUint16(p + 2, type, true);
    return p + NLA_HDRLEN;
  }

  /** Room for `n` more bytes, zeroed; returns where. May replace #bytes and #view: call it before naming them. */
  #grow(n: number): number {
    const at = this.#length;
    this.#length = at + n;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    } else {
      this.#bytes.fill(0, at, this.#length);
    }
    return at;
  }
}

function tooLong(type: number, length: number): SlowpathError {
  return new SlowpathError(
    'ERR_ATTRIBUTE_TOO_LONG',
    `netlink attribute ${type} would have ${length} bytes; at most ${MAX_ATTRIBUTE} fit`,
  );
}
