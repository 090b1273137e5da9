// Ends with sockets open, polling, and a batch in use, in the way its argument names. Prints "ready" first.
import { setImmediate as turn } from 'node:timers/promises';

import { native } from '../../../ts/native/index.js';
import { NETLINK_GENERIC, NETLINK_ROUTE, RTNLGRP_LINK } from '../../support/netlink.js';

const idle = native().openNetlink({ protocol: NETLINK_GENERIC });
const polling = native().openNetlink({ protocol: NETLINK_ROUTE, groups: [RTNLGRP_LINK] });
const upcalls = native().openNetlink({ protocol: NETLINK_GENERIC });
const batch = native().createUpcallBatch();
// A forwarding thread that nobody stops.
const embedded = native().openEmbedded();
const channel = embedded.openChannel();
channel.configureOps({ dpIfindex: 1, flowFamily: 30, packetFamily: 31 });
upcalls.configureOps({ dpIfindex: 1, flowFamily: 30, packetFamily: 31 });

const ways: Record<string, () => void> = {
  /** Nothing polls: the process ends by itself. */
  idle() {},
  exit() {
    polling.startMessages(() => {});
    upcalls.startUpcalls(batch, () => {});
    channel.startUpcalls(native().createUpcallBatch(), () => {});
    process.exit(0);
  },
  throw() {
    polling.startMessages(() => {});
    throw new Error('on purpose');
  },
  /** The datapath goes while its channel polls: polling ends, and with it the process. */
  closed() {
    channel.startUpcalls(batch, () => {});
    setTimeout(() => embedded.close(), 5);
  },
  /** Polls until a signal comes. */
  signal() {
    polling.startMessages(() => {});
    upcalls.startUpcalls(batch, () => {});
  },
  stopped() {
    polling.startMessages(() => {});
    upcalls.startUpcalls(batch, () => {});
    channel.startUpcalls(native().createUpcallBatch(), () => {});
    setTimeout(() => {
      embedded.close();
      channel.close();
      polling.stop();
      upcalls.close();
    }, 5);
  },
};

console.log(`ready ${idle.portId}`);
await turn();
ways[process.argv[2]!]!();
