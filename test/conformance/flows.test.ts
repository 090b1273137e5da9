import { expect } from 'chai';
import * as ovs from '../../ts/fields/index.js';
import { NLM_F_CREATE, NLM_F_EXCL } from '../../ts/netlink/index.js';
import { attr, parseAttributes, pick } from '../support/attributes.js';
import { udpFrame } from '../support/frames.js';
import { action, key, maskOf, udpKey } from '../support/odp.js';
import { failure } from '../support/failure.js';
import { describeOnBoth } from '../support/rig.js';
import { sendFrames } from '../support/traffic.js';

const none = Buffer.alloc(0);
const OMIT_KEY = 1;
const OMIT_MASK = 2;
const OMIT_ACTIONS = 4;
const ufid = (n: number) => Buffer.alloc(16, n);
const toPort = (n: number) => action.output(n);
/** Matches on the port and the Ethernet type only. */
const wide = (flowKey: Buffer) => maskOf(flowKey, [ovs.OVS_KEY_ATTR_IN_PORT, ovs.OVS_KEY_ATTR_ETHERTYPE]);

describeOnBoth('flows', (rig) => {
  it('are put and got by ufid: key, mask, actions', () => {
    const { datapath } = rig();
    datapath.putFlow({ key: udpKey(1), mask: wide(udpKey(1)), actions: toPort(2), ufid: ufid(1) });
    const flow = datapath.getFlow({ ufid: ufid(1) });
    expect(flow.ufid).to.deep.equal(ufid(1));
    expect(flow.actions).to.deep.equal(toPort(2));
    expect({ packets: flow.packets, bytes: flow.bytes, used: flow.used }).to.deep.equal({
      packets: 0,
      bytes: 0,
      used: undefined,
    });
    // What the mask leaves out may be shown as 0 or not at all.
    for (const type of [ovs.OVS_KEY_ATTR_IN_PORT, ovs.OVS_KEY_ATTR_ETHERTYPE]) {
      const size = type === ovs.OVS_KEY_ATTR_IN_PORT ? 4 : 2;
      expect(pick(parseAttributes(flow.key ?? none), type)).to.deep.equal(
        pick(parseAttributes(udpKey(1)), type),
      );
      expect(pick(parseAttributes(flow.mask ?? none), type)).to.deep.equal(Buffer.alloc(size, 0xff));
    }
    const ip = pick(parseAttributes(flow.mask ?? none), ovs.OVS_KEY_ATTR_IPV4);
    expect(ip ?? Buffer.alloc(12)).to.deep.equal(Buffer.alloc(12));
  });

  it('without ufid are known by their key', () => {
    const { datapath } = rig();
    datapath.putFlow({ key: udpKey(1), actions: toPort(2) });
    const flow = datapath.getFlow({ key: udpKey(1) });
    expect(flow.ufid).to.equal(undefined);
    expect(flow.actions).to.deep.equal(toPort(2));
    datapath.deleteFlow({ key: udpKey(1) });
    expect(failure(() => datapath.getFlow({ key: udpKey(1) }))).to.equal('ENOENT');
  });

  it('may have no actions: drop', () => {
    const { datapath } = rig();
    datapath.putFlow({ key: udpKey(1), actions: Buffer.alloc(0), ufid: ufid(1) });
    expect(datapath.getFlow({ ufid: ufid(1) }).actions).to.have.length(0);
  });

  it('EEXIST: put twice with NLM_F_CREATE or NLM_F_EXCL; without both the actions are replaced', () => {
    const { datapath } = rig();
    const flow = { key: udpKey(1), ufid: ufid(1) };
    datapath.putFlow({ ...flow, actions: toPort(2) });
    const again = { ...flow, actions: toPort(3) };
    for (const flag of [NLM_F_CREATE, NLM_F_EXCL])
      expect(failure(() => datapath.putFlow(again, flag))).to.equal('EEXIST');
    expect(datapath.getFlow(flow).actions).to.deep.equal(toPort(2));
    datapath.putFlow(again);
    expect(datapath.getFlow(flow).actions).to.deep.equal(toPort(3));
    expect(datapath.stats().flows).to.equal(1);
  });

  it('EEXIST: the same key under another mask', () => {
    const { datapath } = rig();
    datapath.putFlow({ key: udpKey(1), mask: wide(udpKey(1)), actions: toPort(2), ufid: ufid(1) });
    const second = { key: udpKey(1), actions: toPort(3), ufid: ufid(2) };
    expect(failure(() => datapath.putFlow(second, NLM_F_CREATE))).to.equal('EEXIST');
  });

  it('are modified in place, statistics kept or cleared', () => {
    const { datapath, outside } = rig();
    const flow = { key: udpKey(1), ufid: ufid(1) };
    datapath.putFlow({ ...flow, actions: toPort(2) });
    sendFrames(outside, 'h1', [udpFrame()]);
    datapath.setFlow({ ...flow, actions: toPort(3) });
    expect(datapath.getFlow(flow)).to.deep.include({ actions: toPort(3), packets: 1 });
    datapath.setFlow({ ...flow, actions: toPort(3), clear: true });
    expect(datapath.getFlow(flow)).to.deep.include({ packets: 0, bytes: 0, used: undefined });
  });

  it('are deleted, with their last statistics in the echo', () => {
    const { datapath, outside } = rig();
    const flow = { key: udpKey(1), ufid: ufid(1) };
    datapath.putFlow({ ...flow, actions: toPort(2) });
    sendFrames(outside, 'h1', [udpFrame(), udpFrame()]);
    const last = datapath.deleteFlow({ ufid: ufid(1) }, true);
    expect(last).to.deep.include({ packets: 2, bytes: 2 * udpFrame().length });
    expect(datapath.dumpFlows()).to.have.length(0);
  });

  it('ENOENT: get, modify, delete what is not there', () => {
    const { datapath } = rig();
    expect(failure(() => datapath.getFlow({ ufid: ufid(9) }))).to.equal('ENOENT');
    expect(failure(() => datapath.deleteFlow({ ufid: ufid(9) }))).to.equal('ENOENT');
    expect(failure(() => datapath.setFlow({ key: udpKey(1), ufid: ufid(9), actions: toPort(2) }))).to.equal(
      'ENOENT',
    );
  });

  it('EINVAL: no key, no actions, an attribute of the wrong length, a port beyond the last, a key without its Ethernet type', () => {
    const { datapath } = rig();
    const put = (request: { key?: Buffer; mask?: Buffer; actions?: Buffer }) =>
      failure(() => datapath.putFlow({ ...request, ufid: ufid(1) }));
    const actions = toPort(2);
    expect(put({ actions })).to.equal('EINVAL');
    expect(put({ key: udpKey(1) })).to.equal('EINVAL');
    expect(
      put({ key: Buffer.concat([udpKey(1), attr(ovs.OVS_KEY_ATTR_TCP_FLAGS, Buffer.alloc(3))]), actions }),
    ).to.equal('EINVAL');
    expect(put({ key: udpKey(1), actions: toPort(65535) })).to.equal('EINVAL');
    const noType = Buffer.concat([
      key.inPort(1),
      key.ethernet(),
      key.ipv4('10.0.0.1', '10.0.0.2', 17, 0, 64),
    ]);
    expect(put({ key: noType, actions })).to.equal('EINVAL');
    expect(put({ key: udpKey(1), actions: attr(200, Buffer.alloc(4)) })).to.equal('EINVAL');
  });

  it('EINVAL: set_masked with bits of the value outside of the mask', () => {
    const { datapath } = rig();
    const actions = action.setMasked(key.udp(1, 99), key.udp(0, 0xffff));
    expect(failure(() => datapath.putFlow({ key: udpKey(1), actions, ufid: ufid(1) }))).to.equal('EINVAL');
  });

  it('EINVAL: set a field that the key does not match', () => {
    const { datapath } = rig();
    const tcp = action.set(key.tcp(1, 2));
    expect(failure(() => datapath.putFlow({ key: udpKey(1), actions: tcp, ufid: ufid(1) }))).to.equal(
      'EINVAL',
    );
  });

  it('are dumped, all of them once', () => {
    const { datapath } = rig();
    const ports = Array.from({ length: 300 }, (_, i) => 1000 + i);
    for (const udpPort of ports)
      datapath.putFlow({ key: udpKey(1, udpPort), actions: toPort(2), ufid: u128(udpPort) });
    const flows = datapath.dumpFlows();
    expect(
      flows.map((flow) => flow.ufid?.readUInt16BE(0)).sort((a, b) => Number(a) - Number(b)),
    ).to.deep.equal(ports);
    expect(datapath.stats().flows).to.equal(ports.length);
  });

  it('are dumped tersely: ufid and statistics only', () => {
    const { datapath } = rig();
    datapath.putFlow({ key: udpKey(1), actions: toPort(2), ufid: ufid(1) });
    const [flow] = datapath.dumpFlows(OMIT_KEY | OMIT_MASK | OMIT_ACTIONS);
    expect(flow).to.deep.include({ ufid: ufid(1), key: undefined, mask: undefined, actions: undefined });
  });

  it('are flushed together', () => {
    const { datapath } = rig();
    for (const i of [1, 2, 3]) datapath.putFlow({ key: udpKey(i), actions: toPort(2), ufid: ufid(i) });
    datapath.deleteFlow();
    expect(datapath.dumpFlows()).to.have.length(0);
    expect(datapath.stats().flows).to.equal(0);
  });

  it('are not touched by a probe', () => {
    const { datapath } = rig();
    const attributes = [
      attr(ovs.OVS_FLOW_ATTR_PROBE),
      attr(ovs.OVS_FLOW_ATTR_UFID, ufid(1)),
      attr(ovs.OVS_FLOW_ATTR_KEY, udpKey(1)),
    ];
    const put = () => datapath.request('ovs_flow', ovs.OVS_FLOW_CMD_NEW, NLM_F_CREATE, attributes);
    expect(failure(put)).to.equal('EINVAL');
  });
});

/** A ufid that begins with a number. */
function u128(value: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16BE(value);
  return bytes;
}
