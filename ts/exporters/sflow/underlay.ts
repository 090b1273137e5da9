import { SlowpathError } from '../../errors/index.js';
import type { RouteClient } from '../../netlink/index.js';
import { fnv1a, sameWords } from '../../util/index.js';
import type { TunnelHeader } from '../tunnel-header.js';

/** Ends of tunnels that are kept track of. */
const CAPACITY = 1024;
const BUCKETS = 256;
/** Milliseconds that an answer counts, and that an end is kept of which nothing is sampled. */
const FRESH_MS = 1000;
const IDLE_MS = 60_000;
/** Ends that are asked for in one tick; so upcalls wait a few milliseconds at most. */
const ASKED_AT_ONCE = 32;
/** Words of a question: the far address, the near one (0 for the route's choice), four words each; type of service and IP version; mark. */
const FAR = 0;
const NEAR = 4;
const TOS = 8;
const MARK = 9;
const WORDS = 10;
const IS_IPV6 = 0x100;
/** Bits of a type of service that routes depend on. */
const DSCP = 0xfc;
const MAC_BYTES = 6;

/** Ethernet addresses of the link that packets of a tunnel go by, six bytes each. */
export interface UnderlayLink {
  /** Of the device that the route leaves by. */
  readonly near: Uint8Array;
  /** Of the neighbour that is the next hop. */
  readonly far: Uint8Array;
}

interface End {
  readonly question: Int32Array;
  /** null while it is not known. */
  link: UnderlayLink | null;
  /** Monotonic milliseconds. */
  askedAt: number;
  usedAt: number;
}

/**
 * Finds the outer Ethernet addresses of tunnels' packets, which no datapath tells: by the route to the far end, the device that it leaves by, and the neighbour
 * that is the next hop. Samples read a table; the kernel is asked in between (`tick`), about each end that was sampled in the last minute once a second.
 */
export class Underlay {
  readonly #route: RouteClient;
  readonly #counters: { outer_unknown: number };
  readonly #buckets: readonly End[][] = Array.from({ length: BUCKETS }, () => []);
  readonly #question = new Int32Array(WORDS);
  #size = 0;
  #nextBucket = 0;

  /** `counters`: links that were looked for and are not known. */
  constructor(route: RouteClient, counters: { outer_unknown: number }) {
    this.#route = route;
    this.#counters = counters;
  }

  /** Ends that are kept track of. */
  get size(): number {
    return this.#size;
  }

  /**
   * The link that a packet leaves by in this encapsulation (egress, with the mark that it has then), or that an answer to one that came would leave by
   * (ingress). null, and counted, when it is not known (yet): the next tick asks, while there is room. `now`: monotonic milliseconds.
   */
  find(
    direction: 'ingress' | 'egress',
    tunnel: TunnelHeader,
    mark: number,
    now: number,
  ): UnderlayLink | null {
    const link = this.#end(direction, tunnel, mark, now)?.link ?? null;
    if (link === null) this.#counters.outer_unknown++;
    return link;
  }

  /** Asks about the ends that are new or were asked for a while ago, some of them if they are many, and forgets those that are not used any more. */
  tick(now: number): void {
    for (let i = 0, asked = 0; i < BUCKETS && asked < ASKED_AT_ONCE; i++) {
      const bucket = this.#buckets[this.#nextBucket];
      this.#nextBucket = (this.#nextBucket + 1) % BUCKETS;
      asked += this.#refresh(bucket, now);
    }
  }

  /** null when there is no room for it. */
  #end(direction: 'ingress' | 'egress', tunnel: TunnelHeader, mark: number, now: number): End | null {
    const question = this.#question;
    const isEgress = direction === 'egress';
    putAddress(question, isEgress ? FAR : NEAR, tunnel.dst, tunnel.dst6);
    putAddress(question, isEgress ? NEAR : FAR, tunnel.src, tunnel.src6);
    question[TOS] = (isEgress ? tunnel.tos & DSCP : 0) | (tunnel.isIpv6 ? IS_IPV6 : 0);
    question[MARK] = isEgress ? mark : 0;
    const bucket = this.#buckets[folded(fnv1a(question)) & (BUCKETS - 1)];
    for (const end of bucket) {
      if (!sameWords(end.question, question)) continue;
      end.usedAt = now;
      return end;
    }
    if (this.#size === CAPACITY) return null;
    const end = { question: question.slice(), link: null, askedAt: Number.NEGATIVE_INFINITY, usedAt: now };
    bucket.push(end);
    this.#size++;
    return end;
  }

  /** The questions asked. */
  #refresh(bucket: End[], now: number): number {
    let asked = 0;
    for (let i = bucket.length - 1; i >= 0; i--) {
      const end = bucket[i];
      if (now - end.usedAt > IDLE_MS) {
        bucket.splice(i, 1);
        this.#size--;
      } else if (now - end.askedAt >= FRESH_MS) {
        end.askedAt = now;
        end.link = this.#ask(end.question);
        asked++;
      }
    }
    return asked;
  }

  #ask(question: Int32Array): UnderlayLink | null {
    const bytes = (question[TOS] & IS_IPV6) === 0 ? 4 : 16;
    const source = addressOf(question, NEAR, bytes);
    try {
      const hop = this.#route.nextHop({
        destination: addressOf(question, FAR, bytes),
        source: source.some((byte) => byte !== 0) ? source : null,
        tos: question[TOS] & DSCP,
        mark: question[MARK],
      });
      if (hop === null) return null;
      const near = this.#route.findLink(hop.ifindex)?.mac;
      const far = this.#route.neighbour(hop);
      return near?.length === MAC_BYTES && far?.length === MAC_BYTES ? { near, far } : null;
    } catch (error) {
      // No answer now: as if there were no route.
      if (error instanceof SlowpathError) return null;
      throw error;
    }
  }
}

function putAddress(question: Int32Array, at: number, ipv4: number, ipv6: Int32Array): void {
  for (let i = 0; i < 4; i++) question[at + i] = ipv6[i];
  if (ipv4 !== 0) question[at] = ipv4;
}

/** `bytes`: 4 or 16. */
function addressOf(question: Int32Array, at: number, bytes: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  for (let i = 0; i < bytes; i += 4) view.setInt32(i, question[at + i / 4]);
  return new Uint8Array(view.buffer);
}

/** A hash with its upper bits folded into the lower ones, by which buckets are chosen. */
function folded(hash: number): number {
  return hash ^ (hash >>> 16) ^ (hash >>> 8);
}
