import { DatagramWriter } from '../datagram-writer.js';
import { type ExporterIdentity, type NetflowEncoder, RecordFields, uptime } from './encoder.js';
import { type FlowCache, KEY_DST, KEY_SRC, KEY_VLAN } from './flow-cache.js';

const VERSION = 9;
const COUNT_AT = 2;
const TEMPLATE_FLOWSET = 0;
/** FlowSet ids below 256 are reserved. */
const TEMPLATE_IPV4 = 256;
const TEMPLATE_IPV6 = 257;
/** Bytes of a message at most: fits IPv6 and tunnels in an Ethernet frame. */
const MAX_BYTES = 1400;
/** Templates are sent again after so many messages, and so many milliseconds: collectors may have been started, or a message lost. */
const REFRESH_MESSAGES = 20;
const REFRESH_MS = 60_000;

/** What fields are written from. */
interface Source {
  readonly identity: ExporterIdentity;
  readonly cache: FlowCache;
  readonly index: number;
  readonly fields: RecordFields;
}

/** Field type (RFC 3954, section 8), length in bytes, and how it is written. */
type Field = readonly [type: number, length: number, write: (writer: DatagramWriter, source: Source) => void];

function address(writer: DatagramWriter, { cache, index }: Source, key: number, words: number): void {
  const at = cache.keyAt(index) + key;
  for (let w = 0; w < words; w++) writer.u32(cache.keys[at + w]);
}

/** As the cache has it: IN_BYTES, IN_PKTS, FIRST_SWITCHED, LAST_SWITCHED. */
const COUNTED: readonly Field[] = [
  [1, 8, (writer, { cache, index }) => writer.count64(cache.bytes[index])],
  [2, 8, (writer, { cache, index }) => writer.count64(cache.packets[index])],
  [22, 4, (writer, { identity, cache, index }) => writer.u32(uptime(identity, cache.first[index]))],
  [21, 4, (writer, { identity, cache, index }) => writer.u32(uptime(identity, cache.last[index]))],
];

/**
 * L4_SRC_PORT, L4_DST_PORT, INPUT_SNMP, OUTPUT_SNMP, SRC_VLAN, DST_VLAN, PROTOCOL, SRC_TOS, TCP_FLAGS, IP_PROTOCOL_VERSION, ENGINE_TYPE, ENGINE_ID.
 */
const COMMON: readonly Field[] = [
  [7, 2, (writer, { fields }) => writer.u16(fields.sourcePort)],
  [11, 2, (writer, { fields }) => writer.u16(fields.destinationPort)],
  [10, 2, (writer, { fields }) => writer.u16(fields.input)],
  [14, 2, (writer, { fields }) => writer.u16(fields.output)],
  [58, 2, (writer, { cache, index }) => writer.u16(cache.keys[cache.keyAt(index) + KEY_VLAN])],
  [59, 2, (writer, { cache, index }) => writer.u16(cache.output[index] >>> 16)],
  [4, 1, (writer, { fields }) => writer.u8(fields.protocol)],
  [5, 1, (writer, { fields }) => writer.u8(fields.tos)],
  [6, 1, (writer, { cache, index }) => writer.u8(cache.tcpFlags[index])],
  [60, 1, (writer, { fields }) => writer.u8(fields.ipVersion)],
  [38, 1, (writer, { identity }) => writer.u8(identity.engineType)],
  [39, 1, (writer, { identity }) => writer.u8(identity.engineId)],
];

interface Template {
  readonly id: number;
  readonly fields: readonly Field[];
  /** Bytes of a record. */
  readonly length: number;
}

function makeTemplate(id: number, fields: readonly Field[]): Template {
  return { id, fields, length: fields.reduce((sum, [, length]) => sum + length, 0) };
}

/** IPV4_SRC_ADDR, IPV4_DST_ADDR, ICMP_TYPE. */
const IPV4 = makeTemplate(TEMPLATE_IPV4, [
  ...COUNTED,
  [8, 4, (writer, source) => address(writer, source, KEY_SRC, 1)],
  [12, 4, (writer, source) => address(writer, source, KEY_DST, 1)],
  ...COMMON,
  [32, 2, (writer, { fields }) => writer.u16(fields.icmp)],
]);

