import { createSocket } from 'node:dgram';
import { expect } from 'chai';
import { NetlinkError } from '../../ts/errors/index.js';
import { Underlay } from '../../ts/exporters/sflow/underlay.js';
import { TunnelHeader } from '../../ts/exporters/tunnel-header.js';
import {
  F_SKB_MARK,
  F_TUN_DST,
  F_TUN_ID,
  F_TUN_IPV6_DST,
  F_TUN_IPV6_SRC,
  F_TUN_SRC,
  FLOW_WORDS,
  UPCALL_ACTIONS_LEN,
  UPCALL_ACTIONS_OFF,
} from '../../ts/fields/index.js';
import { parseActions } from '../../ts/flow/index.js';
import { native } from '../../ts/native/index.js';
import { type Link, NETLINK_ROUTE, RouteClient, type RouteQuestion } from '../../ts/netlink/index.js';
import { eventually } from '../support/eventually.js';
import { Lab, type Namespace } from '../support/netns.js';
import { needsNfdump, NfCollector } from '../support/nfdump.js';
import { parseSflow } from '../support/sflow.js';
import { datagramOf, egressOf, openExporter, OVER_IPV6, packetOf, VXLAN } from '../support/sflow-rig.js';
import { needsRoot } from '../support/skip.js';
import { Capture } from '../support/traffic.js';
import { joinUnderlay } from '../support/tunnel-rig.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const NEAR = Uint8Array.of(2, 0, 0, 0, 0, 0xa);
const FAR = Uint8Array.of(2, 0, 0, 0, 0, 0xf);

/** What is known of routes, and what was asked. */
class FakeRoute {
  readonly asked: RouteQuestion[] = [];
  far: Uint8Array | null = FAR;
  near = NEAR;
  error: Error | null = null;

  nextHop(question: RouteQuestion) {
    this.asked.push(question);
    if (this.error !== null) throw this.error;
    return { ifindex: 3, address: question.destination };
  }
  findLink(): Partial<Link> {
    return { mac: this.near };
  }
  neighbour() {
    return this.far;
  }
  /** A table that asks it. */
  table() {
    const counters = { outer_unknown: 0 };
    return { counters, underlay: new Underlay(this as unknown as RouteClient, counters) };
  }
}

function tunnelTo(dst: number, src = 0): TunnelHeader {
  return Object.assign(new TunnelHeader(), { dst, src });
}

/** A key of a packet that came from 10.0.0.1 to 10.0.0.2 with network identifier 9. */
function cameByTunnel(): Int32Array {
  const keys = new Int32Array(FLOW_WORDS);
  keys[F_TUN_SRC] = 0x0a000001;
  keys[F_TUN_DST] = 0x0a000002;
  keys[F_TUN_ID + 1] = 9;
  return keys;
}

/** Knows each link. */
function knowing(): Underlay {
  const { underlay } = new FakeRoute().table();
  const ask = () => {
    underlay.find('egress', egressOf(VXLAN).tunnel, 0, 0);
    underlay.find('egress', egressOf(OVER_IPV6).tunnel, 0, 0);
    const ingress = new TunnelHeader();
    ingress.readFlow(cameByTunnel(), 0);
    underlay.find('ingress', ingress, 0, 0);
  };
  ask();
  underlay.tick(0);
  return underlay;
}

