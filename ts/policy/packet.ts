import { hashAdd, hashFinish } from '../xlate/index.js';
import { type Cursor, kindOf } from './cursor.js';
import type { Field } from './fields.js';
import type { PortNames } from './in-port.js';
import { PACKET_FIELDS, type PacketFieldName, type PacketFields } from './packet-fields.js';
import { type TunnelOptionField, TunnelOptions } from './tunnel-options.js';

/** Ethernet types. */
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const ARP = 0x0806;

const kinds = {
  ip: kindOf('ip'),
  tcp: kindOf('tcp'),
  udp: kindOf('udp'),
  icmpv4: kindOf('icmpv4'),
  icmpv6: kindOf('icmpv6'),
  vlan: kindOf('vlan'),
  mpls: kindOf('mpls'),
};

/**
 * The packet that a policy decides about, as it came to the table: actions are done after the policy and change nothing here. Everything
 * asked of it counts for the megaflow, bit by bit.
 */
class Packet {
  private readonly cursor: Cursor;
  private readonly options: TunnelOptions;

  constructor(cursor: Cursor, ports: PortNames) {
    this.cursor = cursor;
    this.options = new TunnelOptions(cursor, ports);
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
    return this.cursor.has(kinds.ip);
  }

  get isArp(): boolean {
    return this.type() === ARP;
  }

  get isTcp(): boolean {
    return this.cursor.has(kinds.tcp);
  }

  get isUdp(): boolean {
    return this.cursor.has(kinds.udp);
  }

  get isIcmp(): boolean {
    return this.cursor.has(kinds.icmpv4);
  }

  get isIcmpv6(): boolean {
    return this.cursor.has(kinds.icmpv6);
  }

  /** Whether there is a VLAN tag. */
  get isTagged(): boolean {
    return this.cursor.has(kinds.vlan);
  }

  get isMpls(): boolean {
    return this.cursor.has(kinds.mpls);
  }

  /** A Geneve option of the tunnel that the packet came out of, by the number that the bridge has for it (`Switch.setTlvMap`). Throws ERR_POLICY_VALUE where it has none. */
  tunMetadata(index: number): TunnelOptionField {
    return this.options.get(index);
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
