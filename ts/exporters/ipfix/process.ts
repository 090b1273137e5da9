import { messageOf } from '../../errors/index.js';
import type { CollectorCounters } from '../collector.js';
import { DatagramWriter } from '../datagram-writer.js';
import { countSample, type Sampled } from './counting.js';
import { TOTAL_LENGTH } from './elements.js';
import { END_FORCED, FlowCache, type FlowEntry } from './flow-cache.js';
import { domainOf, type Observation, writeFlowKey } from './flow-key.js';
import { packetsOf, writeRecord } from './record.js';
import { Session, type Transport } from './session.js';
import type { ProcessSettings } from './settings.js';
import { L3_IPV4, L3_IPV6, L4_OTHER } from './templates.js';

/** Flows that leave the cache at a time; the slow path gets its turn between. */
const SLICE = 64;

/** What `ovs-ofctl dump-ipfix-bridge` and `dump-ipfix-flow` show. */
export interface IpfixStatistics {
  /** Flows seen so far, and in the cache now. */
  readonly flows: number;
  readonly currentFlows: number;
  /** Samples, by what they were of; an error is IP that carries another protocol than records know. */
  readonly sampledPackets: number;
  readonly ipv4Ok: number;
  readonly ipv6Ok: number;
  readonly ipv4Errors: number;
  readonly ipv6Errors: number;
  /** Messages, each as often as there are collectors: sent, and failed or dropped. */
  readonly txPackets: number;
  readonly txErrors: number;
}

/** What a process does its work with. */
export interface ProcessContext {
  /** exportingProcessId: tells processes of one switch apart. */
  readonly id: number;
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since 1970. */
  wallClock(): number;
  warn(message: string): void;
  /** Throws ERR_COLLECTOR_TARGET. */
  connect(target: string, counters: CollectorCounters): Transport;
  /** Counters of the collectors of all processes. */
  readonly totals: CollectorCounters;
}

/** Counters of the collectors of one process; what is counted counts for all processes, too. */
class TxCounters implements CollectorCounters {
  readonly #all: CollectorCounters;
  readonly #own: CollectorCounters = { sent: 0, dropped: 0, errors: 0 };

  constructor(all: CollectorCounters) {
    this.#all = all;
  }

  get sent(): number {
    return this.#own.sent;
  }

  set sent(value: number) {
    this.#set('sent', value);
  }

  get dropped(): number {
    return this.#own.dropped;
  }

  set dropped(value: number) {
    this.#set('dropped', value);
  }

  get errors(): number {
    return this.#own.errors;
  }

  set errors(value: number) {
    this.#set('errors', value);
  }

  #set(name: keyof CollectorCounters, value: number): void {
    this.#all[name] += value - this.#own[name];
    this.#own[name] = value;
  }
}

/**
 * One metering and exporting process (RFC 7011, 2): gathers the samples that a record IPFIX is for and sends its collectors records of flows. Its
 * totals and statistics begin with it and go on when settings change.
 */
export class IpfixProcess {
  /** virtual_obs_id; null for none. */
  virtual: Uint8Array | null = null;
  /** Whether the encapsulation of tunnels is wanted. */
  tunnels = true;
  readonly #context: ProcessContext;
  readonly #tx: TxCounters;
  readonly #cache: FlowCache;
  readonly #key = new DatagramWriter();
  readonly #record = new DatagramWriter();
  readonly #totals = new Float64Array(TOTAL_LENGTH);
  readonly #counts = { flows: 0, sampledPackets: 0, ipv4Ok: 0, ipv6Ok: 0, ipv4Errors: 0, ipv6Errors: 0 };
  #sessions: readonly Session[] = [];
  /** What there is to be called back for, if anything. */
  #draining: NodeJS.Immediate | null = null;
  #closing = false;

  constructor(context: ProcessContext) {
    this.#context = context;
    this.#tx = new TxCounters(context.totals);
    this.#cache = new FlowCache((entry, reason) => this.#export(entry, reason));
  }

