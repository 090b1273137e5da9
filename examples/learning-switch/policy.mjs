import { definePolicy, policyTable } from 'slowpath';

/** A switch that learns where hosts are from the packets they send. */
export default definePolicy({
  name: 'learning-switch',
  tables: {
    // Ethernet address → OpenFlow port. Hosts that say nothing for five minutes are forgotten.
    hosts: policyTable({ maxEntries: 4096, idleTimeout: 300 }),
  },
  run(pkt, act, { hosts }) {
    if (pkt.ethSrc.multicast) return void act.drop('group address as the source');
    // Written when the packet has gone, and again with each packet of the flow, which keeps the entry from growing old.
    hosts.learn(pkt.ethSrc.value, pkt.inPort.value);
    if (pkt.ethDst.multicast) return void act.count('flooded').flood();
    // When the host turns up elsewhere, exactly the flows that asked for its port are translated again.
    const port = hosts.get(pkt.ethDst.value);
    if (port === undefined) act.count('flooded').flood();
    else if (pkt.inPort.is(port)) act.drop('behind the port that it came from');
    else act.count('forwarded').output(port);
  },
});
