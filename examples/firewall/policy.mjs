import { definePolicy } from 'slowpath';

const INSIDE = '10.0.0.0/24';
const SERVERS = ['10.0.0.2'];
const WEB = new Set([80, 443]);

/** The first rule that holds lets the packet through. Each looks at no more of it than it takes to tell. */
const RULES = [
  { name: 'arp', holds: (pkt) => pkt.isArp },
  { name: 'ping', holds: (pkt) => pkt.icmpType.in([0, 8]) && pkt.ipv4Src.inPrefix(INSIDE) },
  { name: 'web', holds: (pkt) => pkt.ipv4Dst.in(SERVERS) && pkt.tcpDst.in(WEB) },
  // Stateless: an answer is what comes from such a port and does not begin a connection.
  { name: 'web answers', holds: (pkt) => pkt.ipv4Src.in(SERVERS) && pkt.tcpSrc.in(WEB) && pkt.tcpFlags.has('ack') },
  { name: 'high UDP ports', holds: (pkt) => pkt.ipv4Dst.inPrefix(INSIDE) && pkt.udpDst.between(33434, 33534) },
];

/** A stateless firewall that counts packets by the rule that let them through, or stopped them. */
export default definePolicy({
  name: 'firewall',
  run(pkt, act) {
    const rule = RULES.find(({ holds }) => holds(pkt));
    if (rule === undefined) act.drop('no rule');
    else act.count(rule.name).normal();
  },
});
