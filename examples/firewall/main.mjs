import { run } from '../lib/run.mjs';
import firewall from './policy.mjs';

await run((_sw, bridge) => {
  const policy = bridge.policy(firewall);
  return { figures: () => ({ counters: policy.counters, drops: policy.drops }) };
});
