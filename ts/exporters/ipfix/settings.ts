import type { Configuration, Row } from '../../config/index.js';

/** What a record IPFIX says, as plain data. */
export interface ProcessSettings {
  readonly targets: readonly string[];
  /** Seconds that flows are gathered; 0 for not at all. */
  readonly timeout: number;
  /** Flows that are gathered at a time; 0 for none. */
  readonly limit: number;
  /** '' for none. */
  readonly virtualId: string;
  /** The encapsulation of packets that come and go by tunnels is told. */
  readonly tunnels: boolean;
}

/** Of all packets of a bridge. */
export interface BridgeSettings extends ProcessSettings {
  /** One packet in so many. */
  readonly sampling: number;
  readonly domain: number;
  readonly point: number;
}

/** A Flow_Sample_Collector_Set. */
export interface SetSettings extends ProcessSettings {
  readonly id: number;
}

/** What a bridge exports by IPFIX. */
export interface IpfixSettings {
  /** Samples of all its packets; null for none. */
  readonly bridge: BridgeSettings | null;
  /** Samples of the action `sample`, by rising id. */
  readonly sets: readonly SetSettings[];
}

/** One packet in how many is sampled when a record does not say (OVS: SFL_DEFAULT_SAMPLING_RATE). */
const DEFAULT_SAMPLING = 400;
/** Bytes that virtual_obs_id may have. */
const VIRTUAL_ID_BYTES = 254;
/** Flows that are gathered at most, whatever a record says: some 600 bytes each. */
const FLOW_LIMIT = 1_000_000;

function processSettings(row: Row): ProcessSettings {
  const virtualId = row.option('other_config', 'virtual_obs_id') ?? '';
  return {
    targets: row.texts('targets'),
    timeout: row.number('cache_active_timeout') ?? 0,
    limit: Math.min(row.number('cache_max_flows') ?? 0, FLOW_LIMIT),
    virtualId: Buffer.byteLength(virtualId) <= VIRTUAL_ID_BYTES ? virtualId : '',
    tunnels: row.option('other_config', 'enable-tunnel-sampling') !== 'false',
  };
}

/** What the configuration has a bridge export; null for nothing. */
export function ipfixSettings(configuration: Configuration, bridge: Row): IpfixSettings | null {
  const [row] = configuration.referred(bridge, 'ipfix');
  const sets = configuration
    .rows('Flow_Sample_Collector_Set')
    .filter((set) => set.text('bridge') === bridge.uuid)
    .flatMap((set) =>
      configuration
        .referred(set, 'ipfix')
        .map((ipfix) => ({ id: set.number('id')!, ...processSettings(ipfix) })),
    )
    .sort((a, b) => a.id - b.id);
  if (row === undefined && sets.length === 0) return null;
  const whole = row === undefined ? null : bridgeSettings(row);
  return { bridge: whole, sets };
}

function bridgeSettings(row: Row): BridgeSettings {
  return {
    ...processSettings(row),
    sampling: row.number('sampling') ?? DEFAULT_SAMPLING,
    domain: row.number('obs_domain_id') ?? 0,
    point: row.number('obs_point_id') ?? 0,
  };
}
