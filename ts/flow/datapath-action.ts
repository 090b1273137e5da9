/** A MAC address: its high 16 bits, its low 32 bits. */
export type MacWords = readonly [high: number, low: number];

/** One argument of ct(…); on the wire they stand in any order. Masks and labels are bytes as on the wire. */
export type CtArgument =
  | { readonly type: 'commit' }
  | { readonly type: 'force_commit' }
  | { readonly type: 'zone'; readonly zone: number }
  | { readonly type: 'mark'; readonly value: number; readonly mask: number }
  /** 16 bytes each, least significant first. */
  | { readonly type: 'labels'; readonly value: Uint8Array; readonly mask: Uint8Array }
  /** Name of an application layer gateway, such as `ftp`. */
  | { readonly type: 'helper'; readonly name: string }
  /** Name of a timeout policy. */
  | { readonly type: 'timeout'; readonly name: string }
  /** Conntrack events to report, bits of `enum ip_conntrack_events`. */
  | { readonly type: 'eventmask'; readonly mask: number }
  | { readonly type: 'nat'; readonly nat: readonly NatArgument[] };

/** One argument of nat(…). Addresses are 4 or 16 bytes in network order. */
export type NatArgument =
  | { readonly type: 'src' | 'dst' | 'persistent' | 'proto_hash' | 'proto_random' }
  | { readonly type: 'ip_min' | 'ip_max'; readonly address: Uint8Array }
  | { readonly type: 'proto_min' | 'proto_max'; readonly port: number };

/**
 * One datapath action as data. What Linux 6.1 knows, what OVS 3.1's userspace datapath knows besides (tnl_push, tnl_pop, drop,
 * lb_output), psample of Linux 6.11, and `unknown` for the rest: also for attributes whose content is not what it should be.
 */
export type DatapathAction =
  | { readonly type: 'output'; readonly port: number }
  | {
      readonly type: 'userspace';
      /** Netlink port id; 0 where the datapath chooses by CPU. */
      readonly pid: number;
      /** Cookie that comes back with the packet, null for none. */
      readonly userdata: Uint8Array | null;
      /** Asks for the tunnel key of an output to this port, null for none. */
      readonly tunnelPort: number | null;
      /** Whether the flow's actions come with the packet. */
      readonly actions: boolean;
    }
  | {
      readonly type: 'set';
      /** OVS_KEY_ATTR_* that is set. */
      readonly attribute: number;
      /** Content of the key attribute. */
      readonly value: Uint8Array;
      /** Bits that are set, of the same size; null: all. */
      readonly mask: Uint8Array | null;
    }
  | { readonly type: 'push_vlan'; readonly tpid: number; readonly tci: number }
  | {
      readonly type: 'pop_vlan' | 'pop_eth' | 'pop_nsh' | 'ct_clear';
    }
  /** `lse`: label stack entry, host order. */
  | { readonly type: 'push_mpls'; readonly lse: number; readonly ethType: number }
  /** `ethType`: of the packet without the label. */
  | { readonly type: 'pop_mpls'; readonly ethType: number }
  /** `flags`: bit 0, behind the Ethernet header. */
  | { readonly type: 'add_mpls'; readonly lse: number; readonly ethType: number; readonly flags: number }
  | { readonly type: 'push_eth'; readonly src: MacWords; readonly dst: MacWords }
  | {
      readonly type: 'push_nsh';
      readonly flags: number;
      readonly ttl: number;
      readonly mdType: number;
      readonly np: number;
      /** Service path id (24 bits) and index (8 bits). */
      readonly path: number;
      /** Context of MD type 1, 16 bytes; null without. */
      readonly context: Uint8Array | null;
      /** TLVs of MD type 2; null without. */
      readonly metadata: Uint8Array | null;
    }
  /** `probability`: of 2^32 - 1 packets. */
  | { readonly type: 'sample'; readonly probability: number; readonly actions: readonly DatapathAction[] }
  | { readonly type: 'recirc'; readonly id: number }
  /** `algorithm`: OVS_HASH_ALG_*. */
  | { readonly type: 'hash'; readonly algorithm: number; readonly basis: number }
  | { readonly type: 'ct'; readonly arguments: readonly CtArgument[] }
  /** The next output is cut to so many bytes. */
  | { readonly type: 'trunc'; readonly maxLen: number }
  | { readonly type: 'clone'; readonly actions: readonly DatapathAction[] }
  | { readonly type: 'meter'; readonly id: number }
  | {
      readonly type: 'check_pkt_len';
      /** Bytes of the packet that are not too many. */
      readonly size: number;
      readonly greater: readonly DatapathAction[];
      readonly lessEqual: readonly DatapathAction[];
    }
  /** `exhausted`: what happens to packets whose TTL is 1 or less. */
  | { readonly type: 'dec_ttl'; readonly exhausted: readonly DatapathAction[] }
  | {
      readonly type: 'tnl_push';
      readonly tunnelPort: number;
      readonly outPort: number;
      /** OVS_VPORT_TYPE_* of the tunnel. */
      readonly tunnelType: number;
      /** All headers, from Ethernet to the tunnel's. */
      readonly header: Uint8Array;
    }
  | { readonly type: 'tnl_pop'; readonly port: number }
  /** `reason`: XLATE_* of OVS. */
  | { readonly type: 'drop'; readonly reason: number }
  | { readonly type: 'lb_output'; readonly bond: number }
  | { readonly type: 'psample'; readonly group: number; readonly cookie: Uint8Array | null }
  | { readonly type: 'unknown'; readonly attribute: number; readonly payload: Uint8Array };
