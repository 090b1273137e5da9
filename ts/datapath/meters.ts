import { SlowpathError } from '../errors/index.js';
import type { MeterClient } from '../ovs/index.js';

/** What a datapath meter is made from; MeterSpec of the openflow folder is such. */
export interface MeterRequest {
  readonly unit: 'kbps' | 'pktps';
  /** The bands have bursts of their own. */
  readonly burst: boolean;
  readonly bands: readonly { readonly type: string; readonly rate: number; readonly burstSize: number }[];
}

/** The meters of a datapath by number, of which it hands out the lowest free one, as OVS. */
export class DatapathMeters {
  readonly #client: () => MeterClient;
  readonly #taken = new Set<number>();

  /** `client`: asked for each request, since the datapath may be made again. */
  constructor(client: () => MeterClient) {
    this.#client = client;
  }

  /** Makes a meter, or changes meter `number`. Its number. Throws ERR_METER_BAND, NetlinkError. */
  set(meter: MeterRequest, number?: number): number {
    const bands = meter.bands.map(({ type, rate, burstSize }) => {
      if (type !== 'drop') {
        throw new SlowpathError('ERR_METER_BAND', `the datapath has no ${type} bands: expected drop`);
      }
      // Without a burst a band lets pass what comes in a second (OVS: dpif_netlink_meter_set leaves it to the rate).
      return { rate, burst: meter.burst ? burstSize : rate };
    });
    const chosen = number ?? this.#lowestFree();
    this.#client().set(chosen, meter.unit === 'kbps', bands);
    this.#taken.add(chosen);
    return chosen;
  }

  remove(number: number): void {
    this.#client().remove(number);
    this.#taken.delete(number);
  }

  #lowestFree(): number {
    let number = 0;
    while (this.#taken.has(number)) number++;
    return number;
  }
}
