import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Bridge, BridgeModel } from '../../ts/bridge/index.js';
import { emptyConfiguration, vsctl } from '../../ts/config/index.js';
import type { Datapath } from '../../ts/datapath/index.js';
import { SflowDatagrams } from '../../ts/exporters/sflow/datagrams.js';
import { writeFlowSample } from '../../ts/exporters/sflow/flow-sample.js';
import { sflowProtocol } from '../../ts/exporters/sflow/index.js';
import {
  F_ETH_TYPE,
  F_MPLS_LSE0,
  F_PACKET_TYPE,
  F_TUN_DST,
  F_TUN_ID,
  F_TUN_IPV6_DST,
  F_TUN_SRC,
  F_VLAN_TCI,
  FLOW_WORDS,
  UPCALL_ACTIONS_LEN,
  UPCALL_ACTIONS_OFF,
  UPCALL_UFID,
} from '../../ts/fields/index.js';
import { parseActions } from '../../ts/flow/index.js';
import { UkeyTable } from '../../ts/ukey/index.js';
import type { Snapshot } from '../../ts/xlate/index.js';
import { eventually } from '../support/eventually.js';
import { root } from '../support/processes.js';
import { parseSflow, SflowListener } from '../support/sflow.js';
import {
  AGENT,
  datagramOf,
  egressOf,
  openExporter,
  OVER_IPV6,
  packetOf,
  VXLAN,
} from '../support/sflow-rig.js';
import { complaintsOf, dissect, needsTshark } from '../support/tshark.js';

