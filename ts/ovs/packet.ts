import {
  OVS_PACKET_ATTR_ACTIONS,
  OVS_PACKET_ATTR_KEY,
  OVS_PACKET_ATTR_PACKET,
  OVS_PACKET_ATTR_PROBE,
  OVS_PACKET_CMD_EXECUTE,
} from '../fields/index.js';
import type { GenlFamily } from '../genl/index.js';
import { type NetlinkClient, NLM_F_ACK } from '../netlink/index.js';
import { FamilyRequests } from './family-requests.js';

/** A packet to run through actions. */
export interface PacketExecute {
  /** Ethernet frame, at least 14 bytes. */
  readonly packet: Uint8Array;
  /** Key attributes with the packet's metadata (in_port, skb_mark, tunnel…); the rest is extracted from the packet. */
  readonly key: Uint8Array;
  /** Action attributes. */
  readonly actions: Uint8Array;
  /** Try only: the kernel does not log why it refuses. */
  readonly probe?: boolean;
}

/** Executes single packets and waits for the verdict. The slow path submits batches through Channel.submit instead. */
export class PacketClient {
  readonly #requests: FamilyRequests;

  constructor(client: NetlinkClient, family: GenlFamily, dpIfindex: number) {
    this.#requests = new FamilyRequests(client, family, dpIfindex);
  }

  /** Throws NetlinkError, EINVAL for actions that the datapath does not accept. */
  execute(request: PacketExecute): void {
    const builder = this.#requests
      .begin(OVS_PACKET_CMD_EXECUTE, NLM_F_ACK)
      .bytes(OVS_PACKET_ATTR_PACKET, request.packet)
      .bytes(OVS_PACKET_ATTR_KEY, request.key)
      .bytes(OVS_PACKET_ATTR_ACTIONS, request.actions);
    if (request.probe) builder.flag(OVS_PACKET_ATTR_PROBE);
    this.#requests.all(builder.finish(), 'execute packet', OVS_PACKET_CMD_EXECUTE);
  }
}
