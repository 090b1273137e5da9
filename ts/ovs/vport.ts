import {
  OVS_VPORT_ATTR_IFINDEX,
  OVS_VPORT_ATTR_NAME,
  OVS_VPORT_ATTR_NETNSID,
  OVS_VPORT_ATTR_OPTIONS,
  OVS_VPORT_ATTR_PORT_NO,
  OVS_VPORT_ATTR_STATS,
  OVS_VPORT_ATTR_TYPE,
  OVS_VPORT_ATTR_UPCALL_PID,
  OVS_VPORT_CMD_DEL,
  OVS_VPORT_CMD_GET,
  OVS_VPORT_CMD_NEW,
  OVS_VPORT_CMD_SET,
} from '../fields/index.js';
import type { GenlFamily } from '../genl/index.js';
import { AttributeCursor, type NetlinkClient, NLM_F_ACK, NLM_F_DUMP, NLM_F_ECHO } from '../netlink/index.js';
import { OVS_HDRLEN, ovsDpIfindex } from './families.js';
import { FamilyRequests } from './family-requests.js';

/** Number of a datapath's own port, whose device has the datapath's name. */
export const OVSP_LOCAL = 0;

const OVS_TUNNEL_ATTR_DST_PORT = 1;

/** Counters of a vport: struct ovs_vport_stats. */
export interface VportStats {
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  /** Bad packets received. */
  readonly rxErrors: number;
  readonly txErrors: number;
  /** No room in the kernel. */
  readonly rxDropped: number;
  readonly txDropped: number;
}

/** A port of a datapath as it describes itself. */
export interface VportInfo {
  readonly dpIfindex: number;
  readonly portNo: number;
  /** OVS_VPORT_TYPE_*. */
  readonly type: number;
  readonly name: string;
  /** Interface index of its device; 0 when it is not reported (before Linux 4.4). */
  readonly ifindex: number;
  /** Port ids that get its upcalls; a single 0 means none. */
  readonly upcallPids: readonly number[];
  /** UDP destination port of a tunnel, null without one. */
  readonly dstPort: number | null;
  readonly stats: VportStats;
}

/** What a new vport should be. */
export interface VportRequest {
  /** OVS_VPORT_TYPE_*. */
  readonly type: number;
  readonly name: string;
  /** The datapath chooses when it is left out. */
  readonly portNo?: number;
  /** UDP destination port, for vxlan and geneve. */
  readonly dstPort?: number;
  readonly upcallPids: readonly number[];
}

const NAMES: string[] = [];
NAMES[OVS_VPORT_ATTR_PORT_NO] = 'OVS_VPORT_ATTR_PORT_NO';
NAMES[OVS_VPORT_ATTR_TYPE] = 'OVS_VPORT_ATTR_TYPE';
NAMES[OVS_VPORT_ATTR_NAME] = 'OVS_VPORT_ATTR_NAME';
NAMES[OVS_VPORT_ATTR_OPTIONS] = 'OVS_VPORT_ATTR_OPTIONS';
NAMES[OVS_VPORT_ATTR_UPCALL_PID] = 'OVS_VPORT_ATTR_UPCALL_PID';
NAMES[OVS_VPORT_ATTR_STATS] = 'OVS_VPORT_ATTR_STATS';
NAMES[OVS_VPORT_ATTR_IFINDEX] = 'OVS_VPORT_ATTR_IFINDEX';
NAMES[OVS_VPORT_ATTR_NETNSID] = 'OVS_VPORT_ATTR_NETNSID';

