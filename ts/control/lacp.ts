import { SlowpathError } from '../errors/index.js';
import {
  LACP_STATE_ACTIVITY,
  LACP_STATE_AGGREGATION,
  LACP_STATE_COLLECTING,
  LACP_STATE_DEFAULTED,
  LACP_STATE_DISTRIBUTING,
  LACP_STATE_EXPIRED,
  LACP_STATE_SYNCHRONIZATION,
  LACP_STATE_TIMEOUT,
  type LacpInfo,
} from '../packet/index.js';
import type { Lacp, LacpMember } from '../xlate/index.js';
import type { Switch } from '../switch/index.js';
import type { Command } from './types.js';

const STATES: readonly (readonly [number, string])[] = [
  [LACP_STATE_ACTIVITY, 'activity'],
  [LACP_STATE_TIMEOUT, 'timeout'],
  [LACP_STATE_AGGREGATION, 'aggregation'],
  [LACP_STATE_SYNCHRONIZATION, 'synchronized'],
  [LACP_STATE_COLLECTING, 'collecting'],
  [LACP_STATE_DISTRIBUTING, 'distributing'],
  [LACP_STATE_DEFAULTED, 'defaulted'],
  [LACP_STATE_EXPIRED, 'expired'],
];

const macText = (mac: Uint8Array) => Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');

function infoLines(who: string, info: LacpInfo): string[] {
  const words = STATES.filter(([bit]) => (info.state & bit) !== 0).map(([, word]) => ` ${word}`);
  return [
    `  ${who} sys_id: ${macText(info.systemId)}`,
    `  ${who} sys_priority: ${info.systemPriority}`,
    `  ${who} port_id: ${info.portId}`,
    `  ${who} port_priority: ${info.portPriority}`,
    `  ${who} key: ${info.key}`,
    `  ${who} state:${words.join('')}`,
  ];
}

function memberLines(lacp: Lacp, member: LacpMember): string[] {
  const { port, status, attached, id, priority } = member;
  return [
    '',
    `member: ${port.name}: ${status} ${attached ? 'attached' : 'detached'}`,
    `  port_id: ${id}`,
    `  port_priority: ${priority}`,
    `  may_enable: ${lacp.mayEnable(port)}`,
    '',
    ...infoLines('actor', lacp.actorOf(member)),
    '',
    ...infoLines('partner', member.partner),
  ];
}

/** `ovs-appctl lacp/show` of one Port record. */
export function lacpText(name: string, lacp: Lacp): string {
  const { active, fast, systemPriority } = lacp.options;
  return [
    `---- ${name} ----`,
    `  status: ${active ? 'active' : 'passive'}${lacp.negotiated ? ' negotiated' : ''}`,
    `  sys_id: ${macText(lacp.systemId)}`,
    `  sys_priority: ${systemPriority}`,
    `  aggregation key: ${lacp.key}`,
    `  lacp_time: ${fast ? 'fast' : 'slow'}`,
    ...lacp.memberList.flatMap((member) => memberLines(lacp, member)),
  ].join('\n');
}

/** `ovs-appctl lacp/show-stats` of one Port record. */
export function lacpStatisticsText(name: string, lacp: Lacp): string {
  const lines = lacp.memberList.flatMap(({ port, counts }) => [
    '',
    `member: ${port.name}:`,
    `  TX PDUs: ${counts.sent}`,
    `  RX PDUs: ${counts.received}`,
    `  RX Bad PDUs: ${counts.illegal}`,
    `  RX Marker Request PDUs: ${counts.markers}`,
    `  Link Expired: ${counts.expired}`,
    `  Link Defaulted: ${counts.defaulted}`,
    `  Carrier Status Changed: ${counts.linkChanges}`,
  ]);
  return [`---- ${name} statistics ----`, ...lines].join('\n');
}

function lacpsOf(theSwitch: Switch): [string, Lacp][] {
  const bundles = [...theSwitch.bridges.values()].flatMap((bridge) => bridge.bundles);
  return bundles.flatMap(({ name, lacp }) => (lacp === null ? [] : [[name, lacp] as [string, Lacp]]));
}

/** A command that prints the text of one port, or of all that speak LACP. */
function show(name: string, help: string, text: (name: string, lacp: Lacp) => string): Command {
  return {
    name,
    usage: '[port]',
    help: `${help} a port, or at all that speak LACP`,
    least: 0,
    most: 1,
    run: ({ theSwitch }, [wanted]) => {
      const lacps = lacpsOf(theSwitch).filter(([port]) => wanted === undefined || port === wanted);
      if (wanted !== undefined && lacps.length === 0)
        throw new SlowpathError('ERR_NO_PORT', 'no such lacp object');
      return lacps.map(([port, lacp]) => text(port, lacp)).join('\n');
    },
  };
}

/** Commands about LACP. */
export const LACP_COMMANDS: readonly Command[] = [
  show('lacp/show', 'show what was negotiated at', lacpText),
  show('lacp/show-stats', 'show what was sent, received and missed at', lacpStatisticsText),
];
