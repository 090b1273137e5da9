/** What the datapath in use can do. Translation depends on it; probe.ts finds it out. */
export interface DatapathSupport {
  /** VLAN tags that a flow key can hold, 0 to 2. */
  readonly maxVlanHeaders: number;
  /** MPLS labels that a flow key can hold, 0 to 3. */
  readonly maxMplsDepth: number;
  /** The recirc action and recirc_id in keys. */
  readonly recirc: boolean;
  /** The clone action. */
  readonly clone: boolean;
  /** The trunc action. */
  readonly truncate: boolean;
  /** How deep sample actions nest, 0 when there is no sample action. Probed up to SAMPLE_NESTING_MAX. */
  readonly sampleNesting: number;
  /**
   * The set action for fields of NSH. No kernel has it: those up to 6.12 mistake its layout, refuse it, or crash (removed in 6.18), so it is not
   * probed.
   */
  readonly setNsh: boolean;
  /** The ct_clear action. */
  readonly ctClear: boolean;
  /** The check_pkt_len action. */
  readonly checkPktLen: boolean;
  /** Flows may be named by a 128-bit id of our choice, in puts, deletes and (terse) dumps. */
  readonly ufid: boolean;
  /** The set action with a mask (set_masked, Linux 4.0). Without, whole attributes are set. */
  readonly maskedSet: boolean;
  /** The ct action, and ct_state in keys. */
  readonly ctState: boolean;
  /** The nat argument of ct, and what ct_state says of it. */
  readonly ctStateNat: boolean;
  /** Each of these in keys and as an argument of ct. */
  readonly ctZone: boolean;
  readonly ctMark: boolean;
  readonly ctLabel: boolean;
  /** The connection's original addresses in keys: of IPv4, of IPv6. */
  readonly ctOrigTuple: boolean;
  readonly ctOrigTuple6: boolean;
  /** The ct action takes the name of a timeout policy (Linux 5.2). */
  readonly ctTimeout: boolean;
  /** ct with nat to address 0.0.0.0 changes ports only where there is a clash. Nothing is translated otherwise without it. */
  readonly ctZeroSnat: boolean;
  /** Neighbour discovery's flags and options in keys. OVS's userspace datapath alone has them. */
  readonly ndExtensions: boolean;
  /** The drop action, which says why: what a flow without actions has then. OVS's userspace datapath alone has it. */
  readonly explicitDrop: boolean;
  /** The lb_output action, which chooses a member of a bond. OVS's userspace datapath alone has it. */
  readonly lbOutput: boolean;
  /** The add_mpls action (Linux 5.14): labels in front of any packet. */
  readonly addMpls: boolean;
  /** The psample action (Linux 6.11): packets for readers of the generic netlink family of that name. */
  readonly psample: boolean;
  /** The ct action takes the kinds of events that listeners are told (Linux 4.13). */
  readonly ctEventmask: boolean;
  /** Highest OVS_HASH_ALG_* that the hash action takes: 0 L4, 1 symmetric L4. */
  readonly maxHashAlgorithm: number;
}