/** Reads OVS_VPORT_CMD_NEW, _DEL and _SET: answers and notifications. Error: ERR_NETLINK_MALFORMED. */
export function decodeVport(message: Uint8Array): VportInfo {
  let [portNo, type, ifindex] = [0, 0, 0];
  let name = '';
  let upcallPids: readonly number[] = [];
  let dstPort: number | null = null;
  let counters: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0];
  const cursor = new AttributeCursor(message, OVS_HDRLEN, 'ovs_vport', NAMES);
  while (cursor.next()) {
    if (cursor.type === OVS_VPORT_ATTR_PORT_NO) portNo = cursor.u32();
    else if (cursor.type === OVS_VPORT_ATTR_TYPE) type = cursor.u32();
    else if (cursor.type === OVS_VPORT_ATTR_NAME) name = cursor.string();
    else if (cursor.type === OVS_VPORT_ATTR_IFINDEX) ifindex = cursor.u32();
    else if (cursor.type === OVS_VPORT_ATTR_UPCALL_PID) upcallPids = cursor.u32s();
    else if (cursor.type === OVS_VPORT_ATTR_OPTIONS) dstPort = tunnelPort(cursor.nested());
    else if (cursor.type === OVS_VPORT_ATTR_STATS) counters = cursor.u64s(8);
  }
  cursor.check();
  return {
    dpIfindex: ovsDpIfindex(message),
    portNo,
    type,
    name,
    ifindex,
    upcallPids,
    dstPort,
    stats: {
      rxPackets: counters[0],
      txPackets: counters[1],
      rxBytes: counters[2],
      txBytes: counters[3],
      rxErrors: counters[4],
      txErrors: counters[5],
      rxDropped: counters[6],
      txDropped: counters[7],
    },
  };
}

function tunnelPort(options: AttributeCursor): number | null {
  let port: number | null = null;
  while (options.next()) if (options.type === OVS_TUNNEL_ATTR_DST_PORT) port = options.u16();
  options.check();
  return port;
}

/** Makes, asks, changes and deletes the ports of one datapath. All methods throw NetlinkError. */
export class VportClient {
  readonly #requests: FamilyRequests;

  constructor(client: NetlinkClient, family: GenlFamily, dpIfindex: number) {
    this.#requests = new FamilyRequests(client, family, dpIfindex);
  }

  /** Errors of the kernel: ENODEV no such device, EBUSY or EEXIST taken, EINVAL not an Ethernet device, EFBIG full. */
  create(request: VportRequest): VportInfo {
    const builder = this.#requests
      .begin(OVS_VPORT_CMD_NEW, NLM_F_ECHO | NLM_F_ACK)
      .u32(OVS_VPORT_ATTR_TYPE, request.type)
      .string(OVS_VPORT_ATTR_NAME, request.name);
    if (request.portNo !== undefined) builder.u32(OVS_VPORT_ATTR_PORT_NO, request.portNo);
    builder.u32s(OVS_VPORT_ATTR_UPCALL_PID, request.upcallPids);
    const { dstPort } = request;
    if (dstPort !== undefined) {
      builder.nest(OVS_VPORT_ATTR_OPTIONS, (options) => options.u16(OVS_TUNNEL_ATTR_DST_PORT, dstPort));
    }
    return decodeVport(this.#requests.one(builder.finish(), `add port ${request.name}`, OVS_VPORT_CMD_NEW));
  }

  /** By port number, or by name (wherever in the network namespace's datapaths it is). ENODEV when there is none. */
  get(which: number | string): VportInfo {
    const builder = this.#requests.begin(OVS_VPORT_CMD_GET, NLM_F_ACK);
    if (typeof which === 'number') builder.u32(OVS_VPORT_ATTR_PORT_NO, which);
    else builder.string(OVS_VPORT_ATTR_NAME, which);
    return decodeVport(this.#requests.one(builder.finish(), `get port ${which}`, OVS_VPORT_CMD_GET));
  }

  /** All ports, in the datapath's order. */
  list(): VportInfo[] {
    const request = this.#requests.begin(OVS_VPORT_CMD_GET, NLM_F_DUMP).finish();
    return this.#requests.all(request, 'list ports', OVS_VPORT_CMD_GET).map(decodeVport);
  }

  /** Says who gets the port's upcalls; a single 0 for nobody. The list must not be empty. */
  setUpcallPids(portNo: number, pids: readonly number[]): void {
    const request = this.#requests
      .begin(OVS_VPORT_CMD_SET, NLM_F_ACK)
      .u32(OVS_VPORT_ATTR_PORT_NO, portNo)
      .u32s(OVS_VPORT_ATTR_UPCALL_PID, pids)
      .finish();
    this.#requests.all(request, `set upcall pids of port ${portNo}`, OVS_VPORT_CMD_SET);
  }

  /** ENODEV when there is none; EINVAL for the local port, which goes with its datapath. */
  remove(portNo: number): void {
    const request = this.#requests
      .begin(OVS_VPORT_CMD_DEL, NLM_F_ACK)
      .u32(OVS_VPORT_ATTR_PORT_NO, portNo)
      .finish();
    this.#requests.all(request, `delete port ${portNo}`, OVS_VPORT_CMD_DEL);
  }
}
