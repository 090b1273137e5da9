import { DatagramWriter } from '../datagram-writer.js';
import { type ExporterIdentity, type NetflowEncoder, RecordFields, uptime } from './encoder.js';
import { type FlowCache, KEY_DST, KEY_SRC } from './flow-cache.js';

const VERSION = 5;
/** Records of a message at most. */
const MAX_RECORDS = 30;
const COUNT_AT = 2;
const MAX_COUNT = 0xffffffff;
/** Bytes that are believed: what a link of 10 Gb/s carries in 600 s (OVS: netflow_expire__). More would be split into very many records. */
const MAX_BYTES = 176 * 2 ** 32;

/**
 * NetFlow version 5: 24 bytes of header, up to 30 records of 48 bytes; IPv4 only, counters of 32 bits. What was counted beyond that goes into several records
 * of about the same size, as OVS has it. Unlike OVS's, the sequence number is that of the first record of the message, so that collectors see losses and nothing else.
 */
export class NetflowV5 implements NetflowEncoder {
  readonly #identity: ExporterIdentity;
  readonly #writer = new DatagramWriter();
  readonly #fields = new RecordFields();
  #records = 0;
  /** Records in all messages before this one. */
  #sequence = 0;

  constructor(identity: ExporterIdentity) {
    this.#identity = identity;
  }

  add(cache: FlowCache, index: number): boolean {
    this.#fields.read(this.#identity, cache, index);
    let packets = cache.packets[index];
    let bytes = cache.bytes[index];
    if (this.#fields.ipVersion !== 4 || bytes >= MAX_BYTES) return false;
    for (let left = Math.ceil(bytes / MAX_COUNT); left > 0; left--) {
      const somePackets = Math.min(Math.floor(packets / left), MAX_COUNT);
      const someBytes = Math.floor(bytes / left);
      this.#record(cache, index, somePackets, someBytes);
      packets -= somePackets;
      bytes -= someBytes;
    }
    return true;
  }

  flush(): void {
    if (this.#records === 0) return;
    this.#writer.setU16(COUNT_AT, this.#records);
    this.#sequence = (this.#sequence + this.#records) >>> 0;
    this.#records = 0;
    this.#identity.send(this.#writer.datagram);
  }

  #header(): void {
    const { engineType, engineId, now, wallClock } = this.#identity;
    const wall = wallClock();
    const writer = this.#writer;
    writer.reset();
    writer.u16(VERSION).u16(0).u32(uptime(this.#identity, now()));
    writer.u32(Math.floor(wall / 1000)).u32((wall % 1000) * 1_000_000);
    writer.u32(this.#sequence).u8(engineType).u8(engineId);
    // Sampling interval: every packet is counted.
    writer.u16(0);
  }

  #record(cache: FlowCache, index: number, packets: number, bytes: number): void {
    if (this.#records === 0) this.#header();
    const fields = this.#fields;
    const key = cache.keyAt(index);
    const writer = this.#writer;
    // No next hop.
    writer
      .u32(cache.keys[key + KEY_SRC])
      .u32(cache.keys[key + KEY_DST])
      .u32(0);
    writer.u16(fields.input).u16(fields.output).u32(packets).u32(bytes);
    writer.u32(uptime(this.#identity, cache.first[index])).u32(uptime(this.#identity, cache.last[index]));
    writer.u16(fields.sourcePort).u16(fields.destinationPort);
    writer.u8(0).u8(cache.tcpFlags[index]).u8(fields.protocol).u8(fields.tos);
    // Autonomous systems and prefix lengths of source and destination, padding: not known.
    writer.zeros(8);
    if (++this.#records === MAX_RECORDS) this.flush();
  }
}
