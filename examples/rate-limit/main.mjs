// Tenants come by standard input: `tenant NAME PACKETS_PER_SECOND ADDRESS…`; again to change the rate.
import { run } from '../lib/run.mjs';
import rateLimit from './policy.mjs';

await run((sw, bridge) => {
  const policy = bridge.policy(rateLimit);
  const meters = new Map();
  return {
    figures: () => ({ counters: policy.counters, drops: policy.drops }),
    command(verb, tenant, rate, ...addresses) {
      if (verb !== 'tenant' || !(Number(rate) > 0)) return 'expected: tenant NAME PACKETS_PER_SECOND ADDRESS…';
      if (!meters.has(tenant)) meters.set(tenant, meters.size + 1);
      const meter = meters.get(tenant);
      sw.setMeter(bridge, { meterId: meter, unit: 'pktps', bands: [{ rate: Number(rate), burstSize: Math.ceil(Number(rate) / 10) }] });
      for (const address of addresses) policy.tables.tenants.set(address, { tenant, meter });
      return `done: ${tenant} may send ${rate} packets a second`;
    },
  };
});
