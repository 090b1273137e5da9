import { Collector, type CollectorCounters } from '../collector.js';
import { DatagramWriter } from '../datagram-writer.js';
import { TcpCollector } from './tcp-collector.js';
import { processStatisticsSet, processTemplateSet, templateSets } from './templates.js';

/** Port of collectors that do not say another (IANA: ipfix). */
const IPFIX_PORT = 4739;
const IPFIX_VERSION = 10;
/** Milliseconds after which templates are repeated to collectors that may have missed them, and statistics to all: as OVS does. */
const REFRESH_MS = 600_000;
/** Observation domains that a session keeps in mind; of the one it forgets, templates and sequence begin anew. */
const DOMAIN_LIMIT = 256;
/** Messages about the exporting process itself are of no domain (RFC 7011, 3.1). */
const NO_DOMAIN = 0;

/** When something is exported. */
export interface ExportTime {
  /** Monotonic milliseconds. */
  readonly now: number;
  /** Seconds since 1970, as the header of the message has them. */
  readonly seconds: number;
}

interface Domain {
  /** Data records sent so far, modulo 2^32. */
  sequence: number;
  /** Monotonic milliseconds at which the collector was told the templates last; -Infinity for never. */
  taught: number;
}

/** A collector, and what it is sent through. */
export interface Transport {
  /** What is sent once is there, unless the session ends. */
  readonly reliable: boolean;
  readonly collector: {
    readonly counters: Readonly<CollectorCounters>;
    /** Sessions that were begun: the collector of another one knows nothing yet. */
    readonly sessions: number;
    send(message: Uint8Array): void;
    tick(now: number): void;
    close(): void;
  };
}

const TEMPLATES = { plain: templateSets(false), virtual: templateSets(true) };
const PROCESS_TEMPLATE_SET = processTemplateSet();

/** `target`: as in the configuration; TCP with `tcp:` before it. `totals`: counters of all collectors together. Throws ERR_COLLECTOR_TARGET. */
export function openTransport(target: string, totals: CollectorCounters): Transport {
  const [, protocol, rest] = /^(?:(tcp|udp):)?(.*)$/.exec(target)!;
  return protocol === 'tcp'
    ? { reliable: true, collector: new TcpCollector(rest, IPFIX_PORT, totals) }
    : { reliable: false, collector: new Collector(rest, IPFIX_PORT, totals) };
}

/**
 * What one collector is told, and knows already. Templates go before the first record of each domain; over UDP they are repeated, over TCP each
 * connection begins anew (RFC 7011, 8). A record that could not be sent counts in the sequence all the same, so that the collector sees the loss.
 */
export class Session {
  readonly target: string;
  /** Packets of the records that could not be handed to the collector. */
  notSentPackets = 0;
  readonly #processId: number;
  readonly #transport: Transport;
  readonly #message = new DatagramWriter();
  readonly #domains = new Map<number, Domain>();
  /** Monotonic milliseconds at which the collector was told of the exporting process. */
  #introduced = Number.NEGATIVE_INFINITY;
  #reported = Number.NEGATIVE_INFINITY;
  #epoch = 0;
  #virtual = false;

  /** `target`: as in the configuration; `processId`: exportingProcessId. */
  constructor(target: string, processId: number, transport: Transport) {
    this.target = target;
    this.#processId = processId;
    this.#transport = transport;
  }

  /** Whether records have a virtual observation id; when that changes the templates do. */
  set virtual(virtual: boolean) {
    if (virtual !== this.#virtual) this.#forget();
    this.#virtual = virtual;
  }

  /** Sends a set with one data record for `packets` packets of a domain. */
  send(domain: number, set: Uint8Array, packets: number, time: ExportTime): void {
    const { sessions } = this.#transport.collector;
    if (sessions !== this.#epoch) {
      this.#epoch = sessions;
      this.#domains.clear();
      this.#forget();
    }
    const state = this.#domain(domain);
    if (!this.#teach(domain, state, time)) {
      this.notSentPackets += packets;
    } else {
      this.#introduce(time);
      if (!this.#deliver(domain, state.sequence, set, time.seconds)) this.notSentPackets += packets;
    }
    state.sequence = (state.sequence + 1) >>> 0;
  }

  tick(now: number): void {
    this.#transport.collector.tick(now);
  }

  /** Idempotent. */
  close(): void {
    this.#transport.collector.close();
  }

  /** The collector is to be told everything again. */
  #forget(): void {
    for (const domain of this.#domains.values()) domain.taught = Number.NEGATIVE_INFINITY;
    this.#introduced = Number.NEGATIVE_INFINITY;
    this.#reported = Number.NEGATIVE_INFINITY;
  }

  #domain(id: number): Domain {
    const known = this.#domains.get(id);
    if (known !== undefined) return known;
    if (this.#domains.size >= DOMAIN_LIMIT) {
      const [oldest] = this.#domains.keys();
      this.#domains.delete(oldest);
    }
    const made = { sequence: 0, taught: Number.NEGATIVE_INFINITY };
    this.#domains.set(id, made);
    return made;
  }

  #isDue(at: number, now: number): boolean {
    return at === Number.NEGATIVE_INFINITY || (!this.#transport.reliable && now - at >= REFRESH_MS);
  }

  /** Sends the templates of a domain when they are due; false when they did not go. */
  #teach(id: number, domain: Domain, { now, seconds }: ExportTime): boolean {
    if (!this.#isDue(domain.taught, now)) return true;
    for (const set of this.#virtual ? TEMPLATES.virtual : TEMPLATES.plain)
      if (!this.#deliver(id, domain.sequence, set, seconds)) return false;
    domain.taught = now;
    return true;
  }

  /** Sends what there is to tell about this process when it is due. */
  #introduce({ now, seconds }: ExportTime): void {
    if (now - this.#reported < REFRESH_MS) return;
    const domain = this.#domain(NO_DOMAIN);
    if (this.#isDue(this.#introduced, now)) {
      if (!this.#deliver(NO_DOMAIN, domain.sequence, PROCESS_TEMPLATE_SET, seconds)) return;
      this.#introduced = now;
    }
    this.#reported = now;
    const statistics = processStatisticsSet(this.#processId, this.notSentPackets);
    this.#deliver(NO_DOMAIN, domain.sequence, statistics, seconds);
    domain.sequence = (domain.sequence + 1) >>> 0;
  }

  /** Sends a message with one set; false when it is dropped at once. */
  #deliver(domain: number, sequence: number, set: Uint8Array, seconds: number): boolean {
    const headerBytes = 16;
    const message = this.#message;
    message.reset();
    message.u16(IPFIX_VERSION).u16(headerBytes + set.length);
    message.u32(seconds).u32(sequence).u32(domain).bytes(set);
    const { collector } = this.#transport;
    const { dropped } = collector.counters;
    collector.send(message.datagram.slice());
    return collector.counters.dropped === dropped;
  }
}
