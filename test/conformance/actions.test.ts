import { expect } from 'chai';
import * as ovs from '../../ts/fields/index.js';
import { parseAttributes, pick } from '../support/attributes.js';
import { checksumsHold, ethernet, MAC_A, tcpPacket, udpFrame, udpPacket } from '../support/frames.js';
import { action, key, maskOf, udpKey } from '../support/odp.js';
import { describeOnBoth } from '../support/rig.js';
import { Capture, sendFrames } from '../support/traffic.js';

const hex = (frames: readonly Buffer[]) => frames.map((frame) => frame.toString('hex'));
const all = (...actions: Buffer[]) => Buffer.concat(actions);

describeOnBoth('actions', (rig) => {
  /** Frames that come out of the ports h2 and h3 after `frames` went into h1, `expected` of them at each. */
  async function through(frames: readonly Buffer[], expected: { h2?: number; h3?: number }) {
    const { outside } = rig();
    const captures = await Promise.all(
      (['h2', 'h3'] as const).map(async (device) => {
        // One more than expected, so that too many are seen too.
        const count = expected[device] ?? 0;
        return { count, capture: await Capture.start(outside, device, count + 1, 30_000) };
      }),
    );
    sendFrames(outside, 'h1', frames);
    const [h2, h3] = await Promise.all(captures.map(({ capture, count }) => capture.settled(count)));
    return { h2, h3 };
  }

  const toBoth = () => all(action.output(2), action.output(3));

  it('output: to one port, to several, unchanged', async () => {
    rig().datapath.putFlow({ key: udpKey(1), actions: toBoth() });
    const { h2, h3 } = await through([udpFrame()], { h2: 1, h3: 1 });
    expect(hex(h2)).to.deep.equal(hex([udpFrame()]));
    expect(hex(h3)).to.deep.equal(hex([udpFrame()]));
  });

  it('no actions: nothing comes out', async () => {
    rig().datapath.putFlow({ key: udpKey(1), actions: Buffer.alloc(0) });
    expect(await through([udpFrame()], {})).to.deep.equal({ h2: [], h3: [] });
  });

  it('output to a port that is not there: dropped, the others get it', async () => {
    rig().datapath.putFlow({ key: udpKey(1), actions: all(action.output(500), action.output(2)) });
    expect(hex((await through([udpFrame()], { h2: 1 })).h2)).to.deep.equal(hex([udpFrame()]));
  });

  it('push_vlan and pop_vlan: for what follows them', async () => {
    const actions = all(action.pushVlan(0x3064), action.output(2), action.popVlan(), action.output(3));
    rig().datapath.putFlow({ key: udpKey(1), actions });
    const { h2, h3 } = await through([udpFrame()], { h2: 1, h3: 1 });
    // Bit 0x1000 is the key's way to say that there is a tag; on the wire it is not the DEI.
    const tagged = Buffer.concat([
      udpFrame().subarray(0, 12),
      Buffer.from('81002064', 'hex'),
      udpFrame().subarray(12),
    ]);
    expect(hex(h2)).to.deep.equal(hex([tagged]));
    expect(hex(h3)).to.deep.equal(hex([udpFrame()]));
  });

  it('pop_vlan: a tag that came in', async () => {
    const inner = [key.etherType(0x0800), key.ipv4('10.0.0.1', '10.0.0.2', 17, 0, 64), key.udp(1000, 2000)];
    const tagged = all(
      key.inPort(1),
      key.ethernet(),
      key.etherType(0x8100),
      key.vlan(0x1005),
      key.encap(...inner),
    );
    rig().datapath.putFlow({
      key: tagged,
      actions: all(action.output(3), action.popVlan(), action.output(2)),
    });
    const payload = udpPacket(1000, 2000, Buffer.alloc(32, 0x5a));
    const frame = ethernet({ type: 0x0800, tags: [[0x8100, 5]], payload });
    const { h2, h3 } = await through([frame], { h2: 1, h3: 1 });
    expect(hex(h3)).to.deep.equal(hex([frame]));
    expect(hex(h2)).to.deep.equal(hex([ethernet({ type: 0x0800, payload })]));
  });

  it('set_masked: only the bits of the mask, checksums right, UDP', async () => {
    const ip = action.setMasked(
      key.ipv4('10.9.0.0', '0.0.0.77', 0, 0x20, 9),
      key.ipv4('255.255.0.0', '0.0.0.255', 0, 0xfc, 0xff),
    );
    const ports = action.setMasked(key.udp(0, 4242), key.udp(0, 0xffff));
    rig().datapath.putFlow({ key: udpKey(1), actions: all(ip, ports, action.output(2)) });
    const { h2 } = await through([udpFrame()], { h2: 1 });
    const expected = udpFrame(1000, 4242, { src: '10.9.0.1', dst: '10.0.0.77', tos: 0x20, ttl: 9 });
    expect(checksumsHold(h2[0])).to.equal(true);
    expect(hex(h2)).to.deep.equal(hex([expected]));
  });

  it('set_masked: Ethernet addresses; TCP ports and addresses with right checksums', async () => {
    const flowKey = all(
      key.inPort(1),
      key.ethernet(),
      key.etherType(0x0800),
      key.ipv4('10.0.0.1', '10.0.0.2', 6, 0, 64),
      key.tcp(1, 2),
      key.tcpFlags(0x18),
    );
    const actions = all(
      action.setMasked(
        key.ethernet('06:00:00:00:00:01', '00:00:00:00:00:00'),
        key.ethernet('ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00'),
      ),
      action.setMasked(
        key.ipv4('192.0.2.9', '0.0.0.0', 0, 0, 0),
        key.ipv4('255.255.255.255', '0.0.0.0', 0, 0, 0),
      ),
      action.setMasked(key.tcp(65000, 0), key.tcp(0xffff, 0)),
      action.output(2),
    );
    rig().datapath.putFlow({ key: flowKey, actions });
    const data = Buffer.from('payload of odd length');
    const frame = ethernet({ type: 0x0800, payload: tcpPacket(1, 2, 0x18, data) });
    const { h2 } = await through([frame], { h2: 1 });
    const payload = tcpPacket(65000, 2, 0x18, data, { src: '192.0.2.9' });
    expect(hex(h2)).to.deep.equal(hex([ethernet({ src: '06:00:00:00:00:01', type: 0x0800, payload })]));
  });

  it('set_masked leaves a UDP checksum of 0 alone', async () => {
    rig().datapath.putFlow({
      key: udpKey(1),
      actions: all(action.setMasked(key.udp(0, 4242), key.udp(0, 0xffff)), action.output(2)),
    });
    const frame = udpFrame();
    frame.writeUInt16BE(0, 40);
    const { h2 } = await through([frame], { h2: 1 });
    expect(h2[0].readUInt16BE(36)).to.equal(4242);
    expect(h2[0].readUInt16BE(40)).to.equal(0);
  });

  it('trunc: for the next output only', async () => {
    const actions = all(action.truncate(60), action.output(2), action.output(3));
    rig().datapath.putFlow({ key: udpKey(1), actions });
    const frame = udpFrame(1000, 2000, {}, Buffer.alloc(200, 1));
    const { h2, h3 } = await through([frame], { h2: 1, h3: 1 });
    expect(hex(h2)).to.deep.equal(hex([frame.subarray(0, 60)]));
    expect(hex(h3)).to.deep.equal(hex([frame]));
  });

  it('sample: always with 2^32-1, never with 0', async () => {
    const { datapath } = rig();
    const actions = (probability: number) =>
      all(action.sample(probability, action.output(2)), action.output(3));
    const frames = Array.from({ length: 20 }, () => udpFrame());
    datapath.putFlow({ key: udpKey(1), actions: actions(0xffffffff) });
    expect((await through(frames, { h2: 20, h3: 20 })).h2).to.have.length(20);
    datapath.putFlow({ key: udpKey(1), actions: actions(0) });
    const { h2, h3 } = await through(frames, { h3: 20 });
    expect([h2.length, h3.length]).to.deep.equal([0, 20]);
  });

  it('clone: its changes end with it', async () => {
    const actions = all(action.clone(action.pushVlan(0x1007), action.output(2)), action.output(3));
    rig().datapath.putFlow({ key: udpKey(1), actions });
    const { h2, h3 } = await through([udpFrame()], { h2: 1, h3: 1 });
    expect(h2[0].subarray(12, 16).toString('hex')).to.equal('81000007');
    expect(hex(h3)).to.deep.equal(hex([udpFrame()]));
  });

  it('hash and recirc: the packet is looked up again, with recirc_id and hash', async () => {
    const { datapath, upcalls } = rig();
    datapath.putFlow({ key: udpKey(1), actions: all(action.hash(0), action.recirc(17)) });
    await through([udpFrame()], {});
    const upcall = await upcalls.next();
    const attributes = parseAttributes(upcall?.key ?? Buffer.alloc(0));
    expect(pick(attributes, ovs.OVS_KEY_ATTR_RECIRC_ID)?.readUInt32LE()).to.equal(17);
    expect(pick(attributes, ovs.OVS_KEY_ATTR_DP_HASH)?.readUInt32LE()).not.to.equal(0);
    expect(pick(attributes, ovs.OVS_KEY_ATTR_IN_PORT)?.readUInt32LE()).to.equal(1);
    const again = Buffer.concat([key.recircId(17), udpKey(1).subarray(key.recircId(0).length)]);
    datapath.putFlow({
      key: again,
      mask: maskOf(again, [ovs.OVS_KEY_ATTR_RECIRC_ID]),
      actions: action.output(2),
    });
    expect(hex((await through([udpFrame()], { h2: 1 })).h2)).to.deep.equal(hex([udpFrame()]));
  });

  it('recirc: what was changed before is seen after', async () => {
    const { datapath, upcalls } = rig();
    const change = action.setMasked(key.udp(0, 99), key.udp(0, 0xffff));
    datapath.putFlow({ key: udpKey(1), actions: all(change, action.recirc(18)) });
    await through([udpFrame()], {});
    const upcall = await upcalls.next();
    const attributes = parseAttributes(upcall?.key ?? Buffer.alloc(0));
    expect(pick(attributes, ovs.OVS_KEY_ATTR_UDP)?.readUInt16BE(2)).to.equal(99);
    expect(upcall?.packet?.readUInt16BE(36)).to.equal(99);
  });

  it('execute: acts on a packet that never came in', async () => {
    const { datapath, outside } = rig();
    const capture = await Capture.start(outside, 'h2', 1);
    datapath.execute(udpFrame(5, 6), key.inPort(1), all(action.pushVlan(0x1009), action.output(2)));
    const [frame] = await capture.frames();
    expect(frame.subarray(12, 16).toString('hex')).to.equal('81000009');
    expect(Buffer.concat([frame.subarray(0, 12), frame.subarray(16)]).toString('hex')).to.equal(
      udpFrame(5, 6).toString('hex'),
    );
  });

  it('execute with recirc finds the flows', async () => {
    const { datapath, outside } = rig();
    const again = Buffer.concat([key.recircId(19), udpKey(1).subarray(key.recircId(0).length)]);
    datapath.putFlow({ key: again, actions: action.output(3) });
    const capture = await Capture.start(outside, 'h3', 1);
    datapath.execute(udpFrame(), key.inPort(1), action.recirc(19));
    expect(hex(await capture.frames())).to.deep.equal(hex([udpFrame()]));
  });

  it('flow statistics: packets, bytes with the tag, time of the last, TCP flags', async () => {
    const { datapath, outside } = rig();
    const ufid = Buffer.alloc(16, 5);
    const flowKey = all(
      key.inPort(1),
      key.ethernet(),
      key.etherType(0x0800),
      key.ipv4('10.0.0.1', '10.0.0.2', 6, 0, 64),
      key.tcp(1, 2),
      key.tcpFlags(0),
    );
    const mask = maskOf(flowKey, [
      ovs.OVS_KEY_ATTR_IN_PORT,
      ovs.OVS_KEY_ATTR_ETHERTYPE,
      ovs.OVS_KEY_ATTR_TCP,
    ]);
    datapath.putFlow({
      key: flowKey,
      mask: Buffer.concat([mask, key.ipv4('0.0.0.0', '0.0.0.0', 0xff, 0, 0)]),
      actions: Buffer.alloc(0),
      ufid,
    });
    const tcp = (flags: number) =>
      ethernet({ src: MAC_A, type: 0x0800, payload: tcpPacket(1, 2, flags, Buffer.alloc(100)) });
    const before = process.hrtime.bigint() / 1_000_000n;
    sendFrames(outside, 'h1', [tcp(0x02), tcp(0x10), tcp(0x18)]);
    const flow = datapath.getFlow({ ufid });
    expect(flow).to.deep.include({ packets: 3, bytes: 3 * tcp(0).length, tcpFlags: 0x1a });
    // The kernel counts in jiffies: some milliseconds coarse.
    expect(flow.used).to.be.within(Number(before) - 20, Number(before) + 60_000);
  });
});
