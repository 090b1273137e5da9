import { SlowpathError } from '../errors/index.js';
import type { MeterBand, MeterClient, MeterFeatures, MeterStats } from '../ovs/index.js';

/** What a datapath meter is made from; MeterSpec of the openflow folder is such. */
export interface MeterRequest {
  readonly unit: 'kbps' | 'pktps';
  /** The bands have bursts of their own. */
  readonly burst: boolean;
  readonly bands: readonly { readonly type: string; readonly rate: number; readonly burstSize: number }[];
}

function datapathBands(meter: MeterRequest): MeterBand[] {
  return meter.bands.map(({ type, rate, burstSize }) => {
    if (type !== 'drop') {
      throw new SlowpathError('ERR_METER_BAND', `the datapath has no ${type} bands: expected drop`);
    }
    // Without a burst a band lets pass what comes in a second (OVS: dpif_netlink_meter_set leaves it to the rate).
    return { rate, burst: meter.burst ? burstSize : rate };
  });
}

/** The meters of a datapath by number, of which it hands out the lowest free one, as OVS. */
export class DatapathMeters {
  /** How many meters and bands the datapath takes. */
  readonly features: MeterFeatures;
  readonly #client: () => MeterClient | null;
  readonly #made = new Map<number, MeterRequest>();

  /** `client`: asked for each request, since the datapath may be made again; null while there is none. */
  constructor(features: MeterFeatures, client: () => MeterClient | null) {
    this.features = features;
    this.#client = client;
  }

  /** Makes a meter, or changes meter `number`. Its number. A datapath that is gone gets it when it is back. Throws ERR_METER_BAND, NetlinkError. */
  set(meter: MeterRequest, number = this.#lowestFree()): number {
    const bands = datapathBands(meter);
    this.#client()?.set(number, meter.unit === 'kbps', bands);
    this.#made.set(number, meter);
    return number;
  }

  /** Deletes a meter. Of a datapath that is gone it has gone already. Throws NetlinkError. */
  remove(number: number): void {
    this.#made.delete(number);
    this.#client()?.remove(number);
  }

  /** What came to a meter and what its bands dropped; null while the datapath is gone. Throws NetlinkError. */
  stats(number: number): MeterStats | null {
    return this.#client()?.get(number) ?? null;
  }

  /** The datapath was made again: gives it the meters that it had. Throws NetlinkError. */
  restore(client: MeterClient): void {
    for (const [number, meter] of this.#made) {
      client.set(number, meter.unit === 'kbps', datapathBands(meter));
    }
  }

  #lowestFree(): number {
    let number = 0;
    while (this.#made.has(number)) number++;
    return number;
  }
}
