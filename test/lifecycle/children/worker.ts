// A worker that polls route notifications of a namespace and posts how many it has heard; 'busy' never returns from the
// callback.
import { parentPort, workerData } from 'node:worker_threads';

import { native } from '../../../ts/native/index.js';
import { NETLINK_ROUTE, RTNLGRP_LINK } from '../../support/netlink.js';

const { netns, way } = workerData as { netns: string; way: 'polite' | 'busy' | 'exit' };
const channel = native().openNetlink({ protocol: NETLINK_ROUTE, groups: [RTNLGRP_LINK], netns });
// Never closed: the end of the environment has to do it.
native().openNetlink({ protocol: NETLINK_ROUTE });
const embedded = native().openEmbedded({ netns });
const embeddedChannel = embedded.openChannel();
embeddedChannel.configureOps({ dpIfindex: 1, flowFamily: 30, packetFamily: 31 });
embeddedChannel.startUpcalls(native().createUpcallBatch(), () => {});

let heard = 0;
channel.startMessages(() => {
  heard += 1;
  parentPort!.postMessage({ heard });
  if (way === 'exit') process.exit(7);
  while (way === 'busy') {}
});
parentPort!.postMessage({ portId: channel.portId });
