import { expect } from 'chai';
import * as ovs from '../../ts/fields/index.js';
import { attr, be16, parseAttributes, pick } from '../support/attributes.js';
import { failure } from '../support/failure.js';
import { checksumsHold, ethernet, MAC_A, MAC_B, mac, udpFrame } from '../support/frames.js';
import { action, key, udpKey } from '../support/odp.js';
import { headerAction } from '../support/odp-actions.js';
import { describeOnBoth } from '../support/rig.js';
import { Capture, sendFrames } from '../support/traffic.js';

const all = (...actions: Buffer[]) => Buffer.concat(actions);
const hex = (frames: readonly Buffer[]) => frames.map((frame) => frame.toString('hex'));
const OUTER = all(mac('06:00:00:00:00:02'), mac('06:00:00:00:00:01'));
const pushOuter = () => headerAction.pushEth('06:00:00:00:00:01', '06:00:00:00:00:02');
/** Label 100, bottom of the stack, TTL 64. */
const ENTRY = 0x00064140;
const entryBytes = Buffer.from('00064140', 'hex');

describeOnBoth('actions that put headers around packets', (rig) => {
  /** What comes out of h2 and h3 after `frame` went into h1. */
  async function through(frame: Buffer, expected: { h2?: number; h3?: number }) {
    const { outside } = rig();
    const { h2: n2 = 0, h3: n3 = 0 } = expected;
    const captures = [
      await Capture.start(outside, 'h2', n2 + 1, 30_000),
      await Capture.start(outside, 'h3', n3 + 1, 30_000),
    ];
    sendFrames(outside, 'h1', [frame]);
    const [h2, h3] = await Promise.all([captures[0].settled(n2), captures[1].settled(n3)]);
    return { h2, h3 };
  }
  const put = (...actions: Buffer[]) => rig().datapath.putFlow({ key: udpKey(1), actions: all(...actions) });
  const refusal = (...actions: Buffer[]) => failure(() => put(...actions));

  it('push_mpls, set mpls, pop_mpls', async () => {
    const set = action.setMasked(
      attr(ovs.OVS_KEY_ATTR_MPLS, Buffer.from('00000020', 'hex')),
      attr(ovs.OVS_KEY_ATTR_MPLS, Buffer.from('000000ff', 'hex')),
    );
    put(
      headerAction.pushMpls(ENTRY),
      action.output(2),
      set,
      action.output(2),
      headerAction.popMpls(0x0800),
      action.output(3),
    );
    const { h2, h3 } = await through(udpFrame(), { h2: 2, h3: 1 });
    const labelled = (entry: Buffer) =>
      all(udpFrame().subarray(0, 12), be16(0x8847), entry, udpFrame().subarray(14));
    expect(hex(h2)).to.deep.equal(hex([labelled(entryBytes), labelled(Buffer.from('00064120', 'hex'))]));
    expect(hex(h3)).to.deep.equal(hex([udpFrame()]));
  });

  it('add_mpls in front of the frame, push_eth around it', async () => {
    put(headerAction.addMpls(ENTRY), pushOuter(), action.output(2));
    const { h2 } = await through(udpFrame(), { h2: 1 });
    expect(hex(h2)).to.deep.equal(hex([all(OUTER, be16(0x8847), entryBytes, udpFrame())]));
  });

  it('pop_eth and push_eth; no Ethernet device takes what is between', async () => {
    put(headerAction.popEth(), action.output(3), pushOuter(), action.output(2));
    const { h2, h3 } = await through(udpFrame(), { h2: 1 });
    expect(hex(h2)).to.deep.equal(hex([all(OUTER, udpFrame().subarray(12))]));
    expect(h3).to.deep.equal([]);
  });

  it('pop_eth and recirc: the upcall is about a packet without Ethernet header', async () => {
    put(headerAction.popEth(), action.recirc(31));
    await through(udpFrame(), {});
    const upcall = await rig().upcalls.next();
    const attributes = parseAttributes(upcall?.key ?? Buffer.alloc(0));
    expect(pick(attributes, ovs.OVS_KEY_ATTR_ETHERNET)).to.equal(undefined);
    expect(pick(attributes, ovs.OVS_KEY_ATTR_ETHERTYPE)?.readUInt16BE()).to.equal(0x0800);
    expect(pick(attributes, ovs.OVS_KEY_ATTR_UDP)?.readUInt16BE(2)).to.equal(2000);
    expect(upcall?.packet?.toString('hex')).to.equal(udpFrame().subarray(14).toString('hex'));
  });

  it('a flow for packets without Ethernet header is not one for frames', async () => {
    const { datapath } = rig();
    const rest = udpKey(1).subarray(key.recircId(0).length + key.inPort(1).length + key.ethernet().length);
    datapath.putFlow({
      key: all(key.recircId(32), key.inPort(1), rest),
      actions: all(pushOuter(), action.output(2)),
    });
    put(action.clone(headerAction.popEth(), action.recirc(32)), action.recirc(32));
    const { h2 } = await through(udpFrame(), { h2: 1 });
    expect(hex(h2)).to.deep.equal(hex([all(OUTER, udpFrame().subarray(12))]));
    expect((await rig().upcalls.next())?.packet?.toString('hex')).to.equal(udpFrame().toString('hex'));
  });

  it('push_nsh around the frame; the next pass sees it and pops it', async () => {
    const { datapath } = rig();
    const context = Buffer.alloc(16, 0x11);
    put(headerAction.pushNsh(2, 63, 0x7ff, context), pushOuter(), action.output(2), action.recirc(33));
    await through(udpFrame(), { h2: 1 });
    const upcall = await rig().upcalls.next();
    const header = Buffer.from(`2fc60103000007ff${'11'.repeat(16)}`, 'hex');
    expect(upcall?.packet?.toString('hex')).to.equal(
      all(OUTER, be16(0x894f), header, udpFrame()).toString('hex'),
    );
    const nsh = pick(parseAttributes(upcall?.key ?? Buffer.alloc(0)), ovs.OVS_KEY_ATTR_NSH);
    const base = pick(parseAttributes(nsh ?? Buffer.alloc(0)), ovs.OVS_NSH_KEY_ATTR_BASE);
    expect(base?.toString('hex')).to.equal('023f0103000007ff');
    const actions = all(headerAction.popEth(), headerAction.popNsh(), action.output(3));
    datapath.putFlow({ key: upcall?.key ?? Buffer.alloc(0), actions });
    const { h3 } = await through(udpFrame(), { h2: 1, h3: 1 });
    expect(hex(h3)).to.deep.equal(hex([udpFrame()]));
  });

  it('dec_ttl: one less with a right checksum; at its end its own actions', async () => {
    put(headerAction.decTtl(action.output(3)), action.output(2));
    const { h2 } = await through(udpFrame(), { h2: 1 });
    expect(h2[0].readUInt8(22)).to.equal(63);
    expect(checksumsHold(h2[0])).to.equal(true);
    const mask = all(
      attr(ovs.OVS_KEY_ATTR_IN_PORT, Buffer.alloc(4, 0xff)),
      attr(ovs.OVS_KEY_ATTR_ETHERTYPE, be16(0xffff)),
    );
    rig().datapath.deleteFlow();
    rig().datapath.putFlow({
      key: udpKey(1),
      mask,
      actions: all(headerAction.decTtl(action.output(3)), action.output(2)),
    });
    const last = udpFrame(1000, 2000, { ttl: 1 });
    expect(hex((await through(last, { h3: 1 })).h3)).to.deep.equal(hex([last]));
  });

  it('check_pkt_len: at the limit and one above it, not counting the tag', async () => {
    const frame = udpFrame();
    const check = (limit: number) => headerAction.checkLength(limit, action.output(2), action.output(3));
    put(check(frame.length), check(frame.length - 1), action.pushVlan(0x1005), check(frame.length));
    const { h2, h3 } = await through(frame, { h2: 1, h3: 2 });
    const tagged = all(frame.subarray(0, 12), be16(0x8100, 5), frame.subarray(12));
    expect(hex(h2)).to.deep.equal(hex([frame]));
    expect(hex(h3)).to.deep.equal(hex([frame, tagged]));
  });

  it('meter: one that is not there lets everything pass', async () => {
    put(headerAction.meter(77), action.output(2));
    expect(hex((await through(udpFrame(), { h2: 1 })).h2)).to.deep.equal(hex([udpFrame()]));
  });

  it('EINVAL: headers that the flow cannot have', () => {
    const { pushMpls, addMpls, popMpls, popEth, popNsh, pushNsh, decTtl, checkLength } = headerAction;
    const tag = action.pushVlan(0x1001);
    const cases: Buffer[][] = [
      [pushMpls(ENTRY, 0x0800)],
      [tag, pushMpls(ENTRY)],
      [popMpls(0x0800)],
      [pushMpls(ENTRY), popMpls(0x6558)],
      [pushMpls(ENTRY), popMpls(0x8847), popMpls(0x0800)],
      [addMpls(ENTRY), tag],
      [tag, addMpls(ENTRY, 1)],
      [pushOuter()],
      [popEth(), popEth()],
      [tag, popEth()],
      [popEth(), action.popVlan()],
      [popEth(), action.setMasked(key.ethernet(), key.ethernet(MAC_A, MAC_B))],
      [popNsh()],
      [pushNsh(0, 63, 1, Buffer.alloc(12))],
      [attr(ovs.OVS_ACTION_ATTR_DEC_TTL)],
      [decTtl(action.output(70_000))],
      [checkLength(0, Buffer.alloc(0), Buffer.alloc(0))],
      [checkLength(1, action.output(70_000), Buffer.alloc(0))],
      [attr(ovs.OVS_ACTION_ATTR_CHECK_PKT_LEN, attr(1, Buffer.from([1, 0])))],
      [attr(ovs.OVS_ACTION_ATTR_METER, Buffer.alloc(2))],
    ];
    for (const [i, actions] of cases.entries()) expect(refusal(...actions), `case ${i}`).to.equal('EINVAL');
    expect(refusal(checkLength(1, Buffer.alloc(2), Buffer.alloc(0)))).to.equal('ERANGE');
    // In a list of its own the flow's key counts for whether there is an Ethernet header.
    expect(refusal(popEth(), action.clone(popEth()))).to.equal('no error');
  });

  it('ethernet frames of other types may be pushed into NSH, not into MPLS', () => {
    const frame = ethernet({ type: 0x88b5, payload: Buffer.alloc(46) });
    expect(frame).to.have.length(60);
    const other = all(key.recircId(0), key.inPort(1), key.ethernet(), key.etherType(0x88b5));
    const putOther = (...actions: Buffer[]) =>
      failure(() => rig().datapath.putFlow({ key: other, actions: all(...actions) }));
    expect(putOther(headerAction.pushMpls(ENTRY))).to.equal('EINVAL');
    expect(putOther(headerAction.pushNsh(0, 63, 1, Buffer.alloc(16)))).to.equal('no error');
  });
});
