import { once } from 'node:events';
import { expect } from 'chai';
import * as ovs from '../../ts/fields/index.js';
import { type Channel, type FlowBatch, native, OP_OWN_BYTES, type OpBatch } from '../../ts/native/index.js';
import { NLM_F_DUMP } from '../../ts/netlink/index.js';
import { eventually } from '../support/eventually.js';
import { udpFrame } from '../support/frames.js';
import { message, parse } from '../support/netlink.js';
import { action, udpKey } from '../support/odp.js';
import { describeOnBoth } from '../support/rig.js';
import { Capture, sendFrames } from '../support/traffic.js';

const PUT = 1;
const DELETE = 3;
const GET = 4;
const EXECUTE = 5;
const ECHO = 2;
const ENOENT = 2;
const EEXIST = 17;
const EINVAL = 22;
const EMSGSIZE = 90;

/** What an op of a test may say. */
interface Op {
  readonly kind: number;
  readonly flags?: number;
  readonly key?: Buffer;
  readonly ufid?: number;
  readonly actions?: Buffer;
  readonly packet?: Buffer;
}

/** Fills an op batch. */
class Ops {
  readonly batch: OpBatch;
  count = 0;
  #used = 0;

  constructor(capacity = 256, bytes = 1 << 20) {
    this.batch = native().createOpBatch(capacity, bytes);
  }

  #bytes(base: number, offColumn: number, lenColumn: number, bytes: Buffer | undefined): void {
    if (!bytes) return;
    this.batch.bytes.set(bytes, this.#used);
    this.batch.rows[base + offColumn] = this.#used | OP_OWN_BYTES;
    this.batch.rows[base + lenColumn] = bytes.length;
    this.#used += (bytes.length + 3) & ~3;
  }

  add({ kind, flags = 0, key, ufid = 0, actions, packet }: Op): this {
    const { rows } = this.batch;
    const base = this.count++ * ovs.OP_ROW_WORDS;
    rows.fill(0, base, base + ovs.OP_ROW_WORDS);
    rows[base + ovs.OP_KIND] = kind;
    rows[base + ovs.OP_FLAGS] = flags;
    rows[base + ovs.OP_MASK_ROW] = -1;
    rows[base + ovs.OP_UFID] = ufid;
    this.#bytes(base, ovs.OP_KEY_OFF, ovs.OP_KEY_LEN, key);
    this.#bytes(base, ovs.OP_ACTIONS_OFF, ovs.OP_ACTIONS_LEN, actions);
    this.#bytes(base, ovs.OP_PACKET_OFF, ovs.OP_PACKET_LEN, packet);
    return this;
  }

  column(column: number): number[] {
    return Array.from({ length: this.count }, (_, i) => this.batch.rows[i * ovs.OP_ROW_WORDS + column]);
  }
  get errors(): number[] {
    return this.column(ovs.OP_ERROR);
  }
  get seqs(): number[] {
    return this.column(ovs.OP_SEQ);
  }
}

/** Column of the first `count` rows of a flow batch. */
function flowColumn(flows: FlowBatch, count: number, column: number): number[] {
  return Array.from({ length: count }, (_, i) => flows.rows[i * ovs.FLOW_ROW_WORDS + column]);
}

const put = (n: number, flags = 0): Op => ({
  kind: PUT,
  flags,
  key: udpKey(1, n),
  ufid: n,
  actions: action.output(2),
});

