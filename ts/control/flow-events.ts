import type { FlowEvent, FlowRemoved } from '../switch/index.js';

/** An event as one line for people. */
export function flowEventText(event: FlowEvent): string {
  const { ufid, flow, actions, packets, bytes, ageMs, reason } = event;
  const time = new Date(event.time).toISOString();
  const why = reason === undefined ? '' : ` (${reason})`;
  const figures = `age:${(ageMs / 1000).toFixed(3)}s, packets:${packets}, bytes:${bytes}`;
  return `${time} ${event.event}${why} ${ufid}, ${flow}, ${figures}, actions:${actions}`;
}

/** A rule that went as one line for people: the bridge, and the message as `ovs-ofctl monitor` prints it. */
export function flowRemovedText({ bridge, text }: FlowRemoved): string {
  return `${bridge}: OFPT_FLOW_REMOVED: ${text}`;
}