/** IPV6_SRC_ADDR, IPV6_DST_ADDR; version 9 has one ICMP_TYPE for both families. */
const IPV6 = makeTemplate(TEMPLATE_IPV6, [
  ...COUNTED,
  [27, 16, (writer, source) => address(writer, source, KEY_SRC, 4)],
  [28, 16, (writer, source) => address(writer, source, KEY_DST, 4)],
  ...COMMON,
  [32, 2, (writer, { fields }) => writer.u16(fields.icmp)],
]);

const TEMPLATES = [IPV4, IPV6];

/**
 * NetFlow version 9 (RFC 3954): IPv4 and IPv6, 64-bit counters, VLANs. Each message begins with the templates when they are due: at first and then from time to time.
 */
export class NetflowV9 implements NetflowEncoder {
  readonly #identity: ExporterIdentity;
  readonly #writer = new DatagramWriter();
  readonly #fields = new RecordFields();
  /** Templates and records of the message being written; 0 when there is none. */
  #records = 0;
  /** The FlowSet being written: where it begins, and its template. */
  #setAt = 0;
  #template: Template | null = null;
  /** Messages sent. */
  #sequence = 0;
  #sinceTemplates = REFRESH_MESSAGES;
  #templatesAt = 0;
  readonly #source: { -readonly [K in keyof Source]: Source[K] };

  constructor(identity: ExporterIdentity, cache: FlowCache) {
    this.#identity = identity;
    this.#source = { identity, cache, index: 0, fields: this.#fields };
  }

  add(cache: FlowCache, index: number): boolean {
    this.#fields.read(this.#identity, cache, index);
    const template = this.#fields.ipVersion === 6 ? IPV6 : IPV4;
    // A new FlowSet has a header, and either is padded at its end.
    if (this.#records > 0 && this.#writer.length + template.length + 7 > MAX_BYTES) this.flush();
    if (this.#records === 0) this.#begin();
    if (this.#template !== template) {
      this.#endSet();
      this.#beginSet(template.id);
      this.#template = template;
    }
    this.#source.cache = cache;
    this.#source.index = index;
    for (const [, , write] of template.fields) write(this.#writer, this.#source);
    this.#records++;
    return true;
  }

  flush(): void {
    if (this.#records === 0) return;
    this.#endSet();
    this.#writer.setU16(COUNT_AT, this.#records);
    this.#records = 0;
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#sinceTemplates++;
    this.#identity.send(this.#writer.datagram);
  }

  /** Sends the templates with the next message: there are other collectors. */
  refresh(): void {
    this.#sinceTemplates = REFRESH_MESSAGES;
  }

  #begin(): void {
    const { engineType, engineId, now, wallClock } = this.#identity;
    const at = now();
    const writer = this.#writer;
    writer.reset();
    writer
      .u16(VERSION)
      .u16(0)
      .u32(uptime(this.#identity, at))
      .u32(Math.floor(wallClock() / 1000));
    writer.u32(this.#sequence).u32((engineType << 8) | engineId);
    if (this.#sinceTemplates < REFRESH_MESSAGES && at - this.#templatesAt < REFRESH_MS) return;
    this.#sinceTemplates = 0;
    this.#templatesAt = at;
    this.#writeTemplates();
  }

  #writeTemplates(): void {
    const writer = this.#writer;
    this.#beginSet(TEMPLATE_FLOWSET);
    for (const { id, fields } of TEMPLATES) {
      writer.u16(id).u16(fields.length);
      for (const [type, length] of fields) writer.u16(type).u16(length);
      this.#records++;
    }
    this.#endSet();
  }

  #beginSet(id: number): void {
    this.#setAt = this.#writer.length;
    this.#writer.u16(id).u16(0);
  }

  /** Pads the FlowSet to four bytes and writes its length, which counts them. */
  #endSet(): void {
    if (this.#setAt === 0) return;
    const writer = this.#writer;
    writer.pad4(this.#setAt);
    writer.setU16(this.#setAt + 2, writer.length - this.#setAt);
    this.#setAt = 0;
    this.#template = null;
  }
}
