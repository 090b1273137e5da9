import { expect } from 'chai';
import * as ovs from '../../ts/fields/index.js';
import { NLM_F_DUMP } from '../../ts/netlink/index.js';
import { attr, parseAttributes, pick, text, u32 } from '../support/attributes.js';
import { failure } from '../support/failure.js';
import { describeOnBoth } from '../support/rig.js';

const port = (number: number) => attr(ovs.OVS_VPORT_ATTR_PORT_NO, u32(number));
const device = (name: string) => attr(ovs.OVS_VPORT_ATTR_NAME, text(name));
const vportType = (type: number) => attr(ovs.OVS_VPORT_ATTR_TYPE, u32(type));
const pid = attr(ovs.OVS_VPORT_ATTR_UPCALL_PID, u32(0));
const dpName = (name: string) => attr(ovs.OVS_DP_ATTR_NAME, text(name));

describeOnBoth('datapaths', (rig) => {
  const get = (ifindex: number, ...attributes: Buffer[]) =>
    rig().datapath.request('ovs_datapath', ovs.OVS_DP_CMD_GET, 0, attributes, ifindex);

  it('are found by index and by name', () => {
    const { datapath } = rig();
    for (const [answer] of [get(datapath.ifindex), get(0, dpName(datapath.name))]) {
      expect(answer.dpIfindex).to.equal(datapath.ifindex);
      expect(pick(answer.attributes, ovs.OVS_DP_ATTR_NAME)?.toString()).to.equal(`${datapath.name}\0`);
      expect(pick(answer.attributes, ovs.OVS_DP_ATTR_USER_FEATURES)?.readUInt32LE()).to.equal(3);
      // struct ovs_dp_stats and struct ovs_dp_megaflow_stats
      expect(pick(answer.attributes, ovs.OVS_DP_ATTR_STATS)).to.have.length(32);
      expect(pick(answer.attributes, ovs.OVS_DP_ATTR_MEGAFLOW_STATS)).to.have.length(32);
    }
  });

  it('are listed by a dump', () => {
    const { datapath } = rig();
    const answers = datapath.request('ovs_datapath', ovs.OVS_DP_CMD_GET, NLM_F_DUMP, [], 0);
    expect(answers.map(({ dpIfindex }) => dpIfindex)).to.deep.equal([datapath.ifindex]);
  });

  it('ENODEV: get, set, delete one that is not there', () => {
    const { datapath } = rig();
    for (const cmd of [ovs.OVS_DP_CMD_GET, ovs.OVS_DP_CMD_SET, ovs.OVS_DP_CMD_DEL])
      expect(failure(() => datapath.request('ovs_datapath', cmd, 0, [dpName('absent')], 0))).to.equal(
        'ENODEV',
      );
  });

  it('EEXIST: the same name twice', () => {
    const { datapath } = rig();
    const attributes = [dpName(datapath.name), attr(ovs.OVS_DP_ATTR_UPCALL_PID, u32(0))];
    const create = () => datapath.request('ovs_datapath', ovs.OVS_DP_CMD_NEW, 0, attributes, 0);
    expect(failure(create)).to.equal('EEXIST');
  });

  it('EINVAL: without a name, and without an upcall port id', () => {
    const { datapath } = rig();
    const create = (attribute: Buffer) =>
      failure(() => datapath.request('ovs_datapath', ovs.OVS_DP_CMD_NEW, 0, [attribute], 0));
    expect(create(attr(ovs.OVS_DP_ATTR_UPCALL_PID, u32(0)))).to.equal('EINVAL');
    expect(create(dpName('other'))).to.equal('EINVAL');
  });

  it('EOPNOTSUPP: a feature that nobody knows', () => {
    const { datapath } = rig();
    const set = () =>
      datapath.request('ovs_datapath', ovs.OVS_DP_CMD_SET, 0, [
        attr(ovs.OVS_DP_ATTR_USER_FEATURES, u32(3 | (1 << 20))),
      ]);
    expect(failure(set)).to.equal('EOPNOTSUPP');
  });
});

