import { closeSync, openSync, readSync } from 'node:fs';
import { messageOf, SlowpathError } from '../errors/index.js';

/** One frame of a capture. */
export interface CapturedFrame {
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  /** Interface that it was captured on: its number, from 0, and its name where the file tells one. */
  readonly interface: number;
  readonly interfaceName: string | undefined;
  /** The bytes captured, a copy; `length` of the whole frame. */
  readonly bytes: Uint8Array;
  readonly length: number;
  /** Bytes of the file read up to here. */
  readonly position: number;
}

/** Blocks and packets beyond this are no capture. */
const MAX_BLOCK = 16 << 20;
const CHUNK = 1 << 20;
const LINKTYPE_ETHERNET = 1;

/** Reads a file in order; knows where it is. */
class FileReader {
  readonly #fd: number;
  readonly path: string;
  #buffer = Buffer.alloc(0);
  #at = 0;
  position = 0;

  constructor(path: string) {
    this.path = path;
    try {
      this.#fd = openSync(path, 'r');
    } catch (cause) {
      throw new SlowpathError('ERR_CAPTURE', `cannot read ${path}: ${messageOf(cause)}`, { cause });
    }
  }

  /** The next `length` bytes, valid until the next call; null at the end of the file. Throws ERR_CAPTURE when it ends in between. */
  take(length: number, what: string): Buffer | null {
    while (this.#buffer.length - this.#at < length) {
      const rest = this.#buffer.subarray(this.#at);
      const next = Buffer.alloc(rest.length + Math.max(CHUNK, length));
      rest.copy(next);
      const count = this.#read(next, rest.length);
      this.#buffer = next.subarray(0, rest.length + count);
      this.#at = 0;
      if (count > 0) continue;
      if (this.#buffer.length === 0) return null;
      this.fail(`the file ends within ${what}: ${this.#buffer.length} of ${length} bytes`);
    }
    const taken = this.#buffer.subarray(this.#at, this.#at + length);
    this.#at += length;
    this.position += length;
    return taken;
  }

  #read(into: Buffer, offset: number): number {
    try {
      return readSync(this.#fd, into, offset, into.length - offset, null);
    } catch (cause) {
      throw new SlowpathError('ERR_CAPTURE', `cannot read ${this.path}: ${messageOf(cause)}`, { cause });
    }
  }

  fail(message: string, at = this.position): never {
    throw new SlowpathError('ERR_CAPTURE', `${this.path}: at byte ${at}: ${message}`);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Numbers of a file in its byte order. */
class Numbers {
  constructor(readonly little: boolean) {}

  u16(bytes: Buffer, at: number): number {
    return this.little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  }

  u32(bytes: Buffer, at: number): number {
    return this.little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  }
}

/**
 * The frames of a capture file, pcap or pcapng, in order. Byte order and resolution of time are the file's. Throws ERR_CAPTURE, with the place in
 * the file, for what is no such file, is cut short, or has frames that are not of Ethernet.
 */
export function* readCapture(path: string): Generator<CapturedFrame> {
  const file = new FileReader(path);
  try {
    const magic = file.take(4, 'the first four bytes') ?? file.fail('the file is empty');
    const first = magic.readUInt32LE(0);
    if (first === 0x0a0d0d0a) yield* readPcapng(file);
    else if (PCAP.has(first)) yield* readPcap(file, PCAP.get(first)!);
    else file.fail('this is neither pcap nor pcapng', 0);
  } finally {
    file.close();
  }
}

/** What the first four bytes of a pcap file, read as little-endian, say. */
const PCAP: ReadonlyMap<number, { readonly little: boolean; readonly perUnit: bigint }> = new Map([
  [0xa1b2c3d4, { little: true, perUnit: 1000n }],
  [0xd4c3b2a1, { little: false, perUnit: 1000n }],
  [0xa1b23c4d, { little: true, perUnit: 1n }],
  [0x4d3cb2a1, { little: false, perUnit: 1n }],
]);

const PCAP_HEADER = 20;
const PCAP_RECORD = 16;

function* readPcap(
  file: FileReader,
  { little, perUnit }: { readonly little: boolean; readonly perUnit: bigint },
): Generator<CapturedFrame> {
  const numbers = new Numbers(little);
  const header = file.take(PCAP_HEADER, 'its header') ?? file.fail('the file ends within its header');
  // The upper bits say whether frames end with a checksum.
  checkLinkType(file, numbers.u32(header, 16) & 0xffff);
  for (;;) {
    const start = file.position;
    const record = file.take(PCAP_RECORD, 'the header of a packet');
    if (record === null) return;
    const [seconds, units, captured, length] = [0, 4, 8, 12].map((at) => numbers.u32(record, at));
    if (captured > MAX_BLOCK) file.fail(`a packet of ${captured} bytes is no packet`, start);
    const bytes = file.take(captured, 'a packet') ?? file.fail('the file ends before a packet');
    const time = BigInt(seconds) * 1_000_000_000n + BigInt(units) * perUnit;
    const where = { interface: 0, interfaceName: undefined, position: file.position };
    yield { time, ...where, bytes: Uint8Array.from(bytes), length };
  }
}

function checkLinkType(file: FileReader, type: number): void {
  if (type !== LINKTYPE_ETHERNET) file.fail(`link type ${type}: only captures of Ethernet (1) are read`);
}

/** An interface of a section of a pcapng file. */
interface Interface {
  readonly name: string | undefined;
  /** Units of time in a second, and seconds that are added. */
  readonly unitsPerSecond: bigint;
  readonly offset: bigint;
  readonly snaplen: number;
}

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const OLD_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BYTE_ORDER = 0x1a2b3c4d;

/** Reads the blocks behind the type of the first, which has been taken. */
function* readPcapng(file: FileReader): Generator<CapturedFrame> {
  let numbers = new Numbers(true);
  let interfaces: Interface[] = [];
  let type = SECTION;
  for (;;) {
    const start = file.position - 4;
    const head = file.take(4, 'a block') ?? file.fail('the file ends within a block');
    let order: Buffer | null = null;
    if (type === SECTION) {
      order = file.take(4, 'the header of a section') ?? file.fail('the file ends within a section header');
      if (order.readUInt32LE(0) !== BYTE_ORDER && order.readUInt32BE(0) !== BYTE_ORDER)
        file.fail('a section without a byte order', start);
      numbers = new Numbers(order.readUInt32LE(0) === BYTE_ORDER);
      interfaces = [];
    }
    const total = numbers.u32(head, 0);
    const rest = total - (order === null ? 8 : 12);
    if (total % 4 !== 0 || rest < 4 || total > MAX_BLOCK)
      file.fail(`a block of ${total} bytes is no block`, start);
    const body = file.take(rest, 'a block') ?? file.fail('the file ends within a block');
    if (numbers.u32(body, rest - 4) !== total) file.fail('the two lengths of a block differ', start);
    const content = body.subarray(0, rest - 4);
    if (type === INTERFACE) interfaces.push(readInterface(file, numbers, content));
    else if (type === ENHANCED_PACKET || type === OLD_PACKET || type === SIMPLE_PACKET)
      yield readPacket(file, numbers, content, type, interfaces, start);
    const next = file.take(4, 'the type of a block');
    if (next === null) return;
    type = numbers.u32(next, 0) === SECTION ? SECTION : numbers.u32(next, 0);
  }
}

const OPTION_NAME = 2;
const OPTION_RESOLUTION = 9;
const OPTION_OFFSET = 14;

function readInterface(file: FileReader, numbers: Numbers, body: Buffer): Interface {
  if (body.length < 8) file.fail('an interface block is too short');
  checkLinkType(file, numbers.u16(body, 0));
  let name: string | undefined;
  let unitsPerSecond = 1_000_000n;
  let offset = 0n;
  for (let at = 8; at + 4 <= body.length; ) {
    const code = numbers.u16(body, at);
    const length = numbers.u16(body, at + 2);
    const value = body.subarray(at + 4, at + 4 + length);
    if (code === 0) break;
    if (value.length < length) file.fail('an option reaches beyond its block');
    if (code === OPTION_NAME) name = value.toString('utf8').replace(/\0+$/, '');
    if (code === OPTION_RESOLUTION && length >= 1)
      unitsPerSecond = value[0] & 0x80 ? 2n ** BigInt(value[0] & 0x7f) : 10n ** BigInt(value[0]);
    if (code === OPTION_OFFSET && length >= 8)
      offset = numbers.little ? value.readBigInt64LE(0) : value.readBigInt64BE(0);
    at += 4 + ((length + 3) & ~3);
  }
  return { name, unitsPerSecond, offset, snaplen: numbers.u32(body, 4) };
}

function readPacket(
  file: FileReader,
  numbers: Numbers,
  body: Buffer,
  type: number,
  interfaces: readonly Interface[],
  start: number,
): CapturedFrame {
  const isSimple = type === SIMPLE_PACKET;
  const header = isSimple ? 4 : 20;
  if (body.length < header) file.fail('a packet block is too short', start);
  const number = isSimple ? 0 : type === OLD_PACKET ? numbers.u16(body, 0) : numbers.u32(body, 0);
  const on = interfaces[number];
  if (on === undefined) file.fail(`a packet of interface ${number}, which the file does not describe`, start);
  const length = numbers.u32(body, isSimple ? 0 : 16);
  const captured = isSimple ? Math.min(length, on.snaplen || length) : numbers.u32(body, 12);
  if (captured > body.length - header)
    file.fail(`a packet of ${captured} bytes in a block of ${body.length}`, start);
  const units = isSimple ? 0n : (BigInt(numbers.u32(body, 4)) << 32n) | BigInt(numbers.u32(body, 8));
  return {
    time: on.offset * 1_000_000_000n + (units * 1_000_000_000n) / on.unitsPerSecond,
    interface: number,
    interfaceName: on.name,
    bytes: Uint8Array.from(body.subarray(header, header + captured)),
    length,
    position: file.position,
  };
}
