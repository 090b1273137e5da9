import { hashAdd, hashFinish } from '../xlate/index.js';
import type { Cursor } from './cursor.js';
import type { Field } from './fields.js';
import type { PortNames } from './in-port.js';
import { PACKET_FIELDS, type PacketFieldName, type PacketFields } from './packet-fields.js';

/** Ethernet types. */
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const ARP = 0x0806;

/**
 * The packet that a policy decides about, as it came to the table: actions are done after the policy and change nothing here. Everything
 * asked of it counts for the megaflow, bit by bit.
 */
class Packet {
  private readonly cursor: Cursor;

  constructor(cursor: Cursor, ports: PortNames) {
    this.cursor = cursor;
    for (const [name, make] of Object.entries(PACKET_FIELDS)) {
      const field: Field = make(cursor);
      Object.defineProperty(this, name, { value: field, enumerable: true });
      if (name === 'inPort') Object.assign(field, { ports });
    }
  }

  get isIpv4(): boolean {
    return this.type() === IPV4;
  }

  get isIpv6(): boolean {
    return this.type() === IPV6;
  }

  get isIp(): boolean {
    return this.cursor.has('ip');
  }

  get isArp(): boolean {
    return this.type() === ARP;
  }

  get isTcp(): boolean {
    return this.cursor.has('tcp');
  }

  get isUdp(): boolean {
    return this.cursor.has('udp');
  }

  get isIcmp(): boolean {
    return this.cursor.has('icmpv4');
  }

  get isIcmpv6(): boolean {
    return this.cursor.has('icmpv6');
  }

  /** Whether there is a VLAN tag. */
  get isTagged(): boolean {
    return this.cursor.has('vlan');
  }

  get isMpls(): boolean {
    return this.cursor.has('mpls');
  }

  /** A number of 32 bits from the whole of these fields, to choose by; fields that the packet has not count as 0. The same for ever. */
  hash(...names: readonly PacketFieldName[]): number {
    const fields = this as unknown as PacketFields;
    let hash = 0;
    for (const name of names) hash = fields[name].addToHash(hash, hashAdd);
    return hashFinish(hash, names.length);
  }

  private type(): number | undefined {
    return (this as unknown as PacketFields).ethType.value;
  }
}

export type PolicyPacket = Packet & PacketFields;

/** The packet behind a cursor. Made once: its accessors show whatever packet the cursor is at. */
export function makePacket(cursor: Cursor, ports: PortNames): PolicyPacket {
  // Objects with so many members are slow to read from, unless they are prototypes.
  return Object.create(new Packet(cursor, ports)) as PolicyPacket;
}
