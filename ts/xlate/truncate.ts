import { F_IN_PORT } from '../fields/index.js';
import { formatPort } from '../openflow/index.js';
import type { Outcome } from './handler.js';
import { outputToPort } from './output.js';
import type { Pass } from './pass.js';
import { SLOW_ACTION } from './types.js';

/**
 * Outputs the first `maxLen` bytes to one port (OVS: output(port=…,max_len=…)). Only ports of the datapath that are not the one the packet
 * came from: a truncation that no output follows would hit the next one.
 */
export function outputTruncated(pass: Pass, ofport: number, maxLen: number): Outcome {
  if (ofport === pass.flow[F_IN_PORT]) {
    pass.note('skipping output to input port', 'warn');
    return 'continue';
  }
  const port = pass.bridge.ports.get(ofport);
  if (port === undefined || port.peer !== null) {
    if (pass.tracer !== null)
      pass.note(`output_trunc does not support patch port ${formatPort(ofport)}`, 'error');
    return 'continue';
  }
  pass.writer.trunc(maxLen);
  outputToPort(pass, port);
  if (!pass.snapshot.support.truncate) pass.slow |= SLOW_ACTION;
  return 'continue';
}