describe('exporters: sFlow of the outer Ethernet headers of tunnels', () => {
  // What was sent before these records came into being.
  const BEFORE = [
    '00000005000000010a0000010000000000000001000001f4000000010000000100000104',
    '00000001020003e8000000400000004000000000000000030000000400000006',
    '000003e90000001000000000000000000000000000000000',
    '000000010000005c000000010000004e000000040000004a',
    '02000000000b02000000000a08004500003c00004000401126af0a0000010a00000203e807d000283a3e',
    '5a'.repeat(32),
    '0000',
  ].join('');
  const EGRESS =
    '000003ff000000200000000000000011ac1f0001ac1f0002000015b3000012b50000000000000028' +
    '00000405000000040000007b';
  const INGRESS =
    '000004000000002000000000000000' +
    '2f0a0000010a000002000000000000000000000000000000000000040600000004' +
    '00000009';
  const common = { tunnelProto: 47, egressProto: 17 };

  it('are records of the form that the specification gives them, and change no other', () => {
    const keys = cameByTunnel();
    const packet = { ...common, keys, egress: egressOf(`${VXLAN},4`) };
    expect(hex(datagramOf(packetOf(packet)))).to.equal(BEFORE + EGRESS + INGRESS);
    const told = hex(datagramOf(packetOf({ ...packet, underlay: knowing() })));
    const out = '000003fd00000018' + '00000000' + '02000000000a0000' + '02000000000f0000' + '00000800';
    const back = '000003fe00000018' + '00000000' + '02000000000f0000' + '02000000000a0000' + '00000800';
    // Two records more, of 32 bytes each.
    const longer = BEFORE.replace('00000104', '00000144').replace('0000000400000006', '0000000400000008');
    expect(told).to.equal(longer + out + EGRESS + back + INGRESS);
    const six = datagramOf(packetOf({ ...common, egress: egressOf(`${OVER_IPV6},4`), underlay: knowing() }));
    expect(parseSflow(six).samples[0].records.ethernetTunnelEgress).to.deep.equal({
      ...{ length: 0, src: '02:00:00:00:00:0a', dst: '02:00:00:00:00:0f', type: 0x86dd },
    });
  });

  it('are read by sfcapd', async function () {
    this.timeout(120_000);
    needsNfdump(this);
    // Of samples with network identifiers it reads nothing, whoever sends them: it takes the number for longer than it is.
    const egress = egressOf(`${VXLAN.replace('tun_id=0x7b,', '').replace('|key', '')},4`);
    const { underlay } = new FakeRoute().table();
    underlay.find('egress', egress.tunnel, 0, 0);
    underlay.tick(0);
    const sfcapd = await NfCollector.start('sfcapd');
    const socket = createSocket('udp4');
    try {
      socket.send(
        datagramOf(packetOf({ egress, underlay })),
        Number(sfcapd.target.split(':')[1]),
        '127.0.0.1',
      );
      await eventually('it hears of us', () => sfcapd.said.includes('New exporter: SysID'));
      const [flow] = await sfcapd.flows();
      expect(flow).to.include({ in_src_mac: '02:00:00:00:00:0a', out_dst_mac: '02:00:00:00:00:0f' });
    } finally {
      socket.close();
      await sfcapd.stop();
    }
  });

  it('are asked for outside of the way of samples, once a second while they are sampled', () => {
    const route = new FakeRoute();
    const { underlay, counters } = route.table();
    const find = (now: number) => underlay.find('egress', tunnelTo(1, 2), 5, now);
    expect(find(0)).to.equal(null);
    expect([route.asked.length, counters.outer_unknown]).to.deep.equal([0, 1]);
    underlay.tick(100);
    expect(find(150)).to.deep.equal({ near: NEAR, far: FAR });
    expect(route.asked).to.deep.equal([
      { destination: Uint8Array.of(0, 0, 0, 1), source: Uint8Array.of(0, 0, 0, 2), tos: 0, mark: 5 },
    ]);
    route.near = FAR;
    underlay.tick(1000);
    expect(find(1000)).to.deep.equal({ near: NEAR, far: FAR });
    underlay.tick(1100);
    expect(find(1100)).to.deep.equal({ near: FAR, far: FAR });
    expect([route.asked.length, counters.outer_unknown]).to.deep.equal([2, 1]);
    // Kept for a minute after it was sampled last.
    underlay.tick(61_100);
    expect(underlay.size).to.equal(1);
    underlay.tick(61_101);
    expect([underlay.size, route.asked.length]).to.deep.equal([0, 3]);
  });

  it('are of the route that the packet takes: by addresses, DSCP and mark; of the way back for one that came', () => {
    const route = new FakeRoute();
    const { underlay } = route.table();
    const egress = (tos: number, mark: number) =>
      underlay.find('egress', Object.assign(tunnelTo(1), { tos }), mark, 0);
    for (const [tos, mark] of [
      [0, 0],
      [0x03, 0],
      [0x2a, 0],
      [0, 7],
    ])
      egress(tos, mark);
    const came = new TunnelHeader();
    came.dst6[3] = 1;
    came.src6[3] = 2;
    came.tos = 0x28;
    underlay.find('ingress', came, 9, 0);
    underlay.tick(0);
    const to = { destination: '00000001', source: null };
    const asked = route.asked.map(({ destination, source, ...rest }) => ({
      destination: hex(destination),
      source: source && hex(source),
      ...rest,
    }));
    expect(asked).to.have.deep.members([
      { ...to, tos: 0, mark: 0 },
      { ...to, tos: 0x28, mark: 0 },
      { ...to, tos: 0, mark: 7 },
      { destination: `${'0'.repeat(31)}2`, source: `${'0'.repeat(31)}1`, tos: 0, mark: 0 },
    ]);
    const keys = new Int32Array(FLOW_WORDS);
    keys[F_SKB_MARK] = 0x105;
    expect(egressOf(`${VXLAN},4`, keys).mark).to.equal(0x105);
    expect(egressOf(`set(skb_mark(0x9)),${VXLAN},4`, keys).mark).to.equal(9);
    expect(egressOf(`set(skb_mark(0x200/0xff00)),${VXLAN},4`, keys).mark).to.equal(0x205);
  });

  it('are left out, and counted, when the kernel knows no neighbour or does not answer', () => {
    const route = new FakeRoute();
    const { underlay, counters } = route.table();
    const find = () => underlay.find('egress', tunnelTo(1), 0, 0);
    find();
    route.far = null;
    underlay.tick(1000);
    expect(find(), 'no neighbour').to.equal(null);
    [route.far, route.near] = [FAR, new Uint8Array(0)];
    underlay.tick(2000);
    expect(find(), 'no Ethernet device').to.equal(null);
    route.near = NEAR;
    const details = { op: 'get route', family: 'rtnetlink', cmd: 26, source: 'syscall' } as const;
    route.error = new NetlinkError({ ...details, code: 'ETIMEDOUT', errno: 110 });
    underlay.tick(3000);
    expect(find(), 'no answer').to.equal(null);
    route.error = null;
    underlay.tick(4000);
    expect(find()).to.deep.equal({ near: NEAR, far: FAR });
    expect(counters.outer_unknown).to.equal(4);
  });

  it('are kept for so many ends, a few of which are asked for at once', () => {
    const route = new FakeRoute();
    const { underlay, counters } = route.table();
    const ends = Array.from({ length: 1100 }, (_, i) => tunnelTo(i + 1));
    const known = (now: number) =>
      ends.filter((tunnel) => underlay.find('egress', tunnel, 0, now) !== null).length;
    expect(known(0)).to.equal(0);
    expect([underlay.size, counters.outer_unknown]).to.deep.equal([1024, 1100]);
    underlay.tick(1);
    // Those of a bucket are asked together.
    expect(route.asked.length).to.be.within(32, 50);
    for (let now = 2; now < 40; now++) underlay.tick(now);
    expect(route.asked.length, 'each once').to.equal(1024);
    expect(known(40)).to.equal(1024);
    // None starves while there are more than can be asked in a second.
    for (let now = 1100; now < 5000; now += 100) underlay.tick(now);
    const times = new Map<string, number>();
    for (const { destination } of route.asked)
      times.set(hex(destination), (times.get(hex(destination)) ?? 0) + 1);
    expect([...times.values()].every((count) => count === 2 || count === 3)).to.equal(true);
    // What is not sampled any more makes room.
    for (let now = 61_000; now < 61_200; now++) underlay.tick(now);
    expect(underlay.size).to.equal(0);
  });
});

