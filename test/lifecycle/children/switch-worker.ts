// A worker that runs a whole switch on the embedded datapath and posts how many upcalls it has handled.
import { parentPort, workerData } from 'node:worker_threads';
import { Switch } from '../../../ts/switch/index.js';

const { netns, ports } = workerData as { netns: string; ports: string[] };
let upcalls = 0;
const theSwitch = Switch.open({
  datapath: { type: 'netdev', netns },
  observer: {
    upcall() {
      upcalls += 1;
      if (upcalls % 50 === 1) parentPort!.postMessage({ upcalls });
    },
  },
});
const bridge = theSwitch.addBridge('br0', { failMode: 'secure' });
for (const name of ports) theSwitch.addPort(bridge, { name });
theSwitch.addFlows(bridge, 'udp actions=move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],output:2');
parentPort!.on('message', () => {
  void theSwitch.close().then(() => parentPort!.close());
});
parentPort!.postMessage({ upcalls });
