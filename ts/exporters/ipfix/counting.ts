import { F_ETH_DST, F_TCP_FLAGS } from '../../fields/index.js';
import { COUNT, TOTAL } from './elements.js';
import type { FlowEntry } from './flow-cache.js';
import { ethernetBytes } from './flow-key.js';
import { EGRESS, L3_OTHER, L4_TCP } from './templates.js';

const TCP_FIN = 1;
const TCP_SYN = 2;
const TCP_RST = 4;
const TCP_PSH = 8;
const TCP_ACK = 16;
const TCP_URG = 32;
/** Bit of the upper half of a MAC address that says that it is of a group. */
const GROUP = 0x100;

/** A sampled packet, as counters see it. */
export interface Sampled {
  /** Its flow key. */
  keys: Int32Array;
  base: number;
  l3: number;
  l4: number;
  direction: number;
  /** Bytes on the wire. */
  bytes: number;
  /** Packets that it stands for. */
  packets: number;
  /** It goes nowhere. */
  dropped: boolean;
}

/** Counts a sample in its flow and in the totals of the exporter, which the flow keeps a copy of. */
export function countSample(entry: FlowEntry, totals: Float64Array, sampled: Sampled): void {
  const { counts } = entry;
  const { packets, bytes } = sampled;
  counts[COUNT.packets] += packets;
  counts[COUNT.layer2Octets] += packets * bytes;
  totals[TOTAL.packets] += packets;
  totals[TOTAL.layer2Octets] += packets * bytes;
  if (sampled.dropped) {
    counts[COUNT.droppedPackets] += packets;
    totals[TOTAL.droppedPackets] += packets;
  }
  const multicastOut = countDestination(counts, totals, sampled);
  if (sampled.l3 !== L3_OTHER) countOctets(counts, totals, sampled, multicastOut);
  if (sampled.l4 === L4_TCP) countFlags(totals, sampled);
  entry.totals.set(totals);
}

/** Whether it is a multicast on its way out. */
function countDestination(counts: Float64Array, totals: Float64Array, sampled: Sampled): boolean {
  const { keys, base, packets } = sampled;
  const high = keys[base + F_ETH_DST];
  const egress = sampled.direction === EGRESS;
  if (high === 0xffff && keys[base + F_ETH_DST + 1] === -1) {
    totals[egress ? TOTAL.egressBroadcast : TOTAL.ingressBroadcast] += packets;
  } else if ((high & GROUP) === 0) {
    totals[egress ? TOTAL.egressUnicast : TOTAL.ingressUnicast] += packets;
  } else if (egress) {
    counts[COUNT.multicastPackets] += packets;
    totals[TOTAL.multicastPackets] += packets;
    return true;
  } else {
    totals[TOTAL.ingressMulticast] += packets;
  }
  return false;
}

function countOctets(
  counts: Float64Array,
  totals: Float64Array,
  sampled: Sampled,
  multicastOut: boolean,
): void {
  const { packets } = sampled;
  const length = Math.max(0, sampled.bytes - ethernetBytes(sampled.keys, sampled.base));
  const octets = packets * length;
  counts[COUNT.octets] += octets;
  totals[TOTAL.octets] += octets;
  counts[COUNT.squares] += octets * length;
  totals[TOTAL.squares] += octets * length;
  counts[COUNT.minimum] = Math.min(counts[COUNT.minimum], length);
  counts[COUNT.maximum] = Math.max(counts[COUNT.maximum], length);
  if (sampled.dropped) {
    counts[COUNT.droppedOctets] += octets;
    totals[TOTAL.droppedOctets] += octets;
  }
  if (multicastOut) {
    counts[COUNT.multicastOctets] += octets;
    totals[TOTAL.multicastOctets] += octets;
  }
}

function countFlags(totals: Float64Array, { keys, base, packets }: Sampled): void {
  const flags = keys[base + F_TCP_FLAGS];
  if (flags & TCP_ACK) totals[TOTAL.ack] += packets;
  if (flags & TCP_FIN) totals[TOTAL.fin] += packets;
  if (flags & TCP_PSH) totals[TOTAL.push] += packets;
  if (flags & TCP_RST) totals[TOTAL.reset] += packets;
  if (flags & TCP_SYN) totals[TOTAL.syn] += packets;
  if (flags & TCP_URG) totals[TOTAL.urgent] += packets;
}
