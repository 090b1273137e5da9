import { NetlinkError, SlowpathError } from '../errors/index.js';
import { AttributeCursor, MessageBuilder, type NetlinkClient, NLM_F_ACK } from '../netlink/index.js';
import { type GenlFamily, GENL_HDRLEN, lookupFamily } from './family.js';

// Numbers of <linux/ethtool_netlink.h>.
const ETHTOOL_FAMILY = 'ethtool';
const ETHTOOL_VERSION = 1;
const ETHTOOL_MSG_LINKMODES_GET = 4;
const ETHTOOL_A_LINKMODES_HEADER = 1;
const ETHTOOL_A_LINKMODES_SPEED = 5;
const ETHTOOL_A_LINKMODES_DUPLEX = 6;
const ETHTOOL_A_HEADER_DEV_INDEX = 1;
const SPEED_UNKNOWN = 0xffffffff;
const DUPLEXES = ['half', 'full'] as const;

/** How a network device is connected. */
export interface LinkMode {
  /** Mbit/s, null where the device does not say. */
  readonly speed: number | null;
  readonly duplex: (typeof DUPLEXES)[number] | null;
}

/** Asks network devices about their link by ethtool's generic netlink family (Linux 5.6 and later). */
export class EthtoolClient {
  readonly #client: NetlinkClient;
  readonly #builder = new MessageBuilder(64);
  /** Not looked up yet while undefined; null where the kernel has none. */
  #family: GenlFamily | null | undefined;

  /** Takes over the client. */
  constructor(client: NetlinkClient) {
    this.#client = client;
  }

  /** The link of a device by index; null where neither the kernel nor the device can tell. */
  linkMode(ifindex: number): LinkMode | null {
    this.#family ??= this.#lookup();
    if (this.#family === null) return null;
    const request = this.#builder
      .begin(this.#family.id, NLM_F_ACK)
      .genl(ETHTOOL_MSG_LINKMODES_GET, ETHTOOL_VERSION)
      .nest(ETHTOOL_A_LINKMODES_HEADER, (header) => header.u32(ETHTOOL_A_HEADER_DEV_INDEX, ifindex), true)
      .finish();
    const info = { op: `link mode of ${ifindex}`, family: ETHTOOL_FAMILY, cmd: ETHTOOL_MSG_LINKMODES_GET };
    try {
      return decodeLinkMode(this.#client.transactOne(request, info).bytes);
    } catch (error) {
      // No such device, or it has no ethtool operations: EOPNOTSUPP.
      if (error instanceof NetlinkError) return null;
      throw error;
    }
  }

  close(): void {
    this.#client.close();
  }

  #lookup(): GenlFamily | null {
    try {
      return lookupFamily(this.#client, ETHTOOL_FAMILY);
    } catch (error) {
      if (error instanceof SlowpathError && error.code === 'ERR_NO_FAMILY') return null;
      throw error;
    }
  }
}

/** Reads ETHTOOL_MSG_LINKMODES_GET_REPLY. Error: ERR_NETLINK_MALFORMED. */
function decodeLinkMode(message: Uint8Array): LinkMode {
  let [speed, duplex] = [SPEED_UNKNOWN, -1];
  const cursor = new AttributeCursor(message, GENL_HDRLEN, 'ethtool link modes');
  while (cursor.next()) {
    if (cursor.type === ETHTOOL_A_LINKMODES_SPEED) speed = cursor.u32();
    else if (cursor.type === ETHTOOL_A_LINKMODES_DUPLEX) duplex = cursor.u8();
  }
  cursor.check();
  return { speed: speed === SPEED_UNKNOWN ? null : speed, duplex: DUPLEXES[duplex] ?? null };
}
