import type { Configuration, Row } from '../config/index.js';

/**
 * DSCP (in place, the low two bits 0) that packets of a port's queues leave with, by skb_priority; null when no queue of its QoS has
 * one. `queuePriority` is the datapath's name for a queue, -1 for none.
 */
export function queueDscps(
  configuration: Configuration,
  port: Row,
  queuePriority: (queue: number) => number,
): ReadonlyMap<number, number> | null {
  const [qos] = configuration.referred(port, 'qos');
  if (qos === undefined || qos.text('type') === '') return null;
  const dscps = new Map<number, number>();
  for (const [number, uuid] of qos.map('queues')) {
    const dscp = configuration.row('Queue', uuid as string)?.number('dscp') ?? null;
    const priority = queuePriority(number as number);
    if (dscp !== null && priority !== -1) dscps.set(priority, dscp << 2);
  }
  return dscps.size === 0 ? null : dscps;
}
