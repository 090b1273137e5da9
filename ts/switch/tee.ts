import type { SampleSink } from '../upcall/index.js';
import type { FlowStatsSink } from '../xlate/index.js';

/** Samples go to both. */
export function teeSamples(one: SampleSink, other: SampleSink | undefined): SampleSink {
  if (other === undefined) return one;
  return {
    sample(kind, batch, row) {
      one.sample(kind, batch, row);
      other.sample(kind, batch, row);
    },
  };
}

/** Statistics of flows go to both. */
export function teeFlowStats(one: FlowStatsSink, other: FlowStatsSink | undefined): FlowStatsSink {
  if (other === undefined) return one;
  return {
    counted(flow, packets, bytes, tcpFlags, used) {
      one.counted(flow, packets, bytes, tcpFlags, used);
      other.counted(flow, packets, bytes, tcpFlags, used);
    },
    ended(flow) {
      one.ended(flow);
      other.ended(flow);
    },
  };
}
