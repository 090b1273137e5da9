/** Bounds of the flow limit (OVS: ofproto/flow-limit and the constants of ofproto-dpif-upcall.c). */
export const FLOW_LIMIT_START = 10_000;
export const FLOW_LIMIT_MAX = 200_000;
export const FLOW_LIMIT_FLOOR = 1_000;
/** How long an answer of the datapath holds (OVS: udpif_get_n_flows). */
const LOOK_MS = 100;

/**
 * How many flows the datapath may hold. Falls when a dump takes too long and grows while dumps are quick, as OVS's
 * revalidator leader does, so that revalidation always keeps up with what is installed.
 */
export class FlowLimit {
  /** Flows that may be installed now. */
  limit: number;
  /** Flows in the datapath when last looked at. */
  flows = 0;
  /** Flows on average, the last dumps counting most, and at most (OVS: avg_n_flows, max_n_flows). */
  average = 0;
  peak = 0;

  #max: number;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(max = FLOW_LIMIT_MAX) {
    this.#max = max;
    this.limit = Math.min(FLOW_LIMIT_START, max);
  }

  /** What the limit never exceeds (flow-limit). May be changed at any time; a lower one holds at once. */
  get max(): number {
    return this.#max;
  }

  set max(flows: number) {
    this.#max = flows;
    this.limit = Math.min(this.limit, flows);
  }

  /** Asks how many flows the datapath has, unless that was asked less than 100 ms before `now`. */
  look(now: number, count: () => number): void {
    if (now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    this.flows = count();
  }

  /** Learns from a dump that took `durationMs` and showed `flows` flows. */
  afterDump(durationMs: number, flows: number): void {
    const duration = Math.max(durationMs, 1);
    this.average = Math.trunc((flows + this.average) / 2);
    this.peak = Math.max(this.peak, flows);
    let limit = this.limit;
    if (duration > 2000) {
      limit = Math.trunc(limit / Math.trunc(duration / 1000));
    } else if (duration > 1300) {
      limit = Math.trunc((limit * 3) / 4);
    } else if (duration < 1000 && limit < (flows * 1000) / duration) {
      limit += 1000;
    }
    this.limit = Math.min(this.max, Math.max(limit, FLOW_LIMIT_FLOOR));
  }
}
