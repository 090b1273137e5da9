import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { SlowpathError } from '../../ts/errors/index.js';
import * as ovs from '../../ts/fields/index.js';
import { type Addon, type Channel, native, type UpcallBatch } from '../../ts/native/index.js';
import { guardAddon } from '../../ts/native/guard.js';
import { type Datapath, openEmbeddedDatapath } from '../../ts/datapath/index.js';
import { nodeScript } from '../support/processes.js';
import { udpFrame } from '../support/frames.js';
import { action, udpKey } from '../support/odp.js';
import { Lab } from '../support/netns.js';
import { needsRoot } from '../support/skip.js';

const EXECUTE = 5;

function stale(act: () => unknown): void {
  expect(act).to.throw(SlowpathError).with.property('code', 'ERR_STALE_VIEW');
}

describe('views of batches, debugging', () => {
  let addon: Addon;
  let channel: Channel;
  let batch: UpcallBatch;
  let datapath: Datapath | undefined;
  const lab = new Lab();
  let netns: string;

  before(function () {
    needsRoot(this);
    netns = lab.namespace('stale').path;
  });
  after(() => lab.remove());
  beforeEach(() => {
    addon = guardAddon(native());
    datapath = openEmbeddedDatapath({ netns }, addon);
    const handler = datapath.openHandler();
    ({ channel, batch } = handler);
    execute(handler.portId, 3);
  });
  afterEach(() => datapath?.close());

  /** Has the datapath send upcalls to `pid`. */
  function execute(pid: number, count: number): void {
    const ops = addon.createOpBatch(8, 4096);
    const [key, frame, actions] = [udpKey(0), udpFrame(), action.userspace(pid, Buffer.from('cookie'))];
    ops.bytes.set(Buffer.concat([key, frame, actions]));
    const own = 0x80000000 | 0;
    for (let i = 0; i < count; i++) {
      const base = i * ovs.OP_ROW_WORDS;
      ops.rows[base + ovs.OP_KIND] = EXECUTE;
      ops.rows[base + ovs.OP_MASK_ROW] = -1;
      ops.rows[base + ovs.OP_KEY_OFF] = own;
      ops.rows[base + ovs.OP_KEY_LEN] = key.length;
      ops.rows[base + ovs.OP_PACKET_OFF] = own | key.length;
      ops.rows[base + ovs.OP_PACKET_LEN] = frame.length;
      ops.rows[base + ovs.OP_ACTIONS_OFF] = own | (key.length + frame.length);
      ops.rows[base + ovs.OP_ACTIONS_LEN] = actions.length;
    }
    expect(channel.submit(ops, count, batch)).to.equal(count);
  }

  async function receive(): Promise<number> {
    let count = 0;
    while (count === 0) {
      count = channel.receive(batch);
      await turn();
    }
    return count;
  }

  /** The packet of row 0. */
  const packet = () => {
    const from = batch.rows[ovs.UPCALL_PACKET_OFF];
    return batch.slab.subarray(from, from + batch.rows[ovs.UPCALL_PACKET_LEN]);
  };

  it('show what arrived, to JavaScript and to the addon', async () => {
    await receive();
    const frame = packet();
    expect(frame).to.be.instanceOf(Uint8Array);
    expect(Buffer.from(frame)).to.deep.equal(udpFrame());
    expect(frame.slice(0, 6)).to.deep.equal(new Uint8Array(udpFrame().subarray(0, 6)));
    const row = new Int32Array(ovs.FLOW_WORDS);
    addon.extractPacket(frame, row, 0);
    expect(row[ovs.F_TP_DST]).to.equal(2000);
    expect(batch.keys[ovs.F_TP_DST]).to.equal(2000);
  });

  it('throw once the next batch has been received, wherever they are used', async () => {
    stale(() => batch.rows[0]);
    await receive();
    const frame = packet();
    const whole = batch.slab;
    expect(frame[12]).to.equal(8);
    execute(channel.portId, 1);
    await receive();
    stale(() => frame[12]);
    stale(() => frame.length);
    stale(() => frame.subarray(1));
    stale(() => Buffer.from(frame));
    stale(() => {
      frame[0] = 1;
    });
    stale(() => addon.extractPacket(frame, new Int32Array(ovs.FLOW_WORDS), 0));
    expect(packet()[12]).to.equal(8);
    expect(whole.length).to.equal(batch.slab.length);
  });

  it('throw when the handler has returned', async () => {
    const kept: Uint8Array[] = [];
    let cookie = '';
    channel.startUpcalls(batch, () => {
      kept.push(packet());
      const from = batch.rows[ovs.UPCALL_USERDATA_OFF];
      cookie = Buffer.from(batch.slab.slice(from, from + 6)).toString();
    });
    while (kept.length === 0) await turn();
    channel.stop();
    expect(cookie).to.equal('cookie');
    stale(() => kept[0][0]);
    stale(() => batch.rows[0]);
  });

  it('of dumped flows throw when the dump goes on', () => {
    const dump = datapath!.openDump();
    stale(() => dump.batch.rows[0]);
    dump.next();
    const rows = dump.batch.rows.subarray(0, 4);
    expect(rows[0]).to.equal(0);
    // The first ended at once, there being no flows; its batch is used again.
    const again = datapath!.openDump();
    expect(again.batch).to.equal(dump.batch);
    again.next();
    stale(() => rows[0]);
  });

  it('are guarded in a process with SLOWPATH_DEBUG=1, and plain arrays in any other', async () => {
    const program = 'out/test/unit/children/stale.js';
    const plain = await nodeScript(program).exit;
    expect(plain.stdout, plain.stderr).to.equal('plain\n');
    const debugging = await nodeScript(program, [], { SLOWPATH_DEBUG: '1' }).exit;
    expect(debugging.stdout, debugging.stderr).to.equal('ERR_STALE_VIEW\n');
  });
});
