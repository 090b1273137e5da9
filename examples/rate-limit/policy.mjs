import { definePolicy, policyTable } from 'slowpath';

/** Each tenant's packets go through a meter of the datapath; who is none goes nowhere. */
export default definePolicy({
  name: 'rate-limit',
  tables: {
    // IPv4 address → { tenant, meter }.
    tenants: policyTable({ maxEntries: 1024 }),
  },
  run(pkt, act, { tenants }) {
    if (!pkt.isIpv4) return void act.normal();
    const found = tenants.get(pkt.ipv4Src.text);
    if (found === undefined) act.drop('no tenant');
    else act.count(`offered by ${found.tenant}`).meter(found.meter).normal();
  },
});
