// Receives a million batches of upcalls and submits as many of operations, on the embedded datapath, and looks at the memory
// of the process on the way. Prints "BATCHES GROWTH", GROWTH in MB since the first fifth.
import { openEmbeddedDatapath, OpWriter } from '../../../ts/datapath/index.js';
import { native } from '../../../ts/native/index.js';
import { udpFrame } from '../../support/frames.js';
import { action, udpKey } from '../../support/odp.js';

const [netns, wanted] = [process.argv[2], Number(process.argv[3])];
/** Packets on their way at once, each of which comes up as an upcall and is sent back as one operation. */
const CIRCLING = 4;

const datapath = openEmbeddedDatapath({ netns });
const { channel, batch, portId } = datapath.openHandler();
const ops = new OpWriter(native().createOpBatch(64, 64 * 1024));
const key = udpKey(0);
const frame = udpFrame();
const actions = action.userspace(portId, Buffer.alloc(20, 7));
const noHash = new Int32Array(2);
let batches = 0;
let upcalls = 0;
let settled = 0;

/** Has the datapath send `count` upcalls. */
function circulate(count: number): void {
  ops.clear();
  for (let i = 0; i < count; i++) {
    const packet = ops.addBytes(frame, 0, frame.length);
    const metadata = ops.addBytes(key, 0, key.length);
    const action = ops.addBytes(actions, 0, actions.length);
    ops.execute(metadata, key.length, packet, frame.length, action, actions.length, 0, noHash, 0);
  }
  if (channel.submit(ops.batch, count, batch) !== count)
    throw new Error(`submit: errno ${channel.lastError}`);
}

const megabytes = () => process.memoryUsage().rss / 1e6;

channel.startUpcalls(batch, (count) => {
  batches += 1;
  upcalls += count;
  if (batches === Math.floor(wanted / 5)) settled = megabytes();
  if (batches < wanted) {
    circulate(count);
    return;
  }
  channel.stop();
  const counters = channel.counters();
  if (counters.upcalls !== upcalls || counters.lost !== 0) throw new Error(JSON.stringify(counters));
  console.log(`${batches} ${(megabytes() - settled).toFixed(1)}`);
  datapath.close();
});
circulate(CIRCLING);
