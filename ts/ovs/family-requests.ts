import type { GenlFamily } from '../genl/index.js';
import { MessageBuilder, type NetlinkClient } from '../netlink/index.js';
import { beginOvs } from './families.js';

/** Builds and sends the requests of one client to one of the families. */
export class FamilyRequests {
  readonly #client: NetlinkClient;
  readonly #family: GenlFamily;
  readonly #dpIfindex: number;
  readonly #builder = new MessageBuilder();

  /** `dpIfindex` is the datapath of requests that name no other. */
  constructor(client: NetlinkClient, family: GenlFamily, dpIfindex = 0) {
    this.#client = client;
    this.#family = family;
    this.#dpIfindex = dpIfindex;
  }

  /** Starts a request; it ends the one before. */
  begin(cmd: number, flags: number, dpIfindex = this.#dpIfindex): MessageBuilder {
    return beginOvs(this.#builder, this.#family, cmd, flags, dpIfindex);
  }

  /** Sends a request and waits for its answers; `op` names it in a NetlinkError. */
  all(request: Uint8Array, op: string, cmd: number): Uint8Array[] {
    return this.#client.transact(request, this.#info(op, cmd)).map(({ bytes }) => bytes);
  }

  /** The same for a request with just one answer. */
  one(request: Uint8Array, op: string, cmd: number): Uint8Array {
    return this.#client.transactOne(request, this.#info(op, cmd)).bytes;
  }

  #info(op: string, cmd: number): { op: string; family: string; cmd: number } {
    return { op, family: this.#family.name, cmd };
  }
}
