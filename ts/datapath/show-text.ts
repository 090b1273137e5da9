import { SlowpathError } from '../errors/index.js';
import type { LinkStats } from '../netlink/index.js';
import { formatFixed } from '../util/index.js';
import type { Datapath, DatapathPort, DatapathStats, DatapathType, PortStats, PortType } from './types.js';

/** What `show` tells, for programs. */
export interface DatapathRecord {
  readonly type: DatapathType;
  readonly name: string;
  readonly stats: DatapathStats;
  readonly ports: readonly Pick<DatapathPort, 'portNo' | 'name' | 'type' | 'stats'>[];
}

/** As showText, as an object. */
export function showRecord(datapath: Datapath): DatapathRecord {
  const ports = datapath.ports().map(({ portNo, name, type, stats }) => ({ portNo, name, type, stats }));
  return { type: datapath.type, name: datapath.name, stats: datapath.stats(), ports };
}

/** What `ovs-dpctl show` prints about a datapath; with `statistics` as with -s. */
export function showText(datapath: Datapath, options: { readonly statistics?: boolean } = {}): string {
  const stats = datapath.stats();
  const lookups = stats.hit + stats.missed;
  const perPacket = lookups === 0 ? 0 : stats.maskHits / lookups;
  const hitRate = lookups === 0 ? 0 : (stats.cacheHits / lookups) * 100;
  const lines = [
    `${datapath.type}@${datapath.name}:`,
    `  lookups: hit:${stats.hit} missed:${stats.missed} lost:${stats.lost}`,
    `  flows: ${stats.flows}`,
    `  masks: hit:${stats.maskHits} total:${stats.masks} hit/pkt:${formatFixed(perPacket, 2)}`,
    `  cache: hit:${stats.cacheHits} hit-rate:${formatFixed(hitRate, 2)}%`,
  ];
  for (const port of datapath.ports()) {
    lines.push(`  port ${port.portNo}: ${port.name}${typeText(port)}`);
    if (options.statistics === true) lines.push(...portStatistics(port.stats, deviceOf(datapath, port)));
  }
  return lines.join('\n');
}

/** UDP ports of tunnels that need no mention. */
const STANDARD_PORTS: Readonly<Partial<Record<PortType, number>>> = { vxlan: 4789, geneve: 6081 };

/** The type of a port that is no plain device, with how its tunnel is configured. OVS reads the UDP port from the end of the name, as here. */
function typeText({ name, type }: DatapathPort): string {
  if (type === 'system') return '';
  if (type === 'internal') return ' (internal)';
  const standard = STANDARD_PORTS[type];
  const port = standard === undefined ? undefined : /_sys_(\d+)$/.exec(name)?.[1];
  const other = port === undefined || Number(port) === standard ? '' : `dst_port=${port}, `;
  return ` (${type}: ${other}packet_type=ptap)`;
}

/** What a network device counts beside the datapath; null where it counts nothing, or went. */
function deviceOf({ route }: Datapath, { type, ifindex }: DatapathPort): LinkStats | null {
  if (type !== 'system' || ifindex === 0) return null;
  try {
    return route.linkStats(ifindex);
  } catch (error) {
    if (error instanceof SlowpathError && error.code === 'ERR_NO_INTERFACE') return null;
    throw error;
  }
}

/** Statistics of a port: the datapath's, and what only devices count. */
function portStatistics(stats: PortStats, device: LinkStats | null): string[] {
  const {
    rxOverErrors = 0,
    rxFrameErrors = 0,
    txAbortedErrors = 0,
    txCarrierErrors = 0,
    collisions = 0,
  } = device ?? {};
  const rx = `errors:${stats.rxErrors} dropped:${stats.rxDropped} overruns:${rxOverErrors} frame:${rxFrameErrors}`;
  const tx = `errors:${stats.txErrors} dropped:${stats.txDropped} aborted:${txAbortedErrors} carrier:${txCarrierErrors}`;
  return [
    `    RX packets:${stats.rxPackets} ${rx}`,
    `    TX packets:${stats.txPackets} ${tx}`,
    `    collisions:${collisions}`,
    `    RX bytes:${byteCount(stats.rxBytes)}  TX bytes:${byteCount(stats.txBytes)}`,
  ];
}

const BINARY_UNITS = ['KiB', 'MiB', 'GiB', 'TiB'];

/** A number of bytes, from 1024 on also in the unit that fits. */
function byteCount(bytes: number): string {
  const unit = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), BINARY_UNITS.length);
  return unit === 0
    ? `${bytes}`
    : `${bytes} (${formatFixed(bytes / 1024 ** unit, 1)} ${BINARY_UNITS[unit - 1]})`;
}
