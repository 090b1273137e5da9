import type { GenlFamily } from '../genl/index.js';
import { MessageBuilder, type NetlinkClient, NLM_F_ACK } from '../netlink/index.js';
import { beginOvs } from './families.js';

export const OVS_METER_FAMILY = 'ovs_meter';

/* <linux/openvswitch.h>: enum ovs_meter_cmd, ovs_meter_attr, ovs_band_attr, ovs_meter_band_type. */
const OVS_METER_CMD_SET = 2;
const OVS_METER_CMD_DEL = 3;
const OVS_METER_ATTR_ID = 1;
const OVS_METER_ATTR_KBPS = 2;
const OVS_METER_ATTR_BANDS = 4;
const OVS_BAND_ATTR_TYPE = 1;
const OVS_BAND_ATTR_RATE = 2;
const OVS_BAND_ATTR_BURST = 3;
const OVS_METER_BAND_TYPE_DROP = 1;

/** A band of a datapath meter: packets beyond it are dropped. */
export interface MeterBand {
  /** kbit/s or packets/s. */
  readonly rate: number;
  /** kbit or packets. */
  readonly burst: number;
}

/** Makes and deletes the meters of one datapath. All methods throw NetlinkError. */
export class MeterClient {
  readonly #client: NetlinkClient;
  readonly #family: GenlFamily;
  readonly #dpIfindex: number;
  readonly #builder = new MessageBuilder();

  constructor(client: NetlinkClient, family: GenlFamily, dpIfindex: number) {
    this.#client = client;
    this.#family = family;
    this.#dpIfindex = dpIfindex;
  }

  /** Makes a meter, or puts another in its place. EINVAL for bands that the datapath has not, EFBIG for too many meters. */
  set(id: number, isKbps: boolean, bands: readonly MeterBand[]): void {
    const builder = this.#begin(OVS_METER_CMD_SET).u32(OVS_METER_ATTR_ID, id);
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
    this.#send(builder.finish(), `set meter ${id}`, OVS_METER_CMD_SET);
  }

  /** Deletes a meter; one that is not there is no error. */
  remove(id: number): void {
    this.#send(
      this.#begin(OVS_METER_CMD_DEL).u32(OVS_METER_ATTR_ID, id).finish(),
      `delete meter ${id}`,
      OVS_METER_CMD_DEL,
    );
  }

  #begin(cmd: number): MessageBuilder {
    return beginOvs(this.#builder, this.#family, cmd, NLM_F_ACK, this.#dpIfindex);
  }

  #send(request: Uint8Array, op: string, cmd: number): void {
    this.#client.transact(request, { op, family: this.#family.name, cmd });
  }
}
