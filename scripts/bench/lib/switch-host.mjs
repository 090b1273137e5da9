// Our switch in a process of its own, driven by lines of JSON on standard input; one line answers each. Keeps watch over its own event
// loop when it is asked to, which `slowpath run` has no reason to do.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Switch } from '../../../dist/index.js';

const { datapath, ports, flows, flowLimit, maxIdle } = JSON.parse(process.argv[2]);

const theSwitch = Switch.open({
  datapath: { type: datapath, name: datapath === 'system' ? 'ovs-system' : 'ovs-netdev' },
  flowLimit,
  policy: { maxIdle },
  onWarning: (message) => console.error(message),
});
const bridge = theSwitch.addBridge('br0', { failMode: 'secure' });
for (const name of ports) theSwitch.addPort(bridge, { name });
theSwitch.addFlows(bridge, flows);

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

/** Wakes every millisecond, so it costs something itself: on only while it is looked at. */
let delay = null;
const COMMANDS = {
  stats: () => theSwitch.stats(),
  setLimit: ({ flows: limit }) => theSwitch.cache.setFlowLimit(limit),
  addFlows: ({ text }) => theSwitch.addFlows(bridge, text),
  setMaxRevalidator: ({ ms }) =>
    theSwitch.cache.setLimits({ flowLimit, policy: { maxIdle, maxRevalidator: ms } }),
  /** Bytes of live JavaScript objects; typed arrays are elsewhere. */
  heap: () => {
    collectGarbage();
    return getHeapStatistics().used_heap_size;
  },
  watch: () => {
    delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
  },
  watched: () => {
    delay.disable();
    // A wake-up is due every millisecond; what is longer, the loop was held for.
    const ms = (ns) => Math.max(0, ns / 1e6 - 1);
    return { longestMs: ms(delay.max), p99Ms: ms(delay.percentile(99)) };
  },
};

const lines = createInterface({ input: process.stdin });
console.log(JSON.stringify({ running: true }));
for await (const line of lines) {
  const command = JSON.parse(line);
  console.log(JSON.stringify((await COMMANDS[command.do](command)) ?? null));
}
await theSwitch.close();
