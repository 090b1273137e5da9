import { expect } from 'chai';
import * as ovs from '../../ts/fields/index.js';
import { native } from '../../ts/native/index.js';
import { parseAttributes, pick } from '../support/attributes.js';
import { eventually } from '../support/eventually.js';
import { arpFrame, ethernet, tcpPacket, udpFrame, udpPacket } from '../support/frames.js';
import { action, udpKey } from '../support/odp.js';
import { describeOnBoth } from '../support/rig.js';
import type { Upcall } from '../support/test-datapath.js';
import { flood, sendFrames } from '../support/traffic.js';

const K = ovs;
/** What heads every key of Linux with conntrack. */
const METADATA = [
  K.OVS_KEY_ATTR_RECIRC_ID,
  K.OVS_KEY_ATTR_DP_HASH,
  K.OVS_KEY_ATTR_PRIORITY,
  K.OVS_KEY_ATTR_IN_PORT,
  K.OVS_KEY_ATTR_SKB_MARK,
];

/** The key's attributes without those of conntrack, which the embedded datapath does not have. */
function keyAttributes(upcall: Upcall | undefined) {
  const all = parseAttributes(upcall?.key ?? Buffer.alloc(0));
  return all.filter(({ type }) => type < K.OVS_KEY_ATTR_CT_STATE || type > K.OVS_KEY_ATTR_CT_LABELS);
}

