import { expect } from 'chai';
import { netflowSettings } from '../../ts/exporters/netflow/settings.js';
import { emptyConfiguration, vsctl } from '../../ts/config/index.js';
import { NETFLOW_DROP } from '../../ts/xlate/index.js';
import { netflowFlow, NetflowRig } from '../support/netflow.js';
import { needsTshark } from '../support/tshark.js';

const ipv6 = (last: number) => Int32Array.of(0x20010db8, 0, 0, last);

describe('NetFlow: the cache', () => {
  it('counts a flow until it ends, and then sends one record', () => {
    const rig = new NetflowRig();
    for (let i = 0; i < 3; i++) rig.counted(netflowFlow());
    rig.pass(5000);
    expect(rig.messages).to.have.length(0);
    rig.exporter.ended(netflowFlow());
    rig.exporter.ended(netflowFlow());
    rig.pass(100);
    expect([rig.messages.length, rig.counters.records]).to.deep.equal([1, 1]);
  });

  it('a flow that goes on has a record each active timeout; one that pauses is forgotten, and begins anew', () => {
    const rig = new NetflowRig({ activeTimeout: 3000 });
    for (let second = 0; second < 9; second++) {
      rig.counted(netflowFlow());
      rig.pass(1000);
    }
    const sent = rig.messages.length;
    expect(sent).to.be.within(2, 3);
    rig.pass(10_000);
    expect(rig.counters.records).to.equal(3);
    rig.counted(netflowFlow());
    rig.exporter.ended(netflowFlow());
    expect(rig.counters.records).to.equal(4);
  });

  it('without an active timeout only the end of a flow has a record', () => {
    const rig = new NetflowRig({ activeTimeout: 0 });
    rig.counted(netflowFlow());
    rig.pass(700_000);
    expect(rig.messages).to.have.length(0);
    rig.exporter.close();
    expect(rig.messages).to.have.length(1);
  });

  it('a shorter timeout counts at once', () => {
    const rig = new NetflowRig({ activeTimeout: 600_000 });
    rig.counted(netflowFlow());
    rig.pass(1000);
    // Its output changes: the next timeout of this flow would begin in ten minutes.
    rig.counted(netflowFlow({ output: 3 }));
    rig.configure({ activeTimeout: 2000 });
    rig.pass(3500);
    expect(rig.counters.records).to.equal(2);
  });

  it('is bounded: of too many flows some are sent early', function () {
    this.timeout(120_000);
    const rig = new NetflowRig({ activeTimeout: 0 });
    const flows = (1 << 18) + 100;
    const flow = netflowFlow();
    for (let i = 0; i < flows; i++) {
      flow.src[0] = i;
      rig.counted(flow);
    }
    expect(rig.counters).to.deep.equal({ records: 100, evicted: 100, impossible: 0 });
    rig.exporter.close();
    expect(rig.counters.records).to.equal(flows);
  });

  it('warns of an engine id that interfaces cannot hold', () => {
    expect(new NetflowRig({ addIdToInterface: true, engineId: 127 }).warnings).to.have.length(0);
    expect(new NetflowRig({ addIdToInterface: true, engineId: 128 }).warnings).to.have.length(1);
  });
});

describe('NetFlow: the settings of a record', () => {
  const settings = (...words: string[]) => {
    const { configuration } = vsctl(emptyConfiguration(), [
      ...['add-br', 'br0', '--', 'set', 'bridge', 'br0', 'netflow=@n', '--', '--id=@n', 'create', 'NetFlow'],
      ...['targets="10.0.0.1:2055"', ...words],
    ]);
    return netflowSettings(configuration, configuration.named('Bridge', 'br0')!, 0x1234)!;
  };

  it('are those of OVS, where nothing is said', () => {
    expect(settings()).to.deep.equal({
      ...{ targets: ['10.0.0.1:2055'], version: 5, engineType: 0x34, engineId: 0x34 },
      ...{ addIdToInterface: false, activeTimeout: 600_000 },
    });
  });

  it('timeout 0 is the default, -1 none; version 9 is asked for by external_ids', () => {
    expect(settings('active_timeout=0').activeTimeout).to.equal(600_000);
    expect(settings('active_timeout=-1').activeTimeout).to.equal(0);
    expect(settings('active_timeout=7').activeTimeout).to.equal(7000);
    expect(settings('external_ids:version=9').version).to.equal(9);
    expect(settings('external_ids:version=7').version).to.equal(5);
    expect(settings('engine_type=1', 'engine_id=2', 'add_id_to_interface=true')).to.include({
      ...{ engineType: 1, engineId: 2, addIdToInterface: true },
    });
  });
});

