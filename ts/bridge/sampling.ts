import type { Configuration, Row } from '../config/index.js';
import type { NetflowVersion, XSampling } from '../xlate/index.js';

/** One packet in how many is sampled when a record does not say (OVS: SFL_DEFAULT_SAMPLING_RATE). */
const DEFAULT_SAMPLING = 400;
const ALL = 0xffffffff;

/** The probability of 2^32 that stands for one packet in `sampling`. */
function probability(sampling: number | null): number {
  return Math.max(1, Math.floor(ALL / Math.max(1, sampling ?? DEFAULT_SAMPLING)));
}

/**
 * The version that a record NetFlow asks for: 5 as OVS has it, or 9 where `external_ids:version` says so (the schema of OVS has no column for it).
 */
export function netflowVersion(netflow: Row): NetflowVersion {
  return netflow.option('external_ids', 'version') === '9' ? 9 : 5;
}

/** sFlow can be turned off by sampling nothing. */
function sflowProbability(sflow: Row | undefined): number {
  if (sflow === undefined) return 0;
  const sampling = sflow.number('sampling');
  return sampling !== null && sampling <= 0 ? 0 : probability(sampling);
}

/** What of a bridge's packets is sampled: records sFlow, IPFIX, NetFlow and Flow_Sample_Collector_Set; null for nothing. */
export function samplingOf(configuration: Configuration, bridge: Row): XSampling | null {
  const [sflow] = configuration.referred(bridge, 'sflow');
  const [ipfix] = configuration.referred(bridge, 'ipfix');
  const [netflow] = configuration.referred(bridge, 'netflow');
  const sets = configuration
    .rows('Flow_Sample_Collector_Set')
    .filter((set) => set.text('bridge') === bridge.uuid);
  const exported = sets.filter((set) => set.get('ipfix') !== null);
  const local = sets.filter((set) => set.number('local_group_id') !== null);
  const records = [sflow, ipfix, netflow].filter((record) => record !== undefined);
  if (records.length + exported.length + local.length === 0) return null;
  const enabled = (key: string) => ipfix !== undefined && ipfix.option('other_config', key) !== 'false';
  return {
    sflowProbability: sflowProbability(sflow),
    ipfixProbability: ipfix === undefined ? 0 : probability(ipfix.number('sampling')),
    ipfixInput: enabled('enable-input-sampling'),
    ipfixOutput: enabled('enable-output-sampling'),
    ipfixTunnels: enabled('enable-tunnel-sampling'),
    collectorSets: new Set(exported.map((set) => set.number('id')!)),
    tunnelSets: new Set(
      exported.filter((set) => samplesTunnels(configuration, set)).map((set) => set.number('id')!),
    ),
    localGroups: new Map(local.map((set) => [set.number('id')!, set.number('local_group_id')!])),
    netflow: netflow === undefined ? 0 : netflowVersion(netflow),
  };
}

/** Whether the exporter of a collector set wants the encapsulation of packets that leave by tunnels. */
function samplesTunnels(configuration: Configuration, set: Row): boolean {
  const [exporter] = configuration.referred(set, 'ipfix');
  return exporter?.option('other_config', 'enable-tunnel-sampling') !== 'false';
}
