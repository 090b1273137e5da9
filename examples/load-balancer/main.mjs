// Backends and their health come by standard input: `add 10.0.0.2 02:00:00:00:00:02 p2`, `down 10.0.0.2`, `up 10.0.0.2`, `remove 10.0.0.2`.
import { run } from '../lib/run.mjs';
import loadBalancer from './policy.mjs';

await run((_sw, bridge) => {
  const policy = bridge.policy(loadBalancer);
  const { backends } = policy.tables;
  const set = (address, healthy) => {
    const known = backends.get(address);
    if (known !== undefined) backends.set(address, { ...known, healthy });
  };
  const commands = {
    add: (address, mac, port) => backends.set(address, { mac, port, healthy: true }),
    up: (address) => set(address, true),
    down: (address) => set(address, false),
    remove: (address) => backends.delete(address),
  };
  return {
    figures: () => ({ counters: policy.counters, drops: policy.drops }),
    command(verb, ...words) {
      if (!Object.hasOwn(commands, verb)) return `what is ${verb}?`;
      commands[verb](...words);
      return `done: ${verb} ${words.join(' ')}`;
    },
  };
});
