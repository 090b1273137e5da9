import type { Configuration, Row } from '../../config/index.js';

/** Defaults of ovs-vswitchd.conf.db(5), table sFlow. */
const DEFAULT_SAMPLING = 400;
const DEFAULT_POLLING_SECONDS = 30;
const DEFAULT_HEADER_BYTES = 128;
/** Bytes of a packet at most, so that a sample with all that can be said of it fits into one datagram. */
const MAX_HEADER_BYTES = 1024;

/** What the configuration says of a bridge's sFlow. */
export interface SflowSettings {
  readonly targets: readonly string[];
  /** One packet in how many is sampled; at least 1. */
  readonly sampling: number;
  /** Seconds between two counter samples of a port, 0 for none. */
  readonly polling: number;
  /** Bytes of a sampled packet that are sent. */
  readonly header: number;
  /** Device or address that names the agent; '' for the address of the route to a target. */
  readonly agent: string;
  /** The outer Ethernet headers of tunnels are told (external_ids:tunnel-ethernet). */
  readonly tunnelEthernet: boolean;
  /** Bridge other_config:datapath-id, '' for that of the bridge's address. */
  readonly datapathId: string;
}

/** null when there is no sFlow record, or one that samples nothing. */
export function sflowSettings(configuration: Configuration, bridge: Row): SflowSettings | null {
  const [row] = configuration.referred(bridge, 'sflow');
  if (row === undefined) return null;
  const sampling = row.number('sampling') ?? DEFAULT_SAMPLING;
  if (sampling <= 0) return null;
  return {
    targets: row.texts('targets'),
    sampling,
    polling: Math.max(0, row.number('polling') ?? DEFAULT_POLLING_SECONDS),
    header: Math.min(Math.max(0, row.number('header') ?? DEFAULT_HEADER_BYTES), MAX_HEADER_BYTES),
    agent: row.text('agent'),
    tunnelEthernet: row.option('external_ids', 'tunnel-ethernet') === 'true',
    datapathId: bridge.option('other_config', 'datapath-id') ?? '',
  };
}
