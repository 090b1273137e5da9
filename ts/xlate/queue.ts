import { F_IN_PORT, F_SKB_PRIORITY } from '../fields/index.js';
import { OFPP_IN_PORT } from '../openflow/index.js';
import { outputTo } from './actions-output.js';
import type { ActionOf, Outcome } from './handler.js';
import { outputToNumber } from './output.js';
import type { Pass } from './pass.js';
import { NETFLOW_DROP, NETFLOW_FLOOD, NETFLOW_MULTI } from './types.js';

/** Packets of the flow have the priority `priority` from here on. */
function setPriority(pass: Pass, priority: number): void {
  pass.touch(F_SKB_PRIORITY);
  pass.flow[F_SKB_PRIORITY] = priority;
}

export function actSetQueue(pass: Pass, action: ActionOf<'set_queue'>): Outcome {
  pass.mask[F_SKB_PRIORITY] = -1;
  const priority = pass.snapshot.queuePriority(action.queue);
  if (priority === -1) pass.note('Failed to translate queue to priority', 'warn');
  else setPriority(pass, priority);
  return 'continue';
}

export function actPopQueue(pass: Pass): Outcome {
  pass.mask[F_SKB_PRIORITY] = -1;
  const changes = pass.flow[F_SKB_PRIORITY] !== pass.originalPriority;
  setPriority(pass, pass.originalPriority);
  if (changes && pass.tracer !== null) pass.note(`queue = ${alternateHex(pass.originalPriority)}`);
  return 'continue';
}

/** As printf's %#x. */
function alternateHex(value: number): string {
  return value === 0 ? '0' : `0x${(value >>> 0).toString(16)}`;
}

/** Output to one port through one of its queues. A queue that the datapath cannot name is left out. */
export function actEnqueue(pass: Pass, action: ActionOf<'enqueue'>): Outcome {
  pass.mask[F_SKB_PRIORITY] = -1;
  const priority = pass.snapshot.queuePriority(action.queue);
  if (priority === -1) return outputTo(pass, action.port, 0, false);
  const inPort = pass.flow[F_IN_PORT];
  if (action.port === inPort) return 'continue';
  const before = pass.flow[F_SKB_PRIORITY];
  setPriority(pass, priority);
  const earlier = pass.netflowOutput;
  const port = action.port === OFPP_IN_PORT ? inPort : action.port;
  outputToNumber(pass, port);
  if (earlier === NETFLOW_DROP) pass.netflowOutput = port;
  else pass.netflowOutput = earlier === NETFLOW_FLOOD ? NETFLOW_FLOOD : NETFLOW_MULTI;
  pass.flow[F_SKB_PRIORITY] = before;
  return 'continue';
}

/** A meter that the switch has not got lets everything pass. */
export function actMeter(pass: Pass, action: ActionOf<'meter'>): Outcome {
  const meter = pass.bridge.meters.get(action.meter);
  if (meter !== undefined) pass.writer.meter(meter);
  return 'continue';
}
