// Run with --expose-gc. Exits 0 when what is no longer used is collected, and what is in use is not; else says what failed.
import { readdirSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';

import { native, type UpcallBatch } from '../../../ts/native/index.js';
import { getFamily, NETLINK_GENERIC, NETLINK_ROUTE, parse } from '../../support/netlink.js';

const collect = globalThis.gc as () => void;
let failures = 0;

function check(condition: boolean, what: string): void {
  if (condition) return;
  console.error(what);
  failures += 1;
}

/**
 * Collects until `done`, at most 100 times: finalizers run in later turns. A turn passes before each collection too, since
 * what a WeakRef gave out stays until the end of the turn.
 */
async function collectUntil(done: () => boolean): Promise<boolean> {
  for (let i = 0; i < 100 && !done(); i++) {
    await turn();
    collect();
    await turn();
  }
  return done();
}

const descriptors = () => readdirSync('/proc/self/fd').length;

/** Makes 50 of something and tells how many are still there. */
function make(one: () => object): () => number {
  const refs = Array.from({ length: 50 }, () => new WeakRef(one()));
  return () => refs.filter((ref) => ref.deref() !== undefined).length;
}

{
  const before = descriptors();
  const alive = make(() => native().openNetlink({ protocol: NETLINK_GENERIC }));
  check(descriptors() === before + 50, 'fifty channels have fifty descriptors');
  check(await collectUntil(() => alive() === 0), `${alive()} unused channels were not collected`);
  check(await collectUntil(() => descriptors() === before), 'collected channels left descriptors open');
}
{
  const alive = make(() => {
    const channel = native().openNetlink({ protocol: NETLINK_ROUTE });
    channel.startMessages(() => channel.portId);
    channel.close();
    return channel;
  });
  check(await collectUntil(() => alive() === 0), `${alive()} closed channels were not collected`);
}
{
  const before = descriptors();
  const alive = make(() => native().openEmbedded());
  check(await collectUntil(() => alive() === 0), `${alive()} unused datapaths were not collected`);
  check(await collectUntil(() => descriptors() === before), 'collected datapaths left descriptors open');
}
{
  // A channel keeps the datapath that it leads to.
  const channel = native().openEmbedded().openChannel();
  for (let i = 0; i < 10; i++) {
    collect();
    await turn();
  }
  const answer = channel.transact(getFamily('ovs_flow'));
  check(parse(answer.at(-1)!).errno === 0, 'a datapath was collected while its channel was in use');
  channel.close();
}
for (const [name, one] of Object.entries({
  upcall: () => native().createUpcallBatch(),
  op: () => native().createOpBatch(16, 1024),
  flow: () => native().createFlowBatch(16, 1024),
})) {
  const alive = make(one);
  check(await collectUntil(() => alive() === 0), `${alive()} unused ${name} batches were not collected`);
}
{
  // The arrays live longer than the batch that they came from.
  const slabs = Array.from({ length: 20 }, () => native().createUpcallBatch().slab);
  for (let i = 0; i < 10; i++) {
    collect();
    await turn();
  }
  for (const slab of slabs) slab.fill(7);
  check(
    slabs.every((slab) => slab[slab.length - 1] === 7),
    'an array died with its batch',
  );
}
{
  const channel = native().openNetlink({ protocol: NETLINK_GENERIC });
  channel.configureOps({ dpIfindex: 1, flowFamily: 30, packetFamily: 31 });
  const start = (): WeakRef<UpcallBatch> => {
    const batch = native().createUpcallBatch();
    channel.startUpcalls(batch, () => {});
    return new WeakRef(batch);
  };
  const batch = start();
  for (let i = 0; i < 10; i++) {
    collect();
    await turn();
  }
  check(batch.deref() !== undefined, 'a batch was collected while its channel polls');
  channel.stop();
  check(await collectUntil(() => batch.deref() === undefined), 'a batch outlived the polling');
  channel.close();
}
{
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 2000; i++) {
    const batch = native().createUpcallBatch();
    batch.slab.fill(1, 0, 65536);
    if (i % 100 === 0) {
      collect();
      await turn();
    }
  }
  await collectUntil(() => false);
  const grown = (process.memoryUsage().rss - before) / 1e6;
  check(grown < 60, `2,000 batches left ${grown.toFixed(0)} MB behind`);
}
process.exitCode = failures === 0 ? 0 : 1;
