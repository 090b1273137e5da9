import {
  OVS_DP_ATTR_IFINDEX,
  OVS_DP_ATTR_MASKS_CACHE_SIZE,
  OVS_DP_ATTR_MEGAFLOW_STATS,
  OVS_DP_ATTR_NAME,
  OVS_DP_ATTR_PAD,
  OVS_DP_ATTR_PER_CPU_PIDS,
  OVS_DP_ATTR_STATS,
  OVS_DP_ATTR_UPCALL_PID,
  OVS_DP_ATTR_USER_FEATURES,
  OVS_DP_CMD_DEL,
  OVS_DP_CMD_GET,
  OVS_DP_CMD_NEW,
  OVS_DP_CMD_SET,
} from '../fields/index.js';
import type { GenlFamily } from '../genl/index.js';
import { AttributeCursor, type NetlinkClient, NLM_F_ACK, NLM_F_DUMP, NLM_F_ECHO } from '../netlink/index.js';
import { OVS_HDRLEN, ovsDpIfindex } from './families.js';
import { FamilyRequests } from './family-requests.js';

/** The last attribute of an upcall may lack its padding. */
export const OVS_DP_F_UNALIGNED = 1;
/** A vport may have several upcall port ids. */
export const OVS_DP_F_VPORT_PIDS = 2;
export const OVS_DP_F_TC_RECIRC_SHARING = 4;
/** The CPU chooses the port id of an upcall. */
export const OVS_DP_F_DISPATCH_UPCALL_PER_CPU = 8;

/** A datapath as it describes itself. */
export interface DatapathInfo {
  readonly name: string;
  readonly ifindex: number;
  /** OVS_DP_F_* bits. */
  readonly userFeatures: number;
  /** Packets that matched a flow, that did not, and upcalls that were lost: struct ovs_dp_stats. */
  readonly hit: number;
  readonly missed: number;
  readonly lost: number;
  readonly flows: number;
  /** Masks tried in all lookups together, masks in use, answers of the mask cache: struct ovs_dp_megaflow_stats. */
  readonly maskHits: number;
  readonly masks: number;
  readonly cacheHits: number;
  /** Entries of the mask cache per CPU, 0 when it is off or not reported. */
  readonly masksCacheSize: number;
  /** Upcall port ids by CPU; empty without per-CPU dispatch. */
  readonly perCpuPids: readonly number[];
}

/** What a datapath can be told. */
export interface DatapathSettings {
  readonly userFeatures?: number;
  /** Upcall port id by CPU number. */
  readonly perCpuPids?: readonly number[];
  /** 0 or a power of two up to 4,096. */
  readonly masksCacheSize?: number;
}

const NAMES: string[] = [];
NAMES[OVS_DP_ATTR_NAME] = 'OVS_DP_ATTR_NAME';
NAMES[OVS_DP_ATTR_STATS] = 'OVS_DP_ATTR_STATS';
NAMES[OVS_DP_ATTR_MEGAFLOW_STATS] = 'OVS_DP_ATTR_MEGAFLOW_STATS';
NAMES[OVS_DP_ATTR_USER_FEATURES] = 'OVS_DP_ATTR_USER_FEATURES';
NAMES[OVS_DP_ATTR_PAD] = 'OVS_DP_ATTR_PAD';
NAMES[OVS_DP_ATTR_MASKS_CACHE_SIZE] = 'OVS_DP_ATTR_MASKS_CACHE_SIZE';
NAMES[OVS_DP_ATTR_PER_CPU_PIDS] = 'OVS_DP_ATTR_PER_CPU_PIDS';
NAMES[OVS_DP_ATTR_IFINDEX] = 'OVS_DP_ATTR_IFINDEX';

