import type { ActionOf, Outcome } from './handler.js';
import type { Pass } from './pass.js';

/** Samples the packet for the bridge's sFlow and IPFIX before anything else is done. What it gives goes to `fixSampling`. */
export function sampleIngress(_pass: Pass): number {
  return -1;
}

/** Fills in the cookie that `sampleIngress` wrote, now that the outputs are known. */
export function fixSampling(_pass: Pass, _sample: number): void {}

/** Samples the packet for the bridge's IPFIX before it leaves by a datapath port. */
export function sampleEgress(_pass: Pass, _odpPort: number): void {}

export function actSample(pass: Pass, _action: ActionOf<'sample'>): Outcome {
  pass.note('no collector set, packet is not sampled');
  return 'continue';
}
