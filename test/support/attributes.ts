/** One netlink attribute: type and payload. */
export interface Attribute {
  readonly type: number;
  readonly bytes: Buffer;
}

/**
 * Netlink attributes put together one by one, independently of the code under test. Numbers are in host byte order
 * (little-endian on all hosts supported); network order where the name says `be`.
 */
export function attr(type: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const bytes = Buffer.alloc((4 + payload.length + 3) & ~3);
  bytes.writeUInt16LE(4 + payload.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(payload, 4);
  return bytes;
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

export function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32LE(value >>> 0, i * 4);
  });
  return bytes;
}

export function be16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt16BE(value, i * 2);
  });
  return bytes;
}

/** Zero-terminated text. */
export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

/** The attributes of `bytes`, in order. Throws when they do not add up. */
export function parseAttributes(bytes: Uint8Array): Attribute[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Attribute[] = [];
  for (let at = 0; at < view.length; ) {
    const length = view.length - at < 4 ? 0 : view.readUInt16LE(at);
    if (length < 4 || at + length > view.length)
      throw new Error(`attribute at byte ${at} claims ${length} bytes of ${view.length - at}`);
    found.push({ type: view.readUInt16LE(at + 2) & 0x3fff, bytes: view.subarray(at + 4, at + length) });
    at += (length + 3) & ~3;
  }
  return found;
}

/** Payload of the first attribute of a type, or undefined. */
export function pick(attributes: readonly Attribute[], type: number): Buffer | undefined {
  return attributes.find((attribute) => attribute.type === type)?.bytes;
}