  get statistics(): IpfixStatistics {
    const { sent, dropped, errors } = this.#tx;
    return {
      ...this.#counts,
      currentFlows: this.#cache.size,
      txPackets: sent,
      txErrors: dropped + errors,
    };
  }

  /** Takes over settings. Flows that are gathered stay, unless records have another form now. */
  configure(settings: ProcessSettings): void {
    const virtual = settings.virtualId === '' ? null : Buffer.from(settings.virtualId);
    if ((virtual === null) !== (this.virtual === null))
      while (this.#cache.flush(END_FORCED, SLICE) /* all of them */);
    this.virtual = virtual;
    this.tunnels = settings.tunnels;
    this.#openSessions(settings.targets);
    for (const session of this.#sessions) session.virtual = virtual !== null;
    this.#cache.timeout = settings.timeout * 1000;
    this.#cache.limit = settings.limit;
    this.#drain();
  }

  /** Takes a sample. Neither argument is kept. */
  sample(seen: Observation, sampled: Sampled): void {
    const now = this.#context.now();
    writeFlowKey(this.#key, sampled.keys, sampled.base, seen);
    const key = this.#key.datagram;
    let entry = this.#cache.find(key);
    if (entry === null) {
      entry = this.#cache.add(key, now);
      this.#counts.flows++;
    }
    entry.end = now;
    countSample(entry, this.#totals, sampled);
    this.#countKind(sampled);
    if (this.#cache.settle(now, SLICE)) this.#drainLater();
  }

  tick(now: number): void {
    for (const session of this.#sessions) session.tick(now);
    this.#drain();
  }

  /** Sends the flows that are left, then ends. Idempotent. */
  close(): void {
    this.#closing = true;
    this.#drain();
  }

  #countKind({ l3, l4 }: Sampled): void {
    const counts = this.#counts;
    counts.sampledPackets++;
    const known = l4 !== L4_OTHER;
    if (l3 === L3_IPV4) counts[known ? 'ipv4Ok' : 'ipv4Errors']++;
    else if (l3 === L3_IPV6) counts[known ? 'ipv6Ok' : 'ipv6Errors']++;
  }

  #openSessions(targets: readonly string[]): void {
    const before = new Map(this.#sessions.map((session) => [session.target, session]));
    this.#sessions = targets.flatMap((target) => {
      const known = before.get(target);
      before.delete(target);
      return known ?? this.#openSession(target);
    });
    for (const gone of before.values()) gone.close();
  }

  #openSession(target: string): Session[] {
    try {
      return [new Session(target, this.#context.id, this.#context.connect(target, this.#tx))];
    } catch (error) {
      this.#context.warn(messageOf(error));
      return [];
    }
  }

  /** Lets go what is due, a slice now and the rest between other work, so that neither the slow path waits nor sockets overflow. */
  #drain(): void {
    if (this.#draining !== null) return;
    const more = this.#closing
      ? this.#cache.flush(END_FORCED, SLICE)
      : this.#cache.settle(this.#context.now(), SLICE);
    if (more) this.#drainLater();
    else if (this.#closing) this.#openSessions([]);
  }

  #drainLater(): void {
    this.#draining ??= setImmediate(() => {
      this.#draining = null;
      this.#drain();
    });
  }

  #export(entry: FlowEntry, reason: number): void {
    if (this.#sessions.length === 0) return;
    const now = this.#context.now();
    const wall = this.#context.wallClock();
    // Times of a record lie before the time of its message.
    const seconds = Math.ceil(wall / 1000);
    writeRecord(this.#record, entry, reason, now, seconds * 1000 - wall);
    const set = this.#record.datagram;
    const domain = domainOf(entry.key);
    for (const session of this.#sessions)
      session.send(domain, set, packetsOf(entry), { now, seconds: seconds >>> 0 });
  }
}
