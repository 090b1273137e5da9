/** Of version 9 more is asked: IPv6 and VLANs. */
export type NetflowVersion = 0 | 5 | 9;

/** Sampling of all packets of a bridge (records sFlow, IPFIX); null where there is none. */
export interface XSampling {
  /** sFlow: probability of 2^32, 0 for none. */
  readonly sflowProbability: number;
  /** IPFIX: likewise, and whether ingress and egress are sampled, tunnels too. */
  readonly ipfixProbability: number;
  readonly ipfixInput: boolean;
  readonly ipfixOutput: boolean;
  readonly ipfixTunnels: boolean;
  /** Ids of Flow_Sample_Collector_Sets that have an IPFIX record, for the sample action. */
  readonly collectorSets: ReadonlySet<number>;
  /** Those of them whose exporter wants to know the encapsulation of packets that leave by tunnels. */
  readonly tunnelSets: ReadonlySet<number>;
  /** Groups of local samples by collector set id (local_group_id). */
  readonly localGroups: ReadonlyMap<number, number>;
  /** Version of NetFlow, 0 for none. */
  readonly netflow: NetflowVersion;
}