describe('NetFlow: what tshark reads', function () {
  this.timeout(120_000);
  before(function () {
    needsTshark(this);
  });

  it('every field of version 5', async () => {
    const rig = new NetflowRig();
    rig.pass(250);
    const flow = netflowFlow({
      nwProto: 6,
      tpSrc: 40000,
      tpDst: 80,
      nwTos: 0xb8,
      inPort: 3,
      output: NETFLOW_DROP,
    });
    rig.counted(flow, 1, 74, 0x02);
    rig.pass(500);
    rig.counted(flow, 2, 3000, 0x18);
    rig.exporter.close();
    expect(await rig.records()).to.deep.equal([
      {
        ...{
          srcaddr: '10.0.0.1',
          dstaddr: '10.0.0.2',
          nexthop: '0.0.0.0',
          inputint: '3',
          outputint: '65533',
        },
        ...{ packets: '3', octets: '3074', srcport: '40000', dstport: '80', tcpflags: '0x1a', protocol: '6' },
        ...{ timedelta: '0.500000000', timestart: '0.250000000', timeend: '0.750000000', tos: '0xb8' },
        ...{ srcas: '0', dstas: '0', srcmask: '0', dstmask: '0', padding: '00:00' },
      },
    ]);
    const [message] = rig.messages;
    expect(message.length).to.equal(24 + 48);
    expect([message.readUInt16BE(0), message.readUInt16BE(2), message.readUInt32BE(4)]).to.deep.equal([
      5, 1, 750,
    ]);
    expect([message.readUInt32BE(8), message.readUInt32BE(12)]).to.deep.equal([1700001000, 750_000_000]);
    expect([message.readUInt32BE(16), message[20], message[21], message.readUInt16BE(22)]).to.deep.equal([
      0, 3, 7, 0,
    ]);
  });

  it('messages of at most 30 records, whose sequence numbers have no gap', () => {
    const rig = new NetflowRig();
    for (let i = 0; i < 70; i++) rig.counted(netflowFlow({ tpSrc: i }));
    rig.exporter.close();
    const heads = rig.messages.map((message) => [
      message.readUInt16BE(2),
      message.readUInt32BE(16),
      message.length,
    ]);
    expect(heads).to.deep.equal([
      [30, 0, 1464],
      [30, 30, 1464],
      [10, 60, 504],
    ]);
  });

  it('interfaces with the engine id in their upper bits, and type and code of ICMP as a port', async () => {
    const rig = new NetflowRig({ addIdToInterface: true, engineId: 5 });
    rig.counted(netflowFlow({ inPort: 0x3ff, output: 0xffff, nwProto: 1, tpSrc: 3, tpDst: 1 }));
    rig.exporter.close();
    const [record] = await rig.records();
    const engine = 5 << 9;
    expect(record).to.include({ inputint: String(engine | 0x1ff), outputint: String(engine | 0x1ff) });
    expect(record).to.include({ srcport: '0', dstport: String(0x301) });
  });

  it('more bytes than 32 bits hold, in several records; more than any link carries, in none', async () => {
    const rig = new NetflowRig();
    rig.counted(netflowFlow(), 10_000_001, 2.5 * 2 ** 32);
    rig.exporter.ended(netflowFlow());
    rig.counted(netflowFlow(), 1, 177 * 2 ** 32);
    rig.exporter.close();
    const records = await rig.records();
    expect(records.map(({ packets }) => packets)).to.deep.equal(['3333333', '3333334', '3333334']);
    expect(records.reduce((sum, { octets }) => sum + Number(octets), 0)).to.equal(2.5 * 2 ** 32);
    expect(rig.counters).to.deep.equal({ records: 1, evicted: 0, impossible: 1 });
  });

  it('every field of version 9: IPv4, IPv6, VLANs, 64-bit counters', async () => {
    const rig = new NetflowRig({ version: 9 });
    rig.pass(250);
    rig.counted(netflowFlow({ nwProto: 6, nwTos: 0xb8, vlanIn: 7, vlanOut: 9 }), 2 ** 33, 2 ** 40, 0x12);
    rig.counted(netflowFlow({ ipVersion: 6, src: ipv6(1), dst: ipv6(2), nwProto: 58, tpSrc: 128, tpDst: 1 }));
    rig.pass(250);
    rig.exporter.close();
    const [four, six] = await rig.records();
    expect(four).to.include({
      ...{
        octets: String(2 ** 40),
        packets: String(2 ** 33),
        timestart: '0.250000000',
        timeend: '0.250000000',
      },
      ...{ srcaddr: '10.0.0.1', dstaddr: '10.0.0.2', srcport: '1000', dstport: '53', inputint: '1' },
      ...{ outputint: '2', vlanid: '7', post_vlanid: '9', protocol: '6', tos: '0xb8', tcpflags: '0x12' },
      ...{ ip_version: '4', engine_type: '3', engine_id: '7', icmp_type_code_ipv4: '0x0000' },
    });
    expect(six).to.include({
      ...{ octets: '60', packets: '1', srcaddrv6: '2001:db8::1', dstaddrv6: '2001:db8::2', ip_version: '6' },
      ...{ protocol: '58', dstport: String(0x8001), icmp_type_code_ipv4: '0x8001', vlanid: '0' },
    });
  });

  it('version 9 sends templates first, after 20 messages, after a minute and to others', () => {
    const rig = new NetflowRig({ version: 9, activeTimeout: 0 });
    const templates = () => rig.messages.splice(0).map((message) => message.readUInt16BE(20) === 0);
    const send = (count: number) => {
      for (let i = 0; i < count; i++) {
        rig.counted(netflowFlow());
        rig.exporter.ended(netflowFlow());
        rig.pass(100);
      }
    };
    send(21);
    expect(templates()).to.deep.equal([true, ...Array.from({ length: 19 }, () => false), true]);
    send(1);
    rig.pass(60_000);
    send(1);
    expect(templates()).to.deep.equal([false, true]);
    rig.configure({ version: 9, targets: ['10.0.0.9'] });
    send(1);
    expect(templates()).to.deep.equal([true]);
  });

  it('FlowSets of version 9 have the lengths that RFC 3954 asks for', () => {
    const rig = new NetflowRig({ version: 9 });
    for (let i = 0; i < 100; i++) {
      rig.counted(netflowFlow({ tpSrc: i }));
      rig.counted(netflowFlow({ ipVersion: 6, src: ipv6(i), dst: ipv6(1) }));
    }
    rig.exporter.close();
    expect(rig.messages.length).to.be.greaterThan(5);
    for (const [i, message] of rig.messages.entries()) {
      expect(message.length).to.be.at.most(1400);
      expect(message.readUInt32BE(12), 'sequence').to.equal(i);
      let at = 20;
      while (at < message.length) {
        const length = message.readUInt16BE(at + 2);
        expect(length % 4).to.equal(0);
        at += length;
      }
      expect(at).to.equal(message.length);
    }
  });

  it('of version 5 there is no IPv6', () => {
    const rig = new NetflowRig();
    rig.counted(netflowFlow({ ipVersion: 6, src: ipv6(1), dst: ipv6(2) }));
    rig.exporter.close();
    expect(rig.messages).to.have.length(0);
  });
});
