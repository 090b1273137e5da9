import { DatagramWriter } from '../datagram-writer.js';

// sFlow version 5 (sflow.org/sflow_version_5.txt), sections "Datagram Header" and "sFlow Format Extensions".
const VERSION = 5;
const ADDRESS_IPV4 = 1;
const ADDRESS_IPV6 = 2;
/** Sample formats of enterprise 0. */
export const FLOW_SAMPLE = 1;
export const COUNTERS_SAMPLE = 2;
/** Class of a data source: interfaces by ifIndex, physical entities by any number. */
const CLASS_IFINDEX = 0;
const CLASS_ENTITY = 2;
const INDEX_MASK = 0xffffff;
/** Number of the entity that stands for the first bridge. */
const FIRST_ENTITY = 1000;
/** Bytes after which a datagram is sent (OVS: SFL_DEFAULT_DATAGRAM_SIZE): what fits into an Ethernet frame. */
const DATAGRAM_BYTES = 1400;

/** Data source of a port. */
export function interfaceSource(ifindex: number): number {
  return ((CLASS_IFINDEX << 24) | (ifindex & INDEX_MASK)) >>> 0;
}

/** Data source of a bridge as a whole; agents on one host tell their bridges apart by number. */
export function bridgeSource(subAgent: number): number {
  return ((CLASS_ENTITY << 24) | ((FIRST_ENTITY + subAgent) & INDEX_MASK)) >>> 0;
}

/**
 * The datagrams of one sub-agent. Samples are written to `sample` between `begin` and `end` and collected until a datagram is full or `flush` is
 * called.
 */
export class SflowDatagrams {
  /** Of the sample that is being written. */
  readonly sample = new DatagramWriter();
  readonly #subAgent: number;
  readonly #bootMs: number;
  readonly #send: (datagram: Uint8Array) => void;
  readonly #writer = new DatagramWriter();
  /** 4 or 16 bytes; null while it is not known, and nothing can be sent. */
  #agent: Uint8Array | null = null;
  #sequence = 0;
  #count = 0;
  #countAt = 0;
  #uptimeAt = 0;
  #recordsAt = 0;
  #records = 0;
  #recordAt = 0;

  /** `nowMs`: monotonic; uptime counts from there. */
  constructor(subAgent: number, nowMs: number, send: (datagram: Uint8Array) => void) {
    this.#subAgent = subAgent;
    this.#bootMs = nowMs;
    this.#send = send;
  }

  /** Address that names the agent; 4 or 16 bytes, or null. */
  get agent(): Uint8Array | null {
    return this.#agent;
  }

  /** Sends what was collected for another agent first. */
  setAgent(agent: Uint8Array | null, nowMs: number): void {
    this.flush(nowMs);
    this.#agent = agent;
  }

  /** Begins a sample; its data up to the number of records, which `endRecords` fills in, follow in `sample`. */
  begin(format: number): void {
    // Its length follows at the end.
    this.sample.reset();
    this.sample.u32(format).u32(0);
  }

  /** What follows in the sample are records, each between `beginRecord` and `endRecord`. */
  beginRecords(): void {
    this.#recordsAt = this.sample.length;
    this.#records = 0;
    this.sample.u32(0);
  }

  beginRecord(format: number): void {
    this.sample.u32(format);
    this.#recordAt = this.sample.length;
    this.sample.u32(0);
  }

  endRecord(): void {
    this.sample.pad4();
    this.sample.setU32(this.#recordAt, this.sample.length - this.#recordAt - 4);
    this.#records++;
  }

  /** Ends the sample, which goes with the next datagram. */
  end(nowMs: number): void {
    const { sample } = this;
    sample.setU32(this.#recordsAt, this.#records);
    sample.setU32(4, sample.length - 8);
    if (this.#count > 0 && this.#writer.length + sample.length > DATAGRAM_BYTES) this.flush(nowMs);
    if (this.#count === 0) this.#header();
    this.#writer.append(sample);
    this.#count++;
  }

  /** Sends the samples that were collected, if any. */
  flush(nowMs: number): void {
    if (this.#count === 0) return;
    this.#writer.setU32(this.#uptimeAt, nowMs - this.#bootMs);
    this.#writer.setU32(this.#countAt, this.#count);
    this.#count = 0;
    this.#send(this.#writer.datagram);
  }

  #header(): void {
    const writer = this.#writer;
    const agent = this.#agent!;
    writer.reset();
    writer
      .u32(VERSION)
      .u32(agent.length === 4 ? ADDRESS_IPV4 : ADDRESS_IPV6)
      .bytes(agent);
    this.#sequence++;
    writer.u32(this.#subAgent).u32(this.#sequence);
    this.#uptimeAt = writer.length;
    writer.u32(0);
    this.#countAt = writer.length;
    writer.u32(0);
  }
}
