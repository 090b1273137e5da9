import type { NetflowEffect } from '../../xlate/index.js';
import type { Collectors } from '../collector.js';
import type { BridgeExporter, ExporterContext } from '../exporter.js';
import type { ExporterIdentity } from './encoder.js';
import { FlowCache } from './flow-cache.js';
import { type NetflowSettings, netflowWarning } from './settings.js';
import { NetflowV5 } from './v5.js';
import { NetflowV9 } from './v9.js';

/** What NetFlow counts besides datagrams; the keys are the counters. */
export const NETFLOW_COUNTER_HELP = {
  records: 'Records of flows exported',
  evicted: 'Flows whose record was sent early because the cache was full',
  impossible: 'Records of version 5 not sent because no link carries as many bytes as the flow counted',
} as const;

export type NetflowCounters = { -readonly [name in keyof typeof NETFLOW_COUNTER_HELP]: number };

/** Flows in the cache at most. */
const MAX_FLOWS = 1 << 18;
/** How often active timeouts are looked for, milliseconds. */
const SCAN_MS = 1000;

/** What an exporter works with. */
export interface NetflowExporterContext {
  readonly context: Pick<ExporterContext, 'now' | 'warn'>;
  readonly collectors: Pick<Collectors, 'configure' | 'send' | 'tick' | 'close'>;
  readonly counters: NetflowCounters;
  /** Milliseconds since 1970. */
  wallClock(): number;
  onClose(): void;
}

/** NetFlow of one bridge: counts packets by flow, and sends a record when a flow ends, goes elsewhere or has been active for long. */
export class NetflowExporter implements BridgeExporter<NetflowSettings> {
  readonly #context: NetflowExporterContext['context'];
  readonly #collectors: NetflowExporterContext['collectors'];
  readonly #counters: NetflowCounters;
  readonly #onClose: () => void;
  readonly #identity: ExporterIdentity;
  readonly #cache = new FlowCache();
  readonly #v5: NetflowV5;
  readonly #v9: NetflowV9;
  #encoder: NetflowV5 | NetflowV9;
  /** Milliseconds; 0 for none. */
  #activeTimeout = 0;
  #nextScan = 0;
  /** Where the search for a flow to evict goes on. */
  #evictAt = 0;

  constructor({ context, collectors, counters, wallClock, onClose }: NetflowExporterContext) {
    this.#context = context;
    this.#collectors = collectors;
    this.#counters = counters;
    this.#onClose = onClose;
    this.#identity = {
      engineType: 0,
      engineId: 0,
      addIdToInterface: false,
      since: context.now(),
      now: context.now,
      wallClock,
      send: (message) => collectors.send(message),
    };
    this.#v5 = new NetflowV5(this.#identity);
    this.#v9 = new NetflowV9(this.#identity, this.#cache);
    this.#encoder = this.#v5;
  }

  configure(settings: NetflowSettings): void {
    this.#encoder.flush();
    const identity = this.#identity;
    identity.engineType = settings.engineType;
    identity.engineId = settings.engineId;
    identity.addIdToInterface = settings.addIdToInterface;
    this.#encoder = settings.version === 9 ? this.#v9 : this.#v5;
    this.#v9.refresh();
    this.#collectors.configure(settings.targets);
    this.#setActiveTimeout(settings.activeTimeout);
    const warning = netflowWarning(settings);
    if (warning !== null) this.#context.warn(warning);
  }

  /** Timers go on, but none that began in the future of a longer timeout. */
  #setActiveTimeout(activeTimeout: number): void {
    if (this.#activeTimeout === activeTimeout) return;
    this.#activeTimeout = activeTimeout;
    this.#nextScan = this.#context.now();
    const { timerSince, end } = this.#cache;
    for (let i = 0; i < end; i++) timerSince[i] = Math.min(timerSince[i], this.#nextScan);
  }

  /** Packets of a flow came, the last of them at `used` (monotonic milliseconds). */
  counted(flow: NetflowEffect, packets: number, bytes: number, tcpFlags: number, used: number): void {
    const cache = this.#cache;
    const output = flow.output | (flow.vlanOut << 16);
    let index = cache.find(flow);
    if (index < 0) {
      if (cache.count >= MAX_FLOWS) this.#evict();
      index = cache.add(flow, used);
      cache.output[index] = output;
    } else if (cache.output[index] !== output) {
      this.#export(index);
      cache.output[index] = output;
    }
    // What comes after a record begins another one.
    if (cache.packets[index] === 0) cache.first[index] = used;
    cache.packets[index] += packets;
    cache.bytes[index] += bytes;
    cache.tcpFlags[index] |= tcpFlags;
    cache.last[index] = Math.max(cache.last[index], used);
  }

  /** A flow is not installed any more. */
  ended(flow: NetflowEffect): void {
    const index = this.#cache.find(flow);
    if (index >= 0) this.#end(index);
  }

  tick(now: number): void {
    if (this.#activeTimeout !== 0 && now >= this.#nextScan) {
      this.#nextScan = now + SCAN_MS;
      this.#scan(now);
    }
    this.#encoder.flush();
    this.#collectors.tick(now);
  }

  close(): void {
    const cache = this.#cache;
    for (let i = 0; i < cache.end; i++) if (cache.live[i] !== 0) this.#end(i);
    this.#encoder.flush();
    this.#collectors.close();
    this.#onClose();
  }

  /** Sends records of flows whose active timeout is over. Those without packets since the one before may have been forgotten by whoever counts them. */
  #scan(now: number): void {
    const cache = this.#cache;
    for (let i = 0; i < cache.end; i++) {
      if (cache.live[i] === 0 || now - cache.timerSince[i] <= this.#activeTimeout) continue;
      if (cache.packets[i] === 0) cache.remove(i);
      else this.#export(i);
    }
  }

  #evict(): void {
    const cache = this.#cache;
    this.#evictAt = (this.#evictAt + 1) % cache.end;
    while (cache.live[this.#evictAt] === 0) this.#evictAt = (this.#evictAt + 1) % cache.end;
    this.#counters.evicted++;
    this.#end(this.#evictAt);
  }

  #end(index: number): void {
    this.#export(index);
    this.#cache.remove(index);
  }

  /** Sends a record of what was counted, and begins to count anew. */
  #export(index: number): void {
    const cache = this.#cache;
    cache.timerSince[index] += this.#activeTimeout;
    if (cache.packets[index] === 0) return;
    if (this.#encoder.add(cache, index)) this.#counters.records++;
    else this.#counters.impossible++;
    cache.packets[index] = 0;
    cache.bytes[index] = 0;
    cache.tcpFlags[index] = 0;
  }
}
