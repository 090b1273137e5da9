import type { GenlFamily } from '../genl/index.js';
import { AttributeCursor, type NetlinkClient, NLM_F_ACK } from '../netlink/index.js';
import { OVS_HDRLEN } from './families.js';
import { FamilyRequests } from './family-requests.js';

export const OVS_METER_FAMILY = 'ovs_meter';

/* <linux/openvswitch.h>: enum ovs_meter_cmd, ovs_meter_attr, ovs_band_attr, ovs_meter_band_type. */
const OVS_METER_CMD_FEATURES = 1;
const OVS_METER_CMD_SET = 2;
const OVS_METER_CMD_DEL = 3;
const OVS_METER_CMD_GET = 4;
const OVS_METER_ATTR_ID = 1;
const OVS_METER_ATTR_KBPS = 2;
const OVS_METER_ATTR_STATS = 3;
const OVS_METER_ATTR_BANDS = 4;
const OVS_METER_ATTR_MAX_METERS = 7;
const OVS_METER_ATTR_MAX_BANDS = 8;
const OVS_BAND_ATTR_TYPE = 1;
const OVS_BAND_ATTR_RATE = 2;
const OVS_BAND_ATTR_BURST = 3;
const OVS_BAND_ATTR_STATS = 4;
const OVS_METER_BAND_TYPE_DROP = 1;

const NAMES: string[] = [];
NAMES[OVS_METER_ATTR_ID] = 'OVS_METER_ATTR_ID';
NAMES[OVS_METER_ATTR_STATS] = 'OVS_METER_ATTR_STATS';
NAMES[OVS_METER_ATTR_BANDS] = 'OVS_METER_ATTR_BANDS';
NAMES[OVS_METER_ATTR_MAX_METERS] = 'OVS_METER_ATTR_MAX_METERS';
NAMES[OVS_METER_ATTR_MAX_BANDS] = 'OVS_METER_ATTR_MAX_BANDS';

/** A band of a datapath meter: packets beyond it are dropped. */
export interface MeterBand {
  /** kbit/s or packets/s. */
  readonly rate: number;
  /** kbit or packets. */
  readonly burst: number;
}

/** How many meters a datapath can have, and how many bands each. */
export interface MeterFeatures {
  readonly maxMeters: number;
  readonly maxBands: number;
}

/** Packets and bytes: struct ovs_flow_stats. */
export interface MeterCount {
  readonly packets: number;
  readonly bytes: number;
}

/** What came to a meter, and what each of its bands dropped. */
export interface MeterStats extends MeterCount {
  readonly bands: readonly MeterCount[];
}

/** Makes and deletes the meters of one datapath. All methods throw NetlinkError. */
export class MeterClient {
  readonly #requests: FamilyRequests;

  constructor(client: NetlinkClient, family: GenlFamily, dpIfindex: number) {
    this.#requests = new FamilyRequests(client, family, dpIfindex);
  }

  /** What the datapath can do. */
  features(): MeterFeatures {
    let maxMeters = 0;
    let maxBands = 0;
    const request = this.#requests.begin(OVS_METER_CMD_FEATURES, NLM_F_ACK).finish();
    this.#answer(request, 'meter features', OVS_METER_CMD_FEATURES, (cursor) => {
      if (cursor.type === OVS_METER_ATTR_MAX_METERS) maxMeters = cursor.u32();
      else if (cursor.type === OVS_METER_ATTR_MAX_BANDS) maxBands = cursor.u32();
    });
    return { maxMeters, maxBands };
  }

  /** Makes a meter, or puts another in its place. EINVAL for bands that the datapath has not, EFBIG for too many meters. */
  set(id: number, isKbps: boolean, bands: readonly MeterBand[]): void {
    const builder = this.#requests.begin(OVS_METER_CMD_SET, NLM_F_ACK).u32(OVS_METER_ATTR_ID, id);
    if (isKbps) builder.flag(OVS_METER_ATTR_KBPS);
    builder.nest(OVS_METER_ATTR_BANDS, (list) => {
      for (const { rate, burst } of bands) {
        list.nest(0, (band) => {
          band
            .u32(OVS_BAND_ATTR_TYPE, OVS_METER_BAND_TYPE_DROP)
            .u32(OVS_BAND_ATTR_RATE, rate)
            .u32(OVS_BAND_ATTR_BURST, burst);
        });
      }
    });
    this.#requests.all(builder.finish(), `set meter ${id}`, OVS_METER_CMD_SET);
  }

  /** Deletes a meter; one that is not there is no error. */
  remove(id: number): void {
    this.#requests.all(
      this.#requests.begin(OVS_METER_CMD_DEL, NLM_F_ACK).u32(OVS_METER_ATTR_ID, id).finish(),
      `delete meter ${id}`,
      OVS_METER_CMD_DEL,
    );
  }

  /** Statistics of a meter since it was made. ENOENT when there is none. */
  get(id: number): MeterStats {
    let total: MeterCount = { packets: 0, bytes: 0 };
    const bands: MeterCount[] = [];
    const request = this.#requests.begin(OVS_METER_CMD_GET, NLM_F_ACK).u32(OVS_METER_ATTR_ID, id).finish();
    this.#answer(request, `get meter ${id}`, OVS_METER_CMD_GET, (cursor) => {
      if (cursor.type === OVS_METER_ATTR_STATS) total = count(cursor);
      else if (cursor.type === OVS_METER_ATTR_BANDS) bands.push(...bandCounts(cursor));
    });
    return { ...total, bands };
  }

  /** Walks the attributes of the answer to a request. */
  #answer(request: Uint8Array, op: string, cmd: number, visit: (cursor: AttributeCursor) => void): void {
    for (const bytes of this.#requests.all(request, op, cmd)) {
      const cursor = new AttributeCursor(bytes, OVS_HDRLEN, OVS_METER_FAMILY, NAMES);
      while (cursor.next()) visit(cursor);
      cursor.check();
    }
  }
}

function count(cursor: AttributeCursor): MeterCount {
  const [packets, bytes] = cursor.u64s(2);
  return { packets, bytes };
}

function bandCounts(list: AttributeCursor): MeterCount[] {
  const counts: MeterCount[] = [];
  const band = list.nested();
  while (band.next()) {
    const member = band.nested();
    while (member.next()) if (member.type === OVS_BAND_ATTR_STATS) counts.push(count(member));
    member.check();
  }
  band.check();
  return counts;
}
