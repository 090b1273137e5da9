import { NetlinkError, SlowpathError } from '../errors/index.js';
import {
  OVS_VPORT_TYPE_GENEVE,
  OVS_VPORT_TYPE_GRE,
  OVS_VPORT_TYPE_INTERNAL,
  OVS_VPORT_TYPE_NETDEV,
  OVS_VPORT_TYPE_VXLAN,
} from '../fields/index.js';
import { checkName, needsCapability } from '../netlink/index.js';
import type { VportInfo, VportRequest } from '../ovs/index.js';
import type { DatapathPort, PortRequest, PortType } from './types.js';

/** Ports are numbered 0 to this; 0 is the local port. */
export const MAX_PORT_NO = 0xfffe;
/** Registered UDP ports of the tunnels. */
const VXLAN_PORT = 4789;
const GENEVE_PORT = 6081;

const vportTypes: Readonly<Record<PortType, number>> = {
  system: OVS_VPORT_TYPE_NETDEV,
  internal: OVS_VPORT_TYPE_INTERNAL,
  gre: OVS_VPORT_TYPE_GRE,
  vxlan: OVS_VPORT_TYPE_VXLAN,
  geneve: OVS_VPORT_TYPE_GENEVE,
};
const portTypes = new Map(Object.entries(vportTypes).map(([name, type]) => [type, name as PortType]));

/** What the datapath says about a port, in this package's words. Types that it does not know count as system. */
export function toPort(vport: VportInfo): DatapathPort {
  const { name, portNo, ifindex, stats } = vport;
  return { name, type: portTypes.get(vport.type) ?? 'system', portNo, ifindex, stats };
}

/** Checks what a user asks for and turns it into the datapath's words. */
export function toVportRequest(request: PortRequest, upcallPids: readonly number[]): VportRequest {
  checkName(request.name);
  const { portNo } = request;
  if (portNo !== undefined && !(Number.isInteger(portNo) && portNo >= 1 && portNo <= MAX_PORT_NO)) {
    throw new SlowpathError(
      'ERR_BAD_PORT_NO',
      `port ${request.name}: ${portNo} is no port number; use 1 to ${MAX_PORT_NO}`,
    );
  }
  const standard =
    request.type === 'vxlan' ? VXLAN_PORT : request.type === 'geneve' ? GENEVE_PORT : undefined;
  const dstPort = standard && (request.dstPort ?? standard);
  return {
    type: vportTypes[request.type],
    name: request.name,
    upcallPids,
    ...(portNo !== undefined && { portNo }),
    ...(dstPort !== undefined && { dstPort }),
  };
}

/** The reason, in words that help, why a port could not be added. */
export function explainAddFailure(error: unknown, { name, type, portNo }: PortRequest): unknown {
  if (!(error instanceof NetlinkError)) return error;
  const because = (code: string, message: string) => new SlowpathError(code, message, { cause: error });
  switch (error.code) {
    case 'ENODEV':
      if (type !== 'system') return error;
      return because('ERR_NO_INTERFACE', `there is no network interface '${name}' to add to the datapath`);
    case 'EBUSY':
    case 'EEXIST':
      return because('ERR_PORT_BUSY', busy(name, type, portNo));
    case 'EINVAL':
    case 'EOPNOTSUPP':
    case 'EAFNOSUPPORT': {
      const hint =
        type === 'system'
          ? 'it must be an Ethernet device, not loopback, and no internal port of a datapath'
          : `it does not support ${type} ports`;
      return because('ERR_PORT_UNSUITABLE', `the datapath does not take '${name}': ${hint}`);
    }
    case 'EFBIG':
      return because('ERR_DATAPATH_FULL', `no port number is left for '${name}'`);
    default:
      return needsCapability(error) ?? error;
  }
}

function busy(name: string, type: PortType, portNo: number | undefined): string {
  const number = portNo === undefined ? '' : `, or port number ${portNo} is taken`;
  return type === 'system'
    ? `'${name}' is already a port of a datapath, bridge or bond: take it out there first${number}`
    : `there is already a device or port named '${name}'${number}`;
}
