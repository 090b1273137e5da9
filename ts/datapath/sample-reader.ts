import { SlowpathError } from '../errors/index.js';
import { lookupFamily } from '../genl/index.js';
import type { Channel } from '../native/index.js';
import { type NetlinkClient, parseMessages } from '../netlink/index.js';
import {
  decodeSample,
  ovsCommand,
  type PacketSample,
  PSAMPLE_CMD_SAMPLE,
  PSAMPLE_FAMILY,
  PSAMPLE_MCGROUP,
} from '../ovs/index.js';

/** Somebody who reads samples. */
export interface SampleReader {
  /** Samples that the receive buffer had no room for. */
  readonly lost: number;
  /** Messages that are no samples, dropped. */
  readonly malformed: number;
  /** Idempotent. */
  close(): void;
}

/** Joins the multicast group of samples. `onClose`: called by each `close`. Error: ERR_NO_FAMILY. */
export function readSamples(
  client: NetlinkClient,
  openGroup: (group: number) => Channel,
  callback: (sample: PacketSample) => void,
  onClose: () => void,
): SampleReader {
  const family = lookupFamily(client, PSAMPLE_FAMILY);
  const group = family.groups.get(PSAMPLE_MCGROUP);
  if (group === undefined)
    throw new SlowpathError('ERR_NO_FAMILY', `family ${PSAMPLE_FAMILY} has no group ${PSAMPLE_MCGROUP}`);
  const channel = openGroup(group);
  let malformed = 0;
  channel.startMessages((datagram) => {
    for (const { type, bytes } of parseMessages(datagram)) {
      if (type !== family.id || ovsCommand(bytes) !== PSAMPLE_CMD_SAMPLE) continue;
      const sample = decodeSample(bytes);
      if (sample === null) malformed++;
      else callback(sample);
    }
  });
  return {
    get lost() {
      return channel.counters().lost;
    },
    get malformed() {
      return malformed;
    },
    close() {
      channel.close();
      onClose();
    },
  };
}