describe('exporters: sFlow records', () => {
  it('of Open vSwitch 3.1.0 are read by the decoder of these tests', () => {
    const file = join(root, 'test/fixtures/sflow-ovs310.json');
    const datagrams = (JSON.parse(readFileSync(file, 'utf8')) as string[]).map((hex) =>
      parseSflow(Buffer.from(hex, 'hex')),
    );
    const samples = datagrams.flatMap((datagram) => datagram.samples);
    const names = new Set(samples.flatMap(({ records }) => Object.keys(records)));
    const counters = ['datapath', 'app', 'ethernet', 'openflowPort', 'portName', 'generic', 'lacp'];
    expect([...names]).to.have.members([...counters, 'switch', 'header']);
  });

  it('tell the tunnel that a packet came by, and the one that it leaves by', () => {
    const keys = new Int32Array(FLOW_WORDS);
    keys[F_TUN_SRC] = 0x0a000001;
    keys[F_TUN_DST] = 0x0a000002;
    keys[F_TUN_ID + 1] = 9;
    const packet = packetOf({ keys, tunnelProto: 47, egressProto: 17, egress: egressOf(`${VXLAN},4`) });
    const [{ records }] = parseSflow(datagramOf(packet)).samples;
    const common = { length: 0, tcpFlags: 0 };
    expect(records.ipv4TunnelEgress).to.deep.equal({
      ...common,
      ...{ protocol: 17, src: '172.31.0.1', dst: '172.31.0.2', srcPort: 5555, dstPort: 4789, tos: 0x28 },
    });
    expect(records.vniEgress).to.deep.equal({ vni: 0x7b });
    expect(records.ipv4TunnelIngress).to.deep.equal({
      ...common,
      ...{ protocol: 47, src: '10.0.0.1', dst: '10.0.0.2', srcPort: 0, dstPort: 0, tos: 0 },
    });
    expect(records.vniIngress).to.deep.equal({ vni: 9 });
    const [six] = parseSflow(
      datagramOf(packetOf({ egressProto: 17, egress: egressOf(`${OVER_IPV6},4`) })),
    ).samples;
    expect(six.records.ipv6TunnelEgress).to.deep.include({
      src: `fd00${'0'.repeat(27)}1`,
      dst: `fd00${'0'.repeat(27)}2`,
      dstPort: 6081,
    });
    keys.fill(0);
    keys[F_TUN_IPV6_DST + 3] = 1;
    const [came] = parseSflow(datagramOf(packetOf({ keys }))).samples;
    expect(came.records.ipv6TunnelIngress).to.deep.include({ dst: `${'0'.repeat(31)}1` });
    expect(came.records).not.to.have.property('vniIngress');
  });

  it('tell no tunnel in a tunnel, and labels only where they are known', () => {
    const twice = egressOf(`${VXLAN},${OVER_IPV6},4`);
    expect(parseSflow(datagramOf(packetOf({ egress: twice }))).samples[0].records).to.have.all.keys(
      'switch',
      'header',
    );
    const push = 'push_mpls(label=1,tc=0,ttl=64,bos=1,eth_type=0x8847)';
    expect(egressOf([push, push, push, push, '4'].join())).to.include({ labelsUnknown: true, labelCount: 3 });
    expect(egressOf('pop_mpls(eth_type=0x800),4')).to.include({ labelsUnknown: true });
    expect(egressOf(`clone(${push},4)`)).to.include({ labelCount: 1, port: 4 });
    const keys = new Int32Array(FLOW_WORDS);
    keys[F_ETH_TYPE] = 0x8847;
    keys[F_MPLS_LSE0] = 0x00005040;
    keys[F_MPLS_LSE0 + 1] = 0x00006140;
    const popped = egressOf('pop_mpls(eth_type=0x8847),4', keys);
    expect([popped.labelCount, popped.labels[0]]).to.deep.equal([1, 0x00006140]);
  });

  it('name what packets without an Ethernet header begin with', () => {
    const keys = new Int32Array(FLOW_WORDS);
    for (const [etherType, protocol] of [
      [0x0800, 11],
      [0x86dd, 12],
      [0x8847, 13],
    ]) {
      keys[F_PACKET_TYPE] = 0x10000 | etherType;
      const [{ records }] = parseSflow(datagramOf(packetOf({ keys, wireLength: 100 }))).samples;
      expect(records.header).to.deep.include({ protocol, frameLength: 100, stripped: 0 });
    }
  });

  it('go with the next datagram when one is full', () => {
    const sent: Buffer[] = [];
    const datagrams = new SflowDatagrams(3, 0, (datagram) => sent.push(Buffer.from(datagram)));
    datagrams.setAgent(AGENT, 0);
    for (let i = 1; i <= 20; i++) writeFlowSample(datagrams, packetOf({ sequence: i }), i);
    datagrams.flush(99);
    const parsed = sent.map(parseSflow);
    expect(sent.every(({ length }) => length <= 1400)).to.equal(true);
    expect(parsed.map(({ sequence }) => sequence)).to.deep.equal(parsed.map((_, i) => i + 1));
    expect(parsed.flatMap(({ samples }) => samples.map(({ sequence }) => sequence))).to.deep.equal(
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    expect(parsed.at(-1)).to.include({ uptime: 99, subAgent: 3, agent: '10.0.0.1' });
  });

  it('of any packet are decoded by tshark, none malformed', async function () {
    this.timeout(120_000);
    needsTshark(this);
    const word = fc.integer({ min: 0, max: 0xffffffff });
    const actions = fc.constantFrom(
      '4',
      `${VXLAN},4`,
      `${OVER_IPV6},4`,
      'push_mpls(label=1,tc=0,ttl=64,bos=1,eth_type=0x8847),4',
    );
    const packet = fc.record({
      ...{ sequence: word, sampling: word, pool: word, drops: word, input: word, output: word },
      ...{ egressTci: fc.integer({ min: 0, max: 0xffff }), tunnelProto: fc.integer({ min: 0, max: 255 }) },
      ...{ length: fc.integer({ min: 0, max: 1024 }), wireLength: fc.integer({ min: 1024, max: 65535 }) },
      ...{ bytes: fc.uint8Array({ minLength: 1024, maxLength: 1024 }), actions: fc.option(actions) },
      words: fc.array(word, { minLength: 12, maxLength: 12 }),
    });
    const datagramsOf = (tunnels: boolean) =>
      fc.sample(packet, 300).map(({ actions, words, ...one }) => {
        const keys = new Int32Array(FLOW_WORDS);
        for (let i = 0; tunnels && i < 4; i++) keys[F_TUN_SRC + i] = words[i];
        keys[F_TUN_ID + 1] = words[5];
        keys[F_VLAN_TCI] = words[6] & 0xffff;
        const told = actions !== null && (tunnels || !actions.includes('tunnel'));
        return datagramOf(packetOf({ ...one, keys, egress: told ? egressOf(actions) : null }));
      });
    for (const datagram of datagramsOf(true)) parseSflow(datagram);
    // tshark 4.0 does not know the records of tunnels, and takes the content of records that it does not know for further ones.
    const datagrams = datagramsOf(false);
    const shown = await dissect(datagrams, 'sflow', 6343);
    const refused = datagrams.filter((_, i) => complaintsOf([shown[i]]).length > 0);
    expect(refused.map((datagram) => datagram.toString('hex'))).to.deep.equal([]);
  });
});

describe('exporters: sFlow of a bridge', () => {
  it('uses the actions that came with the packet, else those of the flow that is installed, else none', async () => {
    const { listener, exporter, batch, ukeys, protocol, seconds, take } = await openExporter();
    // The address of the agent is that of the route to the collector, which is not known at once.
    take();
    await eventually('the agent has an address', () => {
      seconds(1);
      take();
      return protocol.counters.flow_samples > 0;
    });
    const early = protocol.counters.agentless;
    take();
    const installed = parseActions(`${VXLAN},4`);
    const flow = {
      ...{ ufid: batch.rows, ufidAt: UPCALL_UFID, key: batch.slab, keyOffset: 0, keyLength: 4 },
      ...{
        mask: new Int32Array(FLOW_WORDS),
        maskBase: 0,
        actions: installed,
        actionsLength: installed.length,
      },
      ...{ inPort: 3, slow: 0, generation: 1 },
    };
    ukeys.add(flow, 0);
    take();
    const passed = parseActions(`${OVER_IPV6},4`);
    batch.slab.set(passed, 2048);
    batch.rows[UPCALL_ACTIONS_OFF] = 2048;
    batch.rows[UPCALL_ACTIONS_LEN] = passed.length;
    take();
    exporter.close();
    const samples = await listener.until('flow', 4);
    listener.close();
    expect(
      samples.map(({ records }) => Object.keys(records).filter((name) => /tunnel/i.test(name))),
    ).to.deep.equal([[], [], ['ipv4TunnelEgress'], ['ipv6TunnelEgress']]);
    expect(samples.map(({ sequence }) => sequence)).to.deep.equal([1, 2, 3, 4]);
    expect(samples.map(({ fields }) => fields)).to.deep.equal(
      samples.map((_, i) => ({
        sampling: 4,
        pool: 4 * (early + i + 1),
        drops: early,
        input: 33,
        output: 44,
      })),
    );
    expect(samples[0].records.switch).to.deep.equal({
      srcVlan: 0,
      srcPriority: 0,
      dstVlan: 5,
      dstPriority: 0,
    });
    expect(early).to.be.above(0);
  });

  it('is a sub-agent of its own; the first of them tells the counters of the whole switch', async () => {
    const listener = await SflowListener.start();
    const words = ['br0', 'br1'].flatMap((name) => [
      ...['--', 'add-br', name, '--', `--id=@${name}`, 'create', 'sFlow', `targets="${listener.target}"`],
      ...['agent=10.0.0.1', 'polling=1', '--', 'set', 'Bridge', name, `sflow=@${name}`],
    ]);
    const { configuration } = vsctl(emptyConfiguration(), words);
    const model = new BridgeModel(() => -1);
    model.configure(configuration, () => ({ ofport: 1, odpPort: 1, ifindex: 0, running: true }));
    let now = 0;
    const stats = { hit: 2 ** 32 + 5, missed: 1, lost: 2, maskHits: 3, flows: 4, masks: 5, cacheHits: 6 };
    const protocol = sflowProtocol({
      datapath: { stats: () => stats } as Datapath,
      bridges: model.bridges,
      ukeys: new UkeyTable(),
      snapshot: () => ({}) as Snapshot,
      now: () => now,
      warn() {},
    });
    const open = (name: string) => {
      const exporter = protocol.create(model.bridges.get(name) as Bridge);
      exporter.configure(protocol.settings(configuration, configuration.named('Bridge', name)!)!);
      return exporter;
    };
    const [one, two] = [open('br0'), open('br1')];
    const second = () => {
      now += 1000;
      for (const exporter of [one, two]) exporter.tick(now);
    };
    second();
    await listener.until('counters', 1);
    one.close();
    now += 1000;
    two.tick(now);
    const samples = await listener.until('counters', 2);
    const again = open('br0');
    now += 1000;
    for (const exporter of [two, again]) exporter.tick(now);
    await listener.until('counters', 3);
    for (const exporter of [two, again]) exporter.close();
    expect(samples.map(({ source }) => source)).to.deep.equal(['2:1000', '2:1001']);
    expect(listener.samples('counters')[2].source, 'the number that became free').to.equal('2:1000');
    expect(listener.parsed.map(({ subAgent }) => subAgent)).to.deep.equal([0, 1, 0]);
    const { maskHits: maskHit, cacheHits, ...same } = stats;
    expect(samples[0].records.datapath).to.deep.equal({ ...same, hit: 5, maskHit });
    expect(protocol.counters).to.include({ counter_samples: 3 });
    listener.close();
  });
});
