import { DatagramWriter } from '../datagram-writer.js';
import {
  COMMON_ELEMENTS,
  EGRESS_ELEMENTS,
  type Element,
  END_REASON,
  ICMPV4_ELEMENTS,
  ICMPV6_ELEMENTS,
  IP_ELEMENTS,
  IPV4_ELEMENTS,
  IPV6_ELEMENTS,
  OCTET_COUNTS,
  PACKET_COUNTS,
  PORT_ELEMENTS,
  PROCESS_ELEMENTS,
  TCP_COUNTS,
  TIME_ELEMENTS,
  TUNNEL_ELEMENTS,
  VIRTUAL_ELEMENTS,
  VLAN_ELEMENTS,
} from './elements.js';

/** Layers of a packet, as templates tell them apart. */
export const L3_OTHER = 0;
export const L3_IPV4 = 1;
export const L3_IPV6 = 2;
export const L4_OTHER = 0;
export const L4_TCP = 1;
export const L4_UDP = 2;
export const L4_SCTP = 3;
export const L4_ICMP = 4;
const L3_COUNT = 3;
const L4_COUNT = 5;

/** flowDirection. */
export const INGRESS = 0;
export const EGRESS = 1;

/** What a template is for. */
export interface Shape {
  readonly vlan: boolean;
  readonly l3: number;
  readonly l4: number;
  readonly tunnel: boolean;
  /** INGRESS or EGRESS. */
  readonly direction: number;
}

/** Least number of a template (RFC 7011, 3.4.1). */
const FIRST_TEMPLATE = 256;
/** Set ids of templates and of options templates. */
export const TEMPLATE_SET = 2;
export const OPTIONS_TEMPLATE_SET = 3;
/** Template of the statistics of the exporting process: behind all others, where OVS 3.1 has it. */
export const PROCESS_TEMPLATE =
  FIRST_TEMPLATE + (((2 * L3_COUNT + L3_COUNT) * L4_COUNT + L4_COUNT) * 2 + 2) * 2 + 2;
/** A set with templates is full when it has this many bytes (its message 1,024) or more, as in OVS 3.1; the last one fits into an MTU. */
const TEMPLATE_SET_BYTES = 1008;

/** Number of a template; those of OVS 3.1. */
export function templateId(
  vlan: boolean,
  l3: number,
  l4: number,
  tunnel: boolean,
  direction: number,
): number {
  const layers = ((vlan ? L3_COUNT : 0) + l3) * L4_COUNT + l4;
  return FIRST_TEMPLATE + (layers * 2 + (tunnel ? 1 : 0)) * 2 + direction;
}

/** Layers above Ethernet that there are templates for. */
const LAYERS: readonly (readonly [l3: number, l4: number])[] = [
  [L3_OTHER, L4_OTHER],
  ...[L3_IPV4, L3_IPV6].flatMap((l3) =>
    [L4_OTHER, L4_TCP, L4_UDP, L4_SCTP, L4_ICMP].map((l4) => [l3, l4] as const),
  ),
];

/** All templates, by number. */
export const SHAPES: readonly Shape[] = [false, true].flatMap((vlan) =>
  LAYERS.flatMap(([l3, l4]) =>
    [false, true].flatMap((tunnel) =>
      [INGRESS, EGRESS].map((direction) => ({ vlan, l3, l4, tunnel, direction })),
    ),
  ),
);

/** The elements of a record. `virtual`: it has a virtual observation id. */
export function elementsOf(shape: Shape, virtual: boolean): Element[] {
  const { vlan, l3, l4, tunnel, direction } = shape;
  const elements = [...COMMON_ELEMENTS];
  if (direction === EGRESS) elements.push(...EGRESS_ELEMENTS);
  if (vlan) elements.push(...VLAN_ELEMENTS);
  if (l3 !== L3_OTHER) elements.push(...IP_ELEMENTS, ...(l3 === L3_IPV4 ? IPV4_ELEMENTS : IPV6_ELEMENTS));
  if (l4 === L4_ICMP) elements.push(...(l3 === L3_IPV4 ? ICMPV4_ELEMENTS : ICMPV6_ELEMENTS));
  else if (l4 !== L4_OTHER) elements.push(...PORT_ELEMENTS);
  if (tunnel) elements.push(...TUNNEL_ELEMENTS);
  if (virtual) elements.push(...VIRTUAL_ELEMENTS);
  elements.push(...TIME_ELEMENTS, ...PACKET_COUNTS, END_REASON);
  if (l3 !== L3_OTHER) elements.push(...OCTET_COUNTS);
  if (l4 === L4_TCP) elements.push(...TCP_COUNTS);
  return elements;
}

function writeElements(out: DatagramWriter, elements: readonly Element[]): void {
  for (const { id, length, enterprise } of elements) {
    out.u16(enterprise === 0 ? id : id | 0x8000).u16(length);
    if (enterprise !== 0) out.u32(enterprise);
  }
}

/** A set: what `write` writes, behind its header. */
function makeSet(id: number, write: (out: DatagramWriter) => void): Uint8Array {
  const out = new DatagramWriter();
  out.u16(id).u16(0);
  write(out);
  out.setU16(2, out.length);
  return out.datagram.slice();
}

/** Sets with all templates, one for a message each. */
export function templateSets(virtual: boolean): Uint8Array[] {
  const sets: Uint8Array[] = [];
  for (let at = 0; at < SHAPES.length; ) {
    const set = makeSet(TEMPLATE_SET, (out) => {
      while (at < SHAPES.length && out.length < TEMPLATE_SET_BYTES) {
        const shape = SHAPES[at++];
        const elements = elementsOf(shape, virtual);
        out
          .u16(templateId(shape.vlan, shape.l3, shape.l4, shape.tunnel, shape.direction))
          .u16(elements.length);
        writeElements(out, elements);
      }
    });
    sets.push(set);
  }
  return sets;
}

/** The set with the template of the statistics of the exporting process. */
export function processTemplateSet(): Uint8Array {
  return makeSet(OPTIONS_TEMPLATE_SET, (out) => {
    const scopes = 1;
    out.u16(PROCESS_TEMPLATE).u16(PROCESS_ELEMENTS.length).u16(scopes);
    writeElements(out, PROCESS_ELEMENTS);
  });
}

/** A set with these statistics: packets whose records were not sent. */
export function processStatisticsSet(processId: number, notSentPackets: number): Uint8Array {
  return makeSet(PROCESS_TEMPLATE, (out) => out.u32(processId).count64(notSentPackets));
}
