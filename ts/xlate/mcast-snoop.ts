import { readMulticast } from '../packet/index.js';
import { NONE_BUNDLE } from './bundle-ports.js';
import { reportMcast } from './effects.js';
import type { Pass } from './pass.js';
import type { XBundle } from './types.js';

const NO_GROUP = new Int32Array(4);

/**
 * Reports what the IGMP or MLD message says that came by `bundle` in `vlan`: who joined, who left, where a router is (OVS:
 * update_mcast_snooping_table). Nothing of a packet that the caller has not, and of ports where all multicast is flooded anyway.
 */
export function snoop(pass: Pass, bundle: XBundle, vlan: number): void {
  const { packet } = pass;
  if (packet === null || bundle === NONE_BUNDLE || pass.bridge.mcast!.floodPorts.includes(bundle)) return;
  const message = readMulticast(packet.bytes.subarray(packet.offset, packet.offset + packet.length));
  if (message === null) {
    pass.note('multicast snooping: message is cut or its checksum wrong');
    return;
  }
  if (message.query) {
    // A query without a source comes from a switch that only asks, where no router is (RFC 4541, 2.1.1).
    if (message.fromRouter) reportMcast(pass, bundle, vlan, 'router', NO_GROUP);
    return;
  }
  for (const { leave, group } of message.records) {
    reportMcast(pass, bundle, vlan, leave ? 'leave' : 'join', group);
  }
}
