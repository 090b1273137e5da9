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
  /** The ct_clear action. */
  readonly ctClear: boolean;
  /** The check_pkt_len action. */
  readonly checkPktLen: boolean;
  /** Flows may be named by a 128-bit id of our choice, in puts, deletes and (terse) dumps. */
  readonly ufid: boolean;
  /** The set action with a mask (set_masked). */
  readonly maskedSet: boolean;
  /** The ct action, and ct_state, ct_zone, ct_mark and ct_label in keys. */
  readonly conntrack: boolean;
  /** The add_mpls action (Linux 5.14): labels in front of any packet. */
  readonly addMpls: boolean;
  /** The ct action takes the kinds of events that listeners are told (Linux 4.13). */
  readonly ctEventmask: boolean;
  /** Highest OVS_HASH_ALG_* that the hash action takes: 0 L4, 1 symmetric L4. */
  readonly maxHashAlgorithm: number;
}
