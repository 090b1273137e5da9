import type { DatapathStats, PortStats } from '../../datapath/index.js';
import type { LinkMode } from '../../genl/index.js';
import type { LinkStats } from '../../netlink/index.js';
import type { LacpCounts } from '../../xlate/index.js';
import { COUNTERS_SAMPLE, type SflowDatagrams } from './datagrams.js';

// Counter formats of enterprise 0: sFlow version 5, sFlow LAG (7), OpenFlow (1004, 1005), host and application structures (2203, 2207).
const GENERIC = 1;
const ETHERNET = 2;
const LACP = 7;
const OPENFLOW_PORT = 1004;
const PORT_NAME = 1005;
const APP_RESOURCES = 2203;
const OVS_DATAPATH = 2207;

/** A counter that is not there. */
const UNKNOWN = 0xffffffff;
const ETHERNET_CSMACD = 6;
/** Bits per second when the device does not say what it does (OVS). */
const DEFAULT_SPEED = 100_000_000;
const DIRECTIONS = { full: 1, half: 2 } as const;
const STATUS_ADMIN_UP = 1;
const STATUS_OPER_UP = 2;

/** What a port's LACP shows. */
export interface LacpState {
  /** MAC addresses of the systems. */
  readonly actor: Uint8Array;
  readonly partner: Uint8Array;
  readonly aggregator: number;
  /** LACP_STATE_*: actor admin, actor operational, partner admin, partner operational; one byte each. */
  readonly states: readonly [number, number, number, number];
  readonly counts: LacpCounts;
}

/** What a counter sample tells of a port. */
export interface PortFigures {
  readonly name: string;
  readonly ifindex: number;
  readonly ofport: number;
  /** Eight bytes. */
  readonly datapathId: Uint8Array;
  /** null where the device does not tell. */
  readonly mode: LinkMode | null;
  readonly adminUp: boolean;
  readonly operUp: boolean;
  readonly stats: PortStats;
  /** What the device counts besides; null for ports whose device the kernel does not count for. */
  readonly device: LinkStats | null;
  readonly lacp: LacpState | null;
}

/** Processor time in milliseconds and memory in bytes of this process. */
export interface ProcessFigures {
  readonly userMs: number;
  readonly systemMs: number;
  readonly memory: number;
}

/** Writes a counter sample of a port (OVS: sflow_agent_get_counters). */
export function writePortCounters(
  datagrams: SflowDatagrams,
  source: number,
  sequence: number,
  port: PortFigures,
  nowMs: number,
): void {
  datagrams.begin(COUNTERS_SAMPLE);
  datagrams.sample.u32(sequence).u32(source);
  datagrams.beginRecords();
  writeGeneric(datagrams, port);
  writeEthernet(datagrams, port.device);
  if (port.lacp !== null) writeLacp(datagrams, port.lacp);
  datagrams.beginRecord(OPENFLOW_PORT);
  datagrams.sample.bytes(port.datapathId).u32(port.ofport);
  datagrams.endRecord();
  const name = Buffer.from(port.name);
  datagrams.beginRecord(PORT_NAME);
  datagrams.sample.u32(name.length).bytes(name);
  datagrams.endRecord();
  datagrams.end(nowMs);
}

function writeGeneric(datagrams: SflowDatagrams, port: PortFigures): void {
  const { mode, stats, device } = port;
  const status = port.adminUp ? STATUS_ADMIN_UP | (port.operUp ? STATUS_OPER_UP : 0) : 0;
  const speed = mode === null ? DEFAULT_SPEED : (mode.speed ?? 0) * 1_000_000;
  const direction = mode === null || mode.duplex === null ? 0 : DIRECTIONS[mode.duplex];
  datagrams.beginRecord(GENERIC);
  datagrams.sample
    .u32(port.ifindex)
    .u32(ETHERNET_CSMACD)
    .count64(speed)
    .u32(direction)
    .u32(status)
    .count64(stats.rxBytes)
    .u32(stats.rxPackets)
    .u32(device?.multicast ?? UNKNOWN)
    .u32(UNKNOWN)
    .u32(stats.rxDropped)
    .u32(stats.rxErrors)
    .u32(UNKNOWN)
    .count64(stats.txBytes)
    .u32(stats.txPackets)
    .u32(UNKNOWN)
    .u32(UNKNOWN)
    .u32(stats.txDropped)
    .u32(stats.txErrors)
    .u32(0);
  datagrams.endRecord();
}

/** The counters of RFC 3635 that Linux's documentation names its own after; OVS has none of them. */
function writeEthernet(datagrams: SflowDatagrams, device: LinkStats | null): void {
  datagrams.beginRecord(ETHERNET);
  const { sample } = datagrams;
  sample.u32(device?.rxFrameErrors ?? UNKNOWN).u32(device?.rxCrcErrors ?? UNKNOWN);
  // Single and multiple collision frames, SQE test errors, deferred transmissions.
  for (let i = 0; i < 4; i++) sample.u32(UNKNOWN);
  sample.u32(device?.txWindowErrors ?? UNKNOWN).u32(device?.txAbortedErrors ?? UNKNOWN);
  // Internal transmit errors.
  sample.u32(UNKNOWN).u32(device?.txCarrierErrors ?? UNKNOWN);
  // Frames too long, internal receive errors, symbol errors.
  for (let i = 0; i < 3; i++) sample.u32(UNKNOWN);
  datagrams.endRecord();
}

function writeLacp(
  datagrams: SflowDatagrams,
  { actor, partner, aggregator, states, counts }: LacpState,
): void {
  datagrams.beginRecord(LACP);
  const { sample } = datagrams;
  // Opaque members are padded to four bytes.
  sample.bytes(actor).zeros(2).bytes(partner).zeros(2).u32(aggregator);
  for (const state of states) sample.u8(state);
  // Received: LACP messages, markers, marker responses, unknown ones, illegal ones; sent: messages, markers, marker responses.
  sample.u32(counts.received).u32(UNKNOWN).u32(UNKNOWN).u32(UNKNOWN).u32(counts.illegal);
  sample.u32(counts.sent).u32(UNKNOWN).u32(UNKNOWN);
  datagrams.endRecord();
}

/** Writes a counter sample of the datapath and of this process (OVS: sflow_agent_get_global_counters). */
export function writeGlobalCounters(
  datagrams: SflowDatagrams,
  source: number,
  sequence: number,
  datapath: DatapathStats | null,
  { userMs, systemMs, memory }: ProcessFigures,
  nowMs: number,
): void {
  datagrams.begin(COUNTERS_SAMPLE);
  datagrams.sample.u32(sequence).u32(source);
  datagrams.beginRecords();
  if (datapath !== null) {
    datagrams.beginRecord(OVS_DATAPATH);
    const { hit, missed, lost, maskHits, flows, masks } = datapath;
    datagrams.sample.u32(hit).u32(missed).u32(lost).u32(maskHits).u32(flows).u32(masks);
    datagrams.endRecord();
  }
  datagrams.beginRecord(APP_RESOURCES);
  // Zero for what is not known: memory limit, open files and their limit, connections and their limit.
  datagrams.sample.u32(userMs).u32(systemMs).count64(memory).zeros(8).zeros(16);
  datagrams.endRecord();
  datagrams.end(nowMs);
}
