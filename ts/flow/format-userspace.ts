import {
  OVS_USERSPACE_ATTR_ACTIONS,
  OVS_USERSPACE_ATTR_EGRESS_TUN_PORT,
  OVS_USERSPACE_ATTR_PID,
  OVS_USERSPACE_ATTR_USERDATA,
} from '../fields/index.js';
import { toHex } from '../util/index.js';
import { attributeMap, hostU32 } from './attributes.js';
import { type Cookie, decodeCookie, SAMPLE_EGRESS, SAMPLE_INGRESS, slowReasonText } from './cookie.js';
import type { PortNames } from './format-key.js';

/** userspace(…) with its cookie named when it is one of OVS's, in hexadecimal otherwise. */
export function formatUserspace(payload: Uint8Array, ports?: PortNames): string {
  const attributes = attributeMap(payload);
  const pid = attributes.get(OVS_USERSPACE_ATTR_PID);
  if (pid?.length !== 4) return 'userspace(error)';
  const parts = [`pid=${hostU32(pid)}`];
  const userdata = attributes.get(OVS_USERSPACE_ATTR_USERDATA);
  if (userdata !== undefined) {
    const cookie = decodeCookie(userdata);
    parts.push(cookie === null ? `userdata(${toHex(userdata)})` : formatCookie(cookie, ports));
  }
  if (attributes.has(OVS_USERSPACE_ATTR_ACTIONS)) parts.push('actions');
  const tunnel = attributes.get(OVS_USERSPACE_ATTR_EGRESS_TUN_PORT);
  if (tunnel?.length === 4) parts.push(`tunnel_out_port=${portText(hostU32(tunnel), ports)}`);
  return `userspace(${parts.join(',')})`;
}

function portText(port: number, ports: PortNames | undefined): string {
  return ports?.get(port) ?? `${port}`;
}

/** A cookie as it stands inside userspace(…). */
export function formatCookie(cookie: Cookie, ports?: PortNames): string {
  switch (cookie.type) {
    case 'sflow':
      return `sFlow(vid=${cookie.vlanTci & 0xfff},pcp=${cookie.vlanTci >>> 13},output=${cookie.output})`;
    case 'slow_path':
      return `slow_path(${slowReasonText(cookie.reason)})`;
    case 'flow_sample': {
      const direction = { [SAMPLE_INGRESS]: ',ingress', [SAMPLE_EGRESS]: ',egress' }[cookie.direction] ?? '';
      return (
        `flow_sample(probability=${cookie.probability},collector_set_id=${cookie.collectorSetId}` +
        `,obs_domain_id=${cookie.obsDomainId},obs_point_id=${cookie.obsPointId}` +
        `,output_port=${portText(cookie.outputPort, ports)}${direction})`
      );
    }
    case 'ipfix':
      return `ipfix(output_port=${portText(cookie.outputPort, ports)})`;
    case 'controller': {
      const rule = (BigInt(cookie.ruleCookieHigh >>> 0) << 32n) | BigInt(cookie.ruleCookieLow >>> 0);
      return (
        `controller(reason=${cookie.reason},dont_send=${cookie.dontSend ? 1 : 0}` +
        `,continuation=${cookie.continuation ? 1 : 0},recirc_id=${cookie.recircId}` +
        `,rule_cookie=${rule === 0n ? '0' : `0x${rule.toString(16)}`}` +
        `,controller_id=${cookie.controllerId},max_len=${cookie.maxLen})`
      );
    }
  }
}
