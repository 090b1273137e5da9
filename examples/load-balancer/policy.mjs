import { definePolicy, policyTable } from 'slowpath';

/** Where clients connect to: an address that no host has. */
export const SERVICE = { ipv4: '10.0.0.100', mac: '02:00:00:00:01:00', port: 80 };
const ZONE = 7;

/** Answers ARP requests for the service's address. */
const ANSWER_ARP = [
  'move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]',
  `set_field:${SERVICE.mac}->eth_src`,
  'set_field:2->arp_op',
  'move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[]',
  'move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[]',
  `set_field:${SERVICE.mac}->arp_sha`,
  `set_field:${SERVICE.ipv4}->arp_spa`,
  'in_port',
].join(',');

/** Spreads connections to the service over the backends that are healthy; connections that exist stay where they are. */
export default definePolicy({
  name: 'load-balancer',
  tables: {
    // IPv4 address → { mac, port, healthy }. A health check writes it (main.mjs); new values, for the old must not change.
    backends: policyTable({ maxEntries: 64 }),
  },
  run(pkt, act, { backends }) {
    if (pkt.arpOp.equals(1) && pkt.arpTpa.equals(SERVICE.ipv4)) return void act.openflow(ANSWER_ARP);
    if (!pkt.isTcp) return void act.normal();
    if (!pkt.ctState.has('trk')) {
      const concerned =
        (pkt.ipv4Dst.equals(SERVICE.ipv4) && pkt.tcpDst.equals(SERVICE.port)) ||
        (pkt.tcpSrc.equals(SERVICE.port) && backends.has(pkt.ipv4Src.text));
      // The connection tracker translates what belongs to a connection, and the packet comes here again.
      if (concerned) act.ct({ zone: ZONE, nat: true, resume: true });
      else act.normal();
      return;
    }
    if (pkt.ctState.has('rpl')) return void act.count('answers').set.ethSrc(SERVICE.mac).normal();
    if (!pkt.ctState.has('new')) {
      const backend = backends.get(pkt.ipv4Dst.text);
      if (backend === undefined) act.drop('its backend is gone');
      else act.count('goes on').set.ethDst(backend.mac).output(backend.port);
      return;
    }
    const healthy = [...backends.entries()].filter(([, { healthy }]) => healthy);
    if (healthy.length === 0) return void act.drop('no backend is healthy');
    const [address, { mac, port }] = healthy[pkt.hash('ipv4Src', 'tcpSrc') % healthy.length];
    act.count(`to ${address}`).ct({ zone: ZONE, commit: true, nat: { type: 'dst', address } }).set.ethDst(mac).output(port);
  },
});