describeOnBoth('upcalls', (rig) => {
  it('a miss brings the packet as it came in, and its key', async () => {
    const { upcalls, outside, datapath } = rig();
    sendFrames(outside, 'h1', [udpFrame()]);
    const upcall = await upcalls.next();
    expect(upcall?.cmd).to.equal(ovs.OVS_PACKET_CMD_MISS);
    expect(upcall?.dpIfindex).to.equal(datapath.ifindex);
    expect(upcall?.packet?.toString('hex')).to.equal(udpFrame().toString('hex'));
    const attributes = keyAttributes(upcall);
    expect(attributes.map(({ type }) => type)).to.deep.equal([
      ...METADATA,
      K.OVS_KEY_ATTR_ETHERNET,
      K.OVS_KEY_ATTR_ETHERTYPE,
      K.OVS_KEY_ATTR_IPV4,
      K.OVS_KEY_ATTR_UDP,
    ]);
    const expected = new Map(
      parseAttributes(udpKey(1)).map(({ type, bytes }) => [type, bytes.toString('hex')]),
    );
    for (const { type, bytes } of attributes)
      expect(bytes.toString('hex'), `attribute ${type}`).to.equal(expected.get(type) ?? '00000000');
  });

  it('the attributes come in the order of the kernel: key first, packet last', async () => {
    const { upcalls, outside } = rig();
    sendFrames(outside, 'h2', [udpFrame()]);
    const upcall = await upcalls.next();
    expect(upcall?.attributes.map(({ type }) => type)).to.deep.equal([
      ovs.OVS_PACKET_ATTR_KEY,
      ovs.OVS_PACKET_ATTR_HASH,
      ovs.OVS_PACKET_ATTR_PACKET,
    ]);
  });

  it('TCP keys have the flags behind the ports', async () => {
    const { upcalls, outside } = rig();
    sendFrames(outside, 'h1', [ethernet({ type: 0x0800, payload: tcpPacket(1, 2, 0x12, Buffer.alloc(8)) })]);
    const attributes = keyAttributes(await upcalls.next());
    expect(attributes.slice(-2).map(({ type }) => type)).to.deep.equal([
      K.OVS_KEY_ATTR_TCP,
      K.OVS_KEY_ATTR_TCP_FLAGS,
    ]);
    expect(attributes.at(-1)?.bytes.toString('hex')).to.equal('0012');
  });

  it('ARP keys have addresses and opcode', async () => {
    const { upcalls, outside } = rig();
    sendFrames(outside, 'h3', [arpFrame('02:00:00:00:00:0a', '10.0.0.1', '10.0.0.2')]);
    const upcall = await upcalls.next();
    const arp = pick(parseAttributes(upcall?.key ?? Buffer.alloc(0)), K.OVS_KEY_ATTR_ARP);
    expect(arp?.toString('hex')).to.equal('0a0000010a000002000102000000000a0000000000000000');
  });

  it('VLAN keys nest what is behind the tag, and the packet has its tag', async () => {
    const { upcalls, outside } = rig();
    const payload = udpPacket(1, 2, Buffer.alloc(30));
    const frame = ethernet({ type: 0x0800, tags: [[0x8100, 0x6005]], payload });
    sendFrames(outside, 'h1', [frame]);
    const upcall = await upcalls.next();
    expect(upcall?.packet?.toString('hex')).to.equal(frame.toString('hex'));
    const attributes = keyAttributes(upcall);
    expect(attributes.slice(METADATA.length).map(({ type }) => type)).to.deep.equal([
      K.OVS_KEY_ATTR_ETHERNET,
      K.OVS_KEY_ATTR_ETHERTYPE,
      K.OVS_KEY_ATTR_VLAN,
      K.OVS_KEY_ATTR_ENCAP,
    ]);
    expect(pick(attributes, K.OVS_KEY_ATTR_ETHERTYPE)?.toString('hex')).to.equal('8100');
    // The TCI with bit 0x1000, which says that there is a tag.
    expect(pick(attributes, K.OVS_KEY_ATTR_VLAN)?.toString('hex')).to.equal('7005');
    const inner = parseAttributes(pick(attributes, K.OVS_KEY_ATTR_ENCAP) ?? Buffer.alloc(0));
    expect(inner.map(({ type }) => type)).to.deep.equal([
      K.OVS_KEY_ATTR_ETHERTYPE,
      K.OVS_KEY_ATTR_IPV4,
      K.OVS_KEY_ATTR_UDP,
    ]);
  });

  it('an action upcall brings its userdata', async () => {
    const { datapath, upcalls, outside } = rig();
    const userdata = Buffer.from('0123456789abcdef');
    datapath.putFlow({ key: udpKey(1), actions: action.userspace(upcalls.pid, userdata) });
    sendFrames(outside, 'h1', [udpFrame()]);
    const upcall = await upcalls.next();
    expect(upcall?.cmd).to.equal(ovs.OVS_PACKET_CMD_ACTION);
    expect(upcall?.userdata?.toString()).to.equal(userdata.toString());
    expect(upcall?.packet?.toString('hex')).to.equal(udpFrame().toString('hex'));
    expect(upcall?.attributes.map(({ type }) => type)).to.deep.equal([
      ovs.OVS_PACKET_ATTR_KEY,
      ovs.OVS_PACKET_ATTR_USERDATA,
      ovs.OVS_PACKET_ATTR_HASH,
      ovs.OVS_PACKET_ATTR_PACKET,
    ]);
  });

  it('a truncated action upcall says how long the packet was', async () => {
    const { datapath, upcalls, outside } = rig();
    const actions = Buffer.concat([action.truncate(60), action.userspace(upcalls.pid)]);
    datapath.putFlow({ key: udpKey(1), actions });
    const frame = udpFrame(1000, 2000, {}, Buffer.alloc(200));
    sendFrames(outside, 'h1', [frame]);
    const upcall = await upcalls.next();
    expect(upcall?.packet).to.have.length(60);
    const length = pick(upcall?.attributes ?? [], ovs.OVS_PACKET_ATTR_LEN);
    expect(length?.readUInt32LE()).to.equal(frame.length);
  });

  it('go to the channel that the port names, and to nobody without one', async () => {
    const { datapath, upcalls, outside } = rig();
    const other = datapath.openUpcalls();
    datapath.setUpcallPid(1, other.pid);
    sendFrames(outside, 'h1', [udpFrame()]);
    expect((await other.next())?.cmd).to.equal(ovs.OVS_PACKET_CMD_MISS);
    expect(await upcalls.next(200)).to.equal(undefined);
    datapath.setUpcallPid(1, 0);
    const { lost } = datapath.stats();
    sendFrames(outside, 'h1', [udpFrame()]);
    expect(await other.next(200)).to.equal(undefined);
    expect(datapath.stats().lost).to.equal(lost + 1);
    datapath.setUpcallPid(1, upcalls.pid);
    other.channel.close();
  });

  it('are decoded into rows by receive', async () => {
    const { datapath, outside } = rig();
    const channel = datapath.openOpsChannel();
    const batch = native().createUpcallBatch();
    datapath.setUpcallPid(3, channel.portId);
    sendFrames(outside, 'h3', [udpFrame(1111, 2222)]);
    const count = await eventually('an upcall', () => channel.receive(batch) || undefined);
    datapath.setUpcallPid(3, rig().upcalls.pid);
    expect(count).to.equal(1);
    expect(batch.rows[ovs.UPCALL_CMD]).to.equal(ovs.OVS_PACKET_CMD_MISS);
    expect(batch.rows[ovs.UPCALL_PACKET_LEN]).to.equal(udpFrame().length);
    const at = batch.rows[ovs.UPCALL_PACKET_OFF];
    const packet = Buffer.from(batch.slab.subarray(at, at + batch.rows[ovs.UPCALL_PACKET_LEN]));
    expect(packet.toString('hex')).to.equal(udpFrame(1111, 2222).toString('hex'));
    expect([batch.keys[ovs.F_IN_PORT], batch.keys[ovs.F_TP_SRC], batch.keys[ovs.F_TP_DST]]).to.deep.equal([
      3, 1111, 2222,
    ]);
    channel.close();
  });

  it('are counted: hit, missed', async () => {
    const { datapath, upcalls, outside } = rig();
    const before = datapath.stats();
    sendFrames(outside, 'h1', [udpFrame()]);
    await upcalls.next();
    datapath.putFlow({ key: udpKey(1), actions: Buffer.alloc(0) });
    sendFrames(outside, 'h1', [udpFrame(), udpFrame()]);
    const counted = () => {
      const { hit, missed } = datapath.stats();
      return { hit: hit - before.hit, missed: missed - before.missed };
    };
    await eventually('all three are looked up', () => counted().hit + counted().missed === 3);
    expect(counted()).to.deep.equal({ hit: 2, missed: 1 });
    expect(await upcalls.next(100)).to.equal(undefined);
  });
});

describeOnBoth(
  'upcalls that find no room',
  (rig) => {
    it('are counted as lost, the rest arrives', async () => {
      const { datapath, outside, upcalls } = rig();
      const count = 2000;
      // A channel that nobody reads, with little room.
      const channel = datapath.openOpsChannel();
      channel.setReceiveBuffer(64 * 1024);
      datapath.setUpcallPid(1, channel.portId);
      const before = datapath.stats();
      await flood(outside, 'h1', { count, rate: 10_000 });
      const after = datapath.stats();
      datapath.setUpcallPid(1, upcalls.pid);
      expect(after.missed - before.missed).to.equal(count);
      const lost = after.lost - before.lost;
      expect(lost).to.be.greaterThan(0).and.lessThan(count);
      let arrived = 0;
      const batch = native().createUpcallBatch();
      for (let n = channel.receive(batch); n > 0; n = channel.receive(batch)) arrived += n;
      expect(arrived + lost).to.equal(count);
      channel.close();
    });
  },
  { upcallQueueLength: 256 },
);
