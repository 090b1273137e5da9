// Our switch in a process of its own, driven by lines of JSON on standard input; one line answers each. Keeps watch over its own event
// loop when it is asked to, which `slowpath run` has no reason to do.
import { createInterface } from 'node:readline';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Switch } from '../../../dist/index.js';
import { watchLoop } from './loop-watch.mjs';

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
let watched = null;
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
    watched = watchLoop();
  },
  watched: () => watched(),
};

const lines = createInterface({ input: process.stdin });
console.log(JSON.stringify({ running: true }));
for await (const line of lines) {
  const command = JSON.parse(line);
  console.log(JSON.stringify((await COMMANDS[command.do](command)) ?? null));
}
await theSwitch.close();
