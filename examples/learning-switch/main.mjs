import { run } from '../lib/run.mjs';
import learningSwitch from './policy.mjs';

await run((_sw, bridge) => {
  const policy = bridge.policy(learningSwitch);
  return { figures: () => ({ counters: policy.counters, hosts: [...policy.tables.hosts.entries()] }) };
});