describeOnBoth('operations of a channel', (rig) => {
  let channel: Channel;
  const flows = native().createFlowBatch(256, 1 << 20);
  beforeEach(() => {
    channel = rig().datapath.openOpsChannel();
  });
  afterEach(() => channel.close());

  it('are submitted in one datagram, numbered in order, and done when submit returns', () => {
    const ops = new Ops();
    for (let n = 1; n <= 64; n++) ops.add(put(n));
    const { sent } = channel.counters();
    expect(channel.submit(ops.batch, ops.count, null)).to.equal(64);
    expect(channel.counters().sent - sent).to.equal(1);
    expect(channel.lastError).to.equal(0);
    expect(ops.seqs).to.deep.equal(ops.seqs.map((_, i) => ops.seqs[0] + i));
    expect(rig().datapath.dumpFlows()).to.have.length(64);
    expect(channel.drainErrors(new Int32Array(16))).to.equal(0);
  });

  it('are submitted in more datagrams when they are large', () => {
    const ops = new Ops();
    const packet = Buffer.concat([udpFrame(), Buffer.alloc(8940)]);
    for (let n = 1; n <= 40; n++) {
      ops.add({ kind: EXECUTE, key: udpKey(1), packet, actions: action.output(99) });
    }
    const { sent } = channel.counters();
    expect(channel.submit(ops.batch, ops.count, null)).to.equal(40);
    expect(channel.counters().sent - sent).to.be.within(3, 4);
    expect(new Set(ops.seqs).size).to.equal(40);
  });

  it('refusals of what was submitted come later, with their sequence numbers', async () => {
    const ops = new Ops().add(put(1)).add(put(1)).add({ kind: DELETE, ufid: 77 }).add(put(2));
    expect(channel.submit(ops.batch, ops.count, null)).to.equal(4);
    const out = new Int32Array(2);
    const drained: [number, number][] = [];
    // Later: the embedded datapath acts on them on a thread of its own.
    await eventually('two refusals', () => {
      while (channel.drainErrors(out) > 0) drained.push([out[0], out[1]]);
      return drained.length >= 2;
    });
    expect(drained).to.deep.equal([
      [ops.seqs[1], EEXIST],
      [ops.seqs[2], ENOENT],
    ]);
  });

  it('one that cannot be encoded is left out, and says so', () => {
    const ops = new Ops().add(put(1)).add({ kind: 99 }).add(put(2));
    ops.batch.rows[2 * ovs.OP_ROW_WORDS + ovs.OP_ACTIONS_OFF] |= 0x7ffffff0;
    ops.add(put(3));
    expect(channel.submit(ops.batch, ops.count, null)).to.equal(2);
    expect(channel.lastError).to.equal(EINVAL);
    expect(ops.errors).to.deep.equal([0, EINVAL, EINVAL, 0]);
    expect(ops.seqs.map((seq) => seq !== 0)).to.deep.equal([true, false, false, true]);
    expect(ops.seqs[3]).to.equal(ops.seqs[0] + 1);
    expect(rig().datapath.dumpFlows()).to.have.length(2);
  });

  it('execute sends a packet out', async () => {
    const { outside } = rig();
    const capture = await Capture.start(outside, 'h2');
    const ops = new Ops().add({
      kind: EXECUTE,
      key: udpKey(1),
      packet: udpFrame(5, 6),
      actions: action.output(2),
    });
    expect(channel.submit(ops.batch, 1, null)).to.equal(1);
    expect((await capture.frames()).map(String)).to.deep.equal([String(udpFrame(5, 6))]);
  });

  it('exchange gives each op its verdict, and the flows that were asked for', () => {
    const ops = new Ops();
    ops.add(put(1, ECHO)).add(put(1)).add({ kind: GET, ufid: 1 }).add({ kind: DELETE, ufid: 5 });
    ops.add({ kind: 0 }).add({ kind: DELETE, flags: ECHO, ufid: 1 });
    const count = channel.exchange(ops.batch, ops.count, null, flows);
    expect(ops.errors).to.deep.equal([0, EEXIST, 0, ENOENT, EINVAL, 0]);
    expect(flowColumn(flows, count, ovs.FLOW_UFID)).to.deep.equal([1, 1, 1]);
    expect(flowColumn(flows, count, ovs.FLOW_SEQ)).to.deep.equal([ops.seqs[0], ops.seqs[2], ops.seqs[5]]);
    const [off] = flowColumn(flows, 2, ovs.FLOW_ACTIONS_OFF).slice(1);
    const [length] = flowColumn(flows, 2, ovs.FLOW_ACTIONS_LEN).slice(1);
    expect(Buffer.from(flows.slab.subarray(off, off + length))).to.deep.equal(action.output(2));
  });

  it('exchange does many more than fit into a receive buffer', () => {
    channel.setReceiveBuffer(64 * 1024);
    const ops = new Ops();
    for (let n = 1; n <= 200; n++) ops.add(put(n, ECHO));
    expect(channel.exchange(ops.batch, ops.count, null, flows)).to.equal(200);
    expect(new Set(ops.errors)).to.deep.equal(new Set([0]));
    expect(flowColumn(flows, 200, ovs.FLOW_UFID)).to.deep.equal(Array.from({ length: 200 }, (_, i) => i + 1));
  });

  it('a flow that does not fit gives its op EMSGSIZE, though it was done', () => {
    const small = native().createFlowBatch(1, 0);
    const ops = new Ops().add(put(1, ECHO)).add(put(2, ECHO));
    expect(channel.exchange(ops.batch, ops.count, null, small)).to.equal(1);
    expect(ops.errors).to.deep.equal([0, EMSGSIZE]);
    expect(rig().datapath.dumpFlows()).to.have.length(2);
  });

  const dumpRequest = () => {
    const { datapath } = rig();
    const payload = Buffer.alloc(8);
    payload.writeUInt8(ovs.OVS_FLOW_CMD_GET, 0);
    payload.writeUInt8(1, 1);
    payload.writeInt32LE(datapath.ifindex, 4);
    return message(datapath.family('ovs_flow').id, NLM_F_DUMP, payload);
  };

  /** First words of the ufids, and what dumpNext said at the end. */
  const readDump = (batch: FlowBatch) => {
    const ufids: number[] = [];
    for (;;) {
      const count = channel.dumpNext(batch);
      if (count < 0) return { ufids, end: count };
      ufids.push(...flowColumn(batch, count, ovs.FLOW_UFID));
    }
  };

  it('a dump brings every flow once, however small the batch', () => {
    const ops = new Ops();
    for (let n = 1; n <= 200; n++) ops.add(put(n));
    channel.submit(ops.batch, ops.count, null);
    for (const batch of [flows, native().createFlowBatch(3, 0)]) {
      channel.dumpStart(dumpRequest());
      const { ufids, end } = readDump(batch);
      expect(end).to.equal(-1);
      expect(ufids.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 200 }, (_, i) => i + 1));
      expect(() => channel.dumpNext(batch)).to.throw(/no dump/);
    }
  });

  it('a dump that was left does not disturb the next', () => {
    const ops = new Ops();
    for (let n = 1; n <= 200; n++) ops.add(put(n));
    channel.submit(ops.batch, ops.count, null);
    const small = native().createFlowBatch(1, 0);
    channel.dumpStart(dumpRequest());
    channel.dumpNext(small);
    expect(() => channel.exchange(ops.batch, 1, null, small))
      .to.throw(/dump is under way/)
      .that.includes({ code: 'EBUSY' });
    channel.dumpStart(dumpRequest());
    expect(readDump(flows).ufids).to.have.length(200);
  });

  it('a dump that is refused throws what the datapath said', () => {
    const request = dumpRequest();
    new DataView(request.buffer).setInt32(20, 0x7fffff, true);
    channel.dumpStart(request);
    expect(() => channel.dumpNext(flows))
      .to.throw(Error)
      .that.includes({ code: 'ENODEV', syscall: 'dump' });
    // The channel can go on.
    expect(channel.exchange(new Ops().add(put(1)).batch, 1, null, flows)).to.equal(0);
  });

  it('arguments are checked', () => {
    const ops = new Ops(2);
    const plain = native().openNetlink({ protocol: 16 });
    expect(() => channel.submit({} as never, 0, null)).to.throw(TypeError, 'ops must be an OpBatch');
    expect(() => channel.submit(flows as never, 0, null)).to.throw(TypeError, 'an OpBatch');
    expect(() => channel.submit(ops.batch, 3, null)).to.throw(RangeError, 'count');
    expect(() => channel.submit(ops.batch, 1, flows as never)).to.throw(TypeError, 'an UpcallBatch');
    expect(() => channel.exchange(ops.batch, 1, null, ops.batch as never)).to.throw(TypeError, 'a FlowBatch');
    expect(() => plain.submit(ops.batch, 0, null)).to.throw(/configureOps first/);
    expect(() => plain.configureOps({} as never)).to.throw(TypeError, 'dpIfindex');
    expect(() => channel.dumpStart(message(31, 0, Buffer.alloc(8)))).to.throw(RangeError, 'NLM_F_DUMP');
    expect(() => channel.drainErrors(new Uint8Array(2) as never)).to.throw(TypeError, 'an Int32Array');
    expect(() => channel.startUpcalls(ops.batch as never, () => {})).to.throw(TypeError, 'an UpcallBatch');
    plain.close();
  });

  describe('upcalls', () => {
    const batch = native().createUpcallBatch();
    beforeEach(() => rig().datapath.setUpcallPid(3, channel.portId));
    afterEach(() => rig().datapath.setUpcallPid(3, rig().upcalls.pid));

    it('come in batches, in order, and go out again from where they are', async () => {
      const { outside } = rig();
      const ports: number[] = [];
      const done = new Promise<void>((resolve) => {
        channel.startUpcalls(batch, (count) => {
          for (let i = 0; i < count; i++) ports.push(batch.keys[i * ovs.FLOW_WORDS + ovs.F_TP_SRC]);
          const ops = new Ops();
          for (let i = 0; i < count; i++) {
            ops.add({ kind: EXECUTE, actions: action.output(1) });
            const from = i * ovs.UPCALL_ROW_WORDS;
            const to = i * ovs.OP_ROW_WORDS;
            const copy = (op: number, upcall: number) => {
              ops.batch.rows[to + op] = batch.rows[from + upcall];
            };
            copy(ovs.OP_KEY_OFF, ovs.UPCALL_KEY_OFF);
            copy(ovs.OP_KEY_LEN, ovs.UPCALL_KEY_LEN);
            copy(ovs.OP_PACKET_OFF, ovs.UPCALL_PACKET_OFF);
            copy(ovs.OP_PACKET_LEN, ovs.UPCALL_PACKET_LEN);
          }
          expect(channel.submit(ops.batch, count, batch)).to.equal(count);
          if (ports.length === 100) resolve();
        });
      });
      const capture = await Capture.start(outside, 'h1', 100);
      const frames = Array.from({ length: 100 }, (_, i) => udpFrame(i + 1, 2));
      sendFrames(outside, 'h3', frames);
      await done;
      expect(ports).to.deep.equal(Array.from({ length: 100 }, (_, i) => i + 1));
      expect((await capture.frames()).map(String)).to.deep.equal(frames.map(String));
      expect(channel.counters()).to.include({ upcalls: 100, malformed: 0, lost: 0 });
    });

    it('keep refusals that arrive between them', async () => {
      let upcalls = 0;
      channel.startUpcalls(batch, (count) => {
        upcalls += count;
      });
      const ops = new Ops().add(put(1)).add(put(1));
      channel.submit(ops.batch, 2, null);
      sendFrames(rig().outside, 'h3', [udpFrame()]);
      await eventually('an upcall', () => upcalls > 0);
      const out = new Int32Array(8);
      expect(channel.drainErrors(out)).to.equal(1);
      expect([out[0], out[1]]).to.deep.equal([ops.seqs[1], EEXIST]);
      expect(channel.counters()).to.include({ upcalls: 1, malformed: 0 });
    });

    it('an exception in the callback is an uncaught exception; the next upcall comes all the same', async () => {
      const listeners = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      try {
        channel.startUpcalls(batch, () => {
          throw new Error('in the callback');
        });
        for (let i = 0; i < 2; i++) {
          const thrown = once(process, 'uncaughtException');
          sendFrames(rig().outside, 'h3', [udpFrame()]);
          expect(String((await thrown)[0])).to.equal('Error: in the callback');
        }
      } finally {
        for (const listener of listeners) process.on('uncaughtException', listener);
      }
    });

    it('closing in the callback ends them', async () => {
      let batches = 0;
      const closed = new Promise<void>((resolve) => {
        channel.startUpcalls(batch, () => {
          batches += 1;
          channel.close();
          resolve();
        });
      });
      sendFrames(rig().outside, 'h3', [udpFrame()]);
      await closed;
      sendFrames(rig().outside, 'h3', [udpFrame()]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(batches).to.equal(1);
    });
  });

  it('numbers of requests and operations are one sequence', () => {
    const ops = new Ops().add(put(1));
    const request = dumpRequest();
    channel.submit(ops.batch, 1, null);
    channel.dumpStart(request);
    while (channel.dumpNext(flows) >= 0) {}
    expect(parse(request).seq).to.equal(ops.seqs[0] + 1);
  });
});
