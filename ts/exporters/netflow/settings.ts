import { netflowVersion } from '../../bridge/index.js';
import type { Configuration, Row } from '../../config/index.js';
import type { NetflowVersion } from '../../xlate/index.js';

/** Seconds between two records of a flow that goes on, when the record NetFlow says 0 (OVS: NF_ACTIVE_TIMEOUT_DEFAULT). */
const DEFAULT_ACTIVE_TIMEOUT = 600;
/** Engine ids that fit into interface fields, and ports that do. */
const MAX_MANGLED_ID = 0x7f;

/** What a record NetFlow asks for. */
export interface NetflowSettings {
  readonly targets: readonly string[];
  readonly version: NetflowVersion;
  readonly engineType: number;
  readonly engineId: number;
  readonly addIdToInterface: boolean;
  /** Milliseconds; 0 for never. */
  readonly activeTimeout: number;
}

/** The settings of a bridge; null without NetFlow. `ifindex`: of the datapath, of which engine type and id are made unless they are set. */
export function netflowSettings(
  configuration: Configuration,
  bridge: Row,
  ifindex: number,
): NetflowSettings | null {
  const [row] = configuration.referred(bridge, 'netflow');
  if (row === undefined) return null;
  return {
    targets: row.texts('targets'),
    version: netflowVersion(row),
    engineType: row.number('engine_type') ?? ifindex & 0xff,
    engineId: row.number('engine_id') ?? ifindex & 0xff,
    addIdToInterface: row.flag('add_id_to_interface'),
    activeTimeout: activeTimeout(row.number('active_timeout') ?? 0) * 1000,
  };
}

/** As the schema says: 0 asks for the default, -1 for none. */
function activeTimeout(seconds: number): number {
  return seconds < 0 ? 0 : seconds || DEFAULT_ACTIVE_TIMEOUT;
}

/** What is worth a warning: collectors may take one exporter or port for another. */
export function netflowWarning({ addIdToInterface, engineId }: NetflowSettings): string | null {
  if (!addIdToInterface || engineId <= MAX_MANGLED_ID) return null;
  return `NetFlow: engine id ${engineId} does not fit into interface numbers, those of engine ${engineId & MAX_MANGLED_ID} are the same; choose one below 128`;
}