describeOnBoth('ports', (rig) => {
  const request = (cmd: number, ...attributes: Buffer[]) =>
    rig().datapath.request('ovs_vport', cmd, 0, attributes);
  const add = (...attributes: Buffer[]) => failure(() => request(ovs.OVS_VPORT_CMD_NEW, ...attributes));

  it('are found by number and by name', () => {
    const { ports } = rig();
    for (const attribute of [port(ports[0]), device('p1')]) {
      const [{ attributes }] = request(ovs.OVS_VPORT_CMD_GET, attribute);
      expect(pick(attributes, ovs.OVS_VPORT_ATTR_NAME)?.toString()).to.equal('p1\0');
      expect(pick(attributes, ovs.OVS_VPORT_ATTR_PORT_NO)?.readUInt32LE()).to.equal(ports[0]);
      expect(pick(attributes, ovs.OVS_VPORT_ATTR_TYPE)?.readUInt32LE()).to.equal(ovs.OVS_VPORT_TYPE_NETDEV);
      expect(pick(attributes, ovs.OVS_VPORT_ATTR_UPCALL_PID)?.readUInt32LE()).to.equal(rig().upcalls.pid);
      // struct ovs_vport_stats
      expect(pick(attributes, ovs.OVS_VPORT_ATTR_STATS)).to.have.length(64);
    }
  });

  it('are numbered from 1 as they come; 0 is the internal one named as the datapath', () => {
    const { datapath, ports } = rig();
    expect(ports).to.deep.equal([1, 2, 3]);
    const answers = datapath.request('ovs_vport', ovs.OVS_VPORT_CMD_GET, NLM_F_DUMP, []);
    const shown = answers.map(({ attributes }) => ({
      number: pick(attributes, ovs.OVS_VPORT_ATTR_PORT_NO)?.readUInt32LE(),
      name: pick(attributes, ovs.OVS_VPORT_ATTR_NAME)?.toString().slice(0, -1),
      type: pick(attributes, ovs.OVS_VPORT_ATTR_TYPE)?.readUInt32LE(),
    }));
    expect(shown).to.have.deep.members([
      { number: 0, name: datapath.name, type: ovs.OVS_VPORT_TYPE_INTERNAL },
      { number: 1, name: 'p1', type: ovs.OVS_VPORT_TYPE_NETDEV },
      { number: 2, name: 'p2', type: ovs.OVS_VPORT_TYPE_NETDEV },
      { number: 3, name: 'p3', type: ovs.OVS_VPORT_TYPE_NETDEV },
    ]);
  });

  it('that are internal become devices of the namespace, and go', () => {
    const { datapath, inside } = rig();
    const internal = [vportType(ovs.OVS_VPORT_TYPE_INTERNAL), device('spint'), port(77), pid];
    datapath.request('ovs_vport', ovs.OVS_VPORT_CMD_NEW, 0, internal);
    expect(inside.ip('link show')).to.match(/spint/);
    request(ovs.OVS_VPORT_CMD_DEL, port(77));
    expect(inside.ip('link show')).not.to.match(/spint/);
  });

  it('take the number asked for', () => {
    const { datapath } = rig();
    const { ports } = rig();
    request(ovs.OVS_VPORT_CMD_DEL, port(ports[2]));
    expect(datapath.addPort('p3', rig().upcalls.pid, 40000)).to.equal(40000);
    request(ovs.OVS_VPORT_CMD_DEL, port(40000));
    expect(datapath.addPort('p3', rig().upcalls.pid)).to.equal(ports[2]);
  });

  it('EEXIST: a device that is a port already; EBUSY: a number that is taken', () => {
    expect(add(vportType(ovs.OVS_VPORT_TYPE_NETDEV), device('p1'), pid)).to.equal('EEXIST');
    const internal = vportType(ovs.OVS_VPORT_TYPE_INTERNAL);
    expect(add(internal, device('spbusy'), port(2), pid)).to.equal('EBUSY');
  });

  it('ENODEV: a device that is not there; EINVAL: the loopback device', () => {
    const netdev = vportType(ovs.OVS_VPORT_TYPE_NETDEV);
    expect(add(netdev, device('absent'), pid)).to.equal('ENODEV');
    expect(add(netdev, device('lo'), pid)).to.equal('EINVAL');
  });

  it('EFBIG: a number beyond the last', () => {
    expect(add(vportType(ovs.OVS_VPORT_TYPE_INTERNAL), device('sptoo'), port(65535), pid)).to.equal('EFBIG');
  });

  it('EINVAL: without a type, name or upcall port id', () => {
    const netdev = vportType(ovs.OVS_VPORT_TYPE_NETDEV);
    expect(add(device('p1'), pid)).to.equal('EINVAL');
    expect(add(netdev, pid)).to.equal('EINVAL');
    expect(add(netdev, device('p1'))).to.equal('EINVAL');
  });

  it('EINVAL: delete the local port; ENODEV: get or delete one that is not there', () => {
    expect(failure(() => request(ovs.OVS_VPORT_CMD_DEL, port(0)))).to.equal('EINVAL');
    expect(failure(() => request(ovs.OVS_VPORT_CMD_DEL, port(99)))).to.equal('ENODEV');
    expect(failure(() => request(ovs.OVS_VPORT_CMD_GET, port(99)))).to.equal('ENODEV');
    expect(failure(() => request(ovs.OVS_VPORT_CMD_GET, device('absent')))).to.equal('ENODEV');
  });

  it('in a datapath that is not there: ENODEV', () => {
    const get = () => rig().datapath.request('ovs_vport', ovs.OVS_VPORT_CMD_GET, 0, [port(0)], 0x7ffffff);
    expect(failure(get)).to.equal('ENODEV');
  });

  it('have a well-formed answer', () => {
    const [{ attributes }] = request(ovs.OVS_VPORT_CMD_GET, port(1));
    const types = attributes.map(({ type }) => type);
    expect(new Set(types).size).to.equal(types.length);
    expect(() =>
      parseAttributes(Buffer.concat(attributes.map(({ type, bytes }) => attr(type, bytes)))),
    ).not.to.throw();
  });
});
