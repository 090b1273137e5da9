import type { Bridge } from '../bridge/index.js';
import type { Configuration, Row } from '../config/index.js';
import type { SampleReader } from '../datapath/index.js';
import {
  UPCALL_PACKET_LEN,
  UPCALL_PACKET_OFF,
  UPCALL_ROW_WORDS,
  UPCALL_USERDATA_OFF,
  UPCALL_WIRE_LEN,
} from '../fields/index.js';
import { cookieUuidIs, SampleCookie } from '../flow/index.js';
import type { UpcallBatch } from '../native/index.js';
import type { PacketSample } from '../ovs/index.js';
import { type ExporterContext, zeroCounters } from './exporter.js';

/** A packet that an action `sample` took for a collector set with a local group. */
export interface LocalSample extends PacketSample {
  /** What the action says; 0 for a sender in the same group that is no such action. */
  readonly obsDomainId: number;
  readonly obsPointId: number;
}

export const LOCAL_COUNTER_HELP = {
  local: 'Samples of local groups that were told to those who listen',
  local_lost: 'Samples of local groups lost because the buffer to read them from was full',
  local_malformed: 'Messages of the group of samples that could not be read, dropped',
};

/** Bytes of a cookie: observation domain and point, each in network order. */
const COOKIE_BYTES = 8;
const ALL_OF_ACTION = 0xffff;

/** The collector sets of a bridge that have a local group. */
interface LocalBridge {
  readonly bridge: Bridge;
  readonly groups: ReadonlyMap<number, number>;
  /** Those of them that IPFIX exports besides. */
  readonly exported: ReadonlySet<number>;
}

/**
 * Local samples (Flow_Sample_Collector_Set:local_group_id) for who listens in this process: as the datapath's psample action takes them, or, where it has
 * none, as they come up to userspace. They are read only while somebody listens.
 */
export class LocalSamples {
  readonly #context: ExporterContext;
  readonly #callbacks = new Set<(sample: LocalSample) => void>();
  readonly #cookie = new SampleCookie();
  readonly #counters = zeroCounters(LOCAL_COUNTER_HELP);
  #bridges: readonly LocalBridge[] = [];
  #groups: ReadonlySet<number> = new Set();
  #reader: SampleReader | null = null;

  constructor(context: ExporterContext) {
    this.#context = context;
  }

  get counters(): Readonly<Record<keyof typeof LOCAL_COUNTER_HELP, number>> {
    const { local, local_lost, local_malformed } = this.#counters;
    const reader = this.#reader;
    return {
      local,
      local_lost: local_lost + (reader?.lost ?? 0),
      local_malformed: local_malformed + (reader?.malformed ?? 0),
    };
  }

  configure(configuration: Configuration): void {
    const { bridges } = this.#context;
    this.#bridges = configuration.rows('Bridge').flatMap((row) => {
      const bridge = bridges.get(row.text('name'));
      const sets = localSets(configuration, row);
      if (bridge === undefined || sets.length === 0) return [];
      const exported = sets.filter((set) => set.get('ipfix') !== null);
      return {
        bridge,
        groups: new Map(sets.map((set) => [set.number('id')!, set.number('local_group_id')!])),
        exported: new Set(exported.map((set) => set.number('id')!)),
      };
    });
    this.#groups = new Set(this.#bridges.flatMap(({ groups }) => [...groups.values()]));
  }

  /** Tells samples until the returned function is called. Error: ERR_NO_FAMILY when the kernel has no family psample. */
  follow(callback: (sample: LocalSample) => void): () => void {
    const { datapath } = this.#context;
    if (datapath.support.psample && this.#reader === null)
      this.#reader = datapath.followSamples((sample) => this.#read(sample));
    this.#callbacks.add(callback);
    return () => {
      this.#callbacks.delete(callback);
      if (this.#callbacks.size === 0) this.#stop();
    };
  }

  /**
   * A flow sample that came up. True when it is for local readers alone. Where the datapath has psample, what comes up is for IPFIX.
   */
  sample(batch: UpcallBatch, row: number): boolean {
    if (this.#bridges.length === 0 || this.#context.datapath.support.psample) return false;
    const at = batch.rows[row * UPCALL_ROW_WORDS + UPCALL_USERDATA_OFF];
    const found = this.#bridges.find(({ bridge }) => cookieUuidIs(batch.slab, at, bridge.uuid));
    if (found === undefined) return false;
    this.#cookie.readFlowSample(batch.slab, at);
    const { collectorSetId } = this.#cookie;
    const group = found.groups.get(collectorSetId);
    if (group === undefined) return false;
    if (this.#callbacks.size > 0) this.#tell(this.#ofUpcall(found.bridge, group, batch, row));
    return !found.exported.has(collectorSetId);
  }

  /** Idempotent. */
  close(): void {
    this.#callbacks.clear();
    this.#stop();
  }

  #stop(): void {
    const reader = this.#reader;
    if (reader === null) return;
    this.#counters.local_lost += reader.lost;
    this.#counters.local_malformed += reader.malformed;
    this.#reader = null;
    reader.close();
  }

  #read(sample: PacketSample): void {
    if (!this.#groups.has(sample.group)) return;
    const { cookie } = sample;
    const known = cookie?.length === COOKIE_BYTES;
    const view = known ? new DataView(cookie.buffer, cookie.byteOffset) : null;
    this.#tell({
      ...sample,
      obsDomainId: view?.getUint32(0) ?? 0,
      obsPointId: view?.getUint32(4) ?? 0,
    });
  }

  /** What psample would have told. */
  #ofUpcall(bridge: Bridge, group: number, batch: UpcallBatch, row: number): LocalSample {
    const { inPort, probability, obsDomainId, obsPointId } = this.#cookie;
    const base = row * UPCALL_ROW_WORDS;
    const at = batch.rows[base + UPCALL_PACKET_OFF];
    const cookie = new Uint8Array(COOKIE_BYTES);
    const view = new DataView(cookie.buffer);
    view.setUint32(0, obsDomainId);
    view.setUint32(4, obsPointId);
    return {
      ...{ group, cookie, obsDomainId, obsPointId },
      probability: probability / ALL_OF_ACTION,
      ifindex: bridge.ports.get(inPort)?.ifindex ?? 0,
      outIfindex: 0,
      size: batch.rows[base + UPCALL_WIRE_LEN],
      packet: batch.slab.slice(at, at + batch.rows[base + UPCALL_PACKET_LEN]),
    };
  }

  #tell(sample: LocalSample): void {
    this.#counters.local++;
    for (const callback of this.#callbacks) callback(sample);
  }
}

function localSets(configuration: Configuration, bridge: Row): Row[] {
  return configuration
    .rows('Flow_Sample_Collector_Set')
    .filter((set) => set.text('bridge') === bridge.uuid && set.number('local_group_id') !== null);
}