/** Reads OVS_DP_CMD_NEW. Error: ERR_NETLINK_MALFORMED. */
export function decodeDatapath(message: Uint8Array): DatapathInfo {
  let name = '';
  let userFeatures = 0;
  let masksCacheSize = 0;
  let perCpuPids: readonly number[] = [];
  let [hit, missed, lost, flows] = [0, 0, 0, 0];
  let [maskHits, masks, cacheHits] = [0, 0, 0];
  const cursor = new AttributeCursor(message, OVS_HDRLEN, 'ovs_datapath', NAMES);
  while (cursor.next()) {
    if (cursor.type === OVS_DP_ATTR_NAME) name = cursor.string();
    else if (cursor.type === OVS_DP_ATTR_USER_FEATURES) userFeatures = cursor.u32();
    else if (cursor.type === OVS_DP_ATTR_MASKS_CACHE_SIZE) masksCacheSize = cursor.u32();
    else if (cursor.type === OVS_DP_ATTR_PER_CPU_PIDS) perCpuPids = cursor.u32s();
    else if (cursor.type === OVS_DP_ATTR_STATS) [hit, missed, lost, flows] = cursor.u64s(4);
    else if (cursor.type === OVS_DP_ATTR_MEGAFLOW_STATS) {
      masks = cursor.u32At(8);
      // Before Linux 5.9 the struct ended after the masks (and 12 bytes of padding, now used).
      if (cursor.length >= 24) [maskHits, , cacheHits] = cursor.u64s(3);
      else [maskHits] = cursor.u64s(1);
    }
  }
  cursor.check();
  const ifindex = ovsDpIfindex(message);
  // biome-ignore format: one line for each struct.
  return {
    name, ifindex, userFeatures,
    hit, missed, lost, flows,
    maskHits, masks, cacheHits,
    masksCacheSize, perCpuPids,
  };
}

/** Makes, asks, changes and deletes datapaths. All methods throw NetlinkError. */
export class DatapathClient {
  readonly #requests: FamilyRequests;

  constructor(client: NetlinkClient, family: GenlFamily) {
    this.#requests = new FamilyRequests(client, family);
  }

  /** Makes a datapath with its local port. EEXIST when there is a datapath or device of that name. */
  create(name: string, userFeatures: number): DatapathInfo {
    const request = this.#requests
      .begin(OVS_DP_CMD_NEW, NLM_F_ECHO | NLM_F_ACK)
      .string(OVS_DP_ATTR_NAME, name)
      // The local port gets its port ids with those of all ports; until then it makes no upcalls.
      .u32(OVS_DP_ATTR_UPCALL_PID, 0)
      .u32(OVS_DP_ATTR_USER_FEATURES, userFeatures)
      .finish();
    return decodeDatapath(this.#requests.one(request, `create datapath ${name}`, OVS_DP_CMD_NEW));
  }

  /** By name or interface index. ENODEV when there is none. */
  get(which: string | number): DatapathInfo {
    const builder = this.#requests.begin(
      OVS_DP_CMD_GET,
      NLM_F_ACK,
      typeof which === 'number' ? which : undefined,
    );
    if (typeof which === 'string') builder.string(OVS_DP_ATTR_NAME, which);
    return decodeDatapath(this.#requests.one(builder.finish(), `get datapath ${which}`, OVS_DP_CMD_GET));
  }

  /** All datapaths of the network namespace. */
  list(): DatapathInfo[] {
    const request = this.#requests.begin(OVS_DP_CMD_GET, NLM_F_DUMP).finish();
    return this.#requests.all(request, 'list datapaths', OVS_DP_CMD_GET).map(decodeDatapath);
  }

  /** One feature bit that the datapath does not know fails the whole request (EOPNOTSUPP, EINVAL). */
  set(ifindex: number, settings: DatapathSettings): DatapathInfo {
    const builder = this.#requests.begin(OVS_DP_CMD_SET, NLM_F_ECHO | NLM_F_ACK, ifindex);
    const { userFeatures, perCpuPids, masksCacheSize } = settings;
    if (userFeatures !== undefined) builder.u32(OVS_DP_ATTR_USER_FEATURES, userFeatures);
    if (masksCacheSize !== undefined) builder.u32(OVS_DP_ATTR_MASKS_CACHE_SIZE, masksCacheSize);
    if (perCpuPids !== undefined) builder.u32s(OVS_DP_ATTR_PER_CPU_PIDS, perCpuPids);
    return decodeDatapath(this.#requests.one(builder.finish(), 'set datapath', OVS_DP_CMD_SET));
  }

  /** Deletes a datapath, its ports and flows. */
  remove(ifindex: number): void {
    const request = this.#requests.begin(OVS_DP_CMD_DEL, NLM_F_ACK, ifindex).finish();
    this.#requests.all(request, 'delete datapath', OVS_DP_CMD_DEL);
  }
}