describe('exporters: sFlow of the underlay of a real kernel', () => {
  const lab = new Lab();
  let near: Namespace;
  let far: Namespace;
  let route: RouteClient;
  const closers: (() => void)[] = [];

  beforeEach(function () {
    needsRoot(this);
    near = lab.namespace('near');
    far = lab.namespace('far');
    joinUnderlay(lab, near, far);
    route = new RouteClient(native().openNetlink({ protocol: NETLINK_ROUTE, netns: near.path }));
  });
  afterEach(async () => {
    for (const close of closers.splice(0)) close();
    route?.close();
    await lab.remove();
  });

  const READ = ['ethernetTunnelEgress', 'ethernetTunnelIngress'] as const;
  const ADDRESSES = { ipv4: '172.31.0.2', ipv6: 'fd31::2' };

  /** An exporter of packets that came from the far end and go back there by tunnels. */
  async function open(settings = 'agent=10.0.0.1 external_ids:tunnel-ethernet=true') {
    const opened = await openExporter({ route }, settings);
    const { batch, take, seconds, listener, protocol } = opened;
    const actions = (text: string) => {
      const bytes = parseActions(text);
      batch.slab.set(bytes, 2048);
      batch.rows[UPCALL_ACTIONS_OFF] = 2048;
      batch.rows[UPCALL_ACTIONS_LEN] = bytes.length;
    };
    closers.push(() => {
      opened.exporter.close();
      listener.close();
    });
    let taken = 0;
    return {
      ...opened,
      overIpv4() {
        batch.keys.fill(0);
        batch.keys[F_TUN_SRC] = 0xac1f0002;
        batch.keys[F_TUN_DST] = 0xac1f0001;
        actions('set(tunnel(dst=172.31.0.2,ttl=64,tp_dst=4789,flags(df))),4');
      },
      overIpv6() {
        batch.keys.fill(0);
        for (const [at, last] of [
          [F_TUN_IPV6_SRC, 2],
          [F_TUN_IPV6_DST, 1],
        ])
          batch.keys.set([0xfd310000, 0, 0, last], at);
        actions('set(tunnel(ipv6_src=fd31::1,ipv6_dst=fd31::2,ttl=64,tp_dst=6081,flags(df))),4');
      },
      unknown: () => protocol.counters.outer_unknown,
      /** A sample after the kernel was asked. */
      async sample() {
        take();
        seconds(2);
        take();
        seconds(1);
        taken += 2;
        return (await listener.until('flow', taken)).at(-1)!.records;
      },
      /** Pings the far end, and gives the Ethernet headers of a request and its answer as records tell them. */
      async seen(address: string) {
        const echo = address.includes(':') ? /^.{24}86dd.{80}8[01]/ : /^.{24}0800.{40}0[08]/;
        const captures = [await Capture.start(far, 'under0', 100), await Capture.start(near, 'under0', 100)];
        near.run('ping', '-nc1', '-w20', address);
        const echoOf = async (capture: Capture) => {
          let frame: Buffer | undefined;
          do [frame] = await capture.take(1);
          while (frame !== undefined && !echo.test(hex(frame)));
          await capture.stop();
          return frame;
        };
        const [request, answer] = await Promise.all(captures.map(echoOf));
        const mac = (bytes: Buffer) => bytes.toString('hex').replace(/..(?=.)/g, '$&:');
        const record = (frame: Buffer | undefined) =>
          frame && {
            ...{ length: 0, src: mac(frame.subarray(6, 12)), dst: mac(frame.subarray(0, 6)) },
            type: frame.readUInt16BE(12),
          };
        return [record(request), record(answer)];
      },
    };
  }

  it('they are what packets have on the link, once the neighbour is known, and follow its changes', async () => {
    const one = await open();
    one.overIpv4();
    const told = async () => {
      const records = await one.sample();
      return READ.map((name) => records[name]);
    };
    expect(await told(), 'nobody was looked for yet').to.deep.equal([undefined, undefined]);
    expect(one.unknown()).to.equal(4);
    const before = await one.seen(ADDRESSES.ipv4);
    expect(await told()).to.deep.equal(before);
    one.overIpv6();
    const six = await one.seen(ADDRESSES.ipv6);
    expect(six[0]).to.deep.include({ type: 0x86dd });
    expect(await told()).to.deep.equal(six);
    one.overIpv4();

    for (const [namespace, mac] of [
      [near, '02:00:00:00:00:51'],
      [far, '02:00:00:00:00:52'],
    ] as const) {
      for (const state of ['down', `address ${mac}`, 'up']) namespace.ip(`link set under0 ${state}`);
    }
    near.ip('neigh flush dev under0');
    const after = await one.seen(ADDRESSES.ipv4);
    expect(after).not.to.deep.equal(before);
    expect(await told()).to.deep.equal(after);

    // Another way, of which nothing is known but the route; then the neighbour.
    near.ip('link add dev by0 type veth peer name by1');
    near.up('by0', { addresses: ['192.0.2.1/24'], mac: '02:00:00:00:00:61' });
    near.up('by1');
    near.ip('route add 172.31.0.2/32 via 192.0.2.9');
    expect(await told()).to.deep.equal([undefined, undefined]);
    near.ip('neigh add 192.0.2.9 dev by0 lladdr 02:00:00:00:00:69');
    const [out, back] = await told();
    expect(out).to.deep.include({ src: '02:00:00:00:00:61', dst: '02:00:00:00:00:69' });
    expect(back).to.deep.include({ src: '02:00:00:00:00:69', dst: '02:00:00:00:00:61' });

    const known = one.unknown();
    near.ip('route replace unreachable 172.31.0.2/32');
    expect(await told()).to.deep.equal([undefined, undefined]);
    expect(one.unknown()).to.be.above(known);
    near.ip('route del unreachable 172.31.0.2/32');
    expect(await told()).to.deep.equal(after);
  });

  it('they are told while external_ids:tunnel-ethernet is true, which may change', async () => {
    near.run('ping', '-nc1', '-w20', ADDRESSES.ipv4);
    const one = await open('agent=10.0.0.1');
    one.overIpv4();
    const names = async () => Object.keys(await one.sample()).sort();
    const plain = ['header', 'ipv4TunnelEgress', 'ipv4TunnelIngress', 'switch'];
    expect(await names()).to.deep.equal(plain);
    one.vsctl('set sFlow br0 external_ids:tunnel-ethernet=true');
    expect(await names()).to.deep.equal([...READ, ...plain]);
    one.vsctl('set sFlow br0 external_ids:tunnel-ethernet=no');
    expect(await names()).to.deep.equal(plain);
    expect(one.unknown(), 'until the first answer').to.equal(2);
    const samples = one.listener.samples('flow');
    expect(samples.map(({ sequence }) => sequence)).to.deep.equal(samples.map((_, i) => i + 1));
  });
});
