import { expect } from 'chai';
import { F_NW_DST, F_NW_PROTO, F_TP_SRC } from '../../ts/fields/index.js';
import { formatActions } from '../../ts/flow/index.js';
import { checksumAdd, checksumFold, readMulticast } from '../../ts/packet/index.js';
import { type McastEffect, McastTable, SLOW_ACTION, Translator, type XBundle } from '../../ts/xlate/index.js';
import { makeKey, makeSwitch, type TestSwitch } from '../support/xlate.js';

const GROUP = Int32Array.of(0, 0, 0xffff, 0xef010101 | 0);
const GROUP6 = Int32Array.of(0xff050000 | 0, 0, 0, 1);
const MAC = '01:00:5e:01:01:01';

interface Rig extends TestSwitch {
  readonly table: McastTable;
  readonly bundles: readonly XBundle[];
}

function rig(floodUnregistered = true): Rig {
  const table = new McastTable({ floodUnregistered, capacity: 3 });
  const ports = [1, 2, 3, 4].map((ofport) => ({ ofport }));
  const sw = makeSwitch({ ports, flows: ['actions=NORMAL'], mcast: table });
  return { ...sw, table, bundles: sw.bridge.bundles };
}

function change(r: Rig, at: number, what: McastEffect['change'], group = GROUP, vlan = 0): boolean {
  return r.table.apply({
    type: 'mcast',
    bridge: r.bridge,
    bundle: r.bundles[at - 1],
    vlan,
    change: what,
    group,
  });
}

function ask({ snapshot }: TestSwitch, packet: string, bytes?: Uint8Array) {
  const view = bytes === undefined ? null : { bytes, offset: 0, length: bytes.length };
  const result = new Translator().translate(snapshot, makeKey(packet), 0, view);
  return {
    text: formatActions(result.actions.subarray(0, result.actionsLength)),
    mask: result.mask.slice(),
    slow: result.slow,
    effects: result.effects
      .slice(0, result.effectCount)
      .filter((effect) => effect.type === 'mcast')
      .map((effect) => ({ ...effect })),
  };
}

const udp = (dst = '239.1.1.1', mac = MAC) =>
  `udp,in_port=1,dl_src=50:54:00:00:00:01,dl_dst=${mac},nw_dst=${dst}`;
const igmp = (type: number) =>
  `ip,in_port=1,dl_src=50:54:00:00:00:01,dl_dst=${MAC},nw_dst=239.1.1.1,nw_proto=2#${type}`;

/** IGMP type goes where ports are; flow syntax has no name for it. */
function askIgmp(r: Rig, type: number, bytes?: Uint8Array) {
  const [packet] = igmp(type).split('#');
  const key = makeKey(packet);
  key[F_TP_SRC] = type;
  const view = bytes === undefined ? null : { bytes, offset: 0, length: bytes.length };
  const result = new Translator().translate(r.snapshot, key, 0, view);
  return {
    text: formatActions(result.actions.subarray(0, result.actionsLength)),
    mask: result.mask.slice(),
    slow: result.slow,
    effects: result.effects
      .slice(0, result.effectCount)
      .filter((effect) => effect.type === 'mcast')
      .map(({ change: what, vlan, group }) => [what, vlan, ...group]),
  };
}

const ETHERNET = [0x01, 0x00, 0x5e, 1, 1, 1, 0x50, 0x54, 0, 0, 0, 1];

/** An IPv4 frame with Router Alert around an IGMP message whose checksum is set. */
function igmpFrame(message: number[], source = [10, 0, 0, 1]): Uint8Array {
  const body = Uint8Array.from(message);
  const sum = checksumFold(checksumAdd(body, 0, body.length));
  body[2] = sum >> 8;
  body[3] = sum & 0xff;
  const total = 24 + body.length;
  const ip = [0x46, 0, 0, total, 0, 0, 0, 0, 1, 2, 0, 0, ...source, 239, 1, 1, 1, 0x94, 4, 0, 0];
  return Uint8Array.from([...ETHERNET, 0x08, 0x00, ...ip, ...body]);
}

/** An IPv6 frame with a hop-by-hop header around an MLD message whose checksum is set. */
function mldFrame(message: number[], sourceLast = 1): Uint8Array {
  const source = [0xfe, 0x80, ...new Array<number>(13).fill(0), sourceLast];
  if (sourceLast === 0) source.fill(0);
  const target = [0xff, 0x02, ...new Array<number>(13).fill(0), 0x16];
  const body = Uint8Array.from(message);
  const pseudo = checksumAdd(Uint8Array.from([...source, ...target]), 0, 32, 58 + body.length);
  const sum = checksumFold(checksumAdd(body, 0, body.length, pseudo));
  body[2] = sum >> 8;
  body[3] = sum & 0xff;
  const hopByHop = [58, 0, 5, 2, 0, 0, 1, 0];
  const ip = [0x60, 0, 0, 0, 0, hopByHop.length + body.length, 0, 1, ...source, ...target];
  return Uint8Array.from([...ETHERNET, 0x86, 0xdd, ...ip, ...hopByHop, ...body]);
}

const group6 = [0xff, 0x05, ...new Array<number>(13).fill(0), 1];

describe('xlate: multicast snooping', () => {
  it('sends a group to its members and to routers, each but the sender', () => {
    const r = rig();
    change(r, 2, 'join');
    change(r, 1, 'join');
    expect(ask(r, udp()).text).to.equal('2');
    change(r, 4, 'router');
    expect(ask(r, udp()).text).to.equal('2,4');
    change(r, 2, 'leave');
    expect(ask(r, udp()).text).to.equal('4');
  });

  it('floods groups that nobody joined, or sends them to routers only', () => {
    expect(ask(rig(), udp()).text).to.equal('2,3,4');
    const r = rig(false);
    expect(ask(r, udp()).text).to.equal('drop');
    change(r, 3, 'router');
    r.table.setPorts([], [r.bundles[1]]);
    expect(ask(r, udp()).text).to.equal('3,2');
  });

  it('floods what is for everybody on the link, and leaves other addresses to the MAC table', () => {
    const r = rig(false);
    expect(ask(r, udp('224.0.0.5')).text).to.equal('2,3,4');
    expect(ask(r, 'udp6,in_port=1,dl_dst=33:33:00:00:00:01,ipv6_dst=ff02::1').text).to.equal('2,3,4');
    expect(ask(r, udp('239.1.1.1', 'ff:ff:ff:ff:ff:ff')).text).to.equal('2,3,4');
    expect(ask(r, udp('239.1.1.1', '50:54:00:00:00:09')).text).to.equal('2,3,4');
    expect(ask(r, `in_port=1,dl_dst=${MAC},dl_type=0x1234`).text).to.equal('2,3,4');
  });

  it('looks at protocol and group', () => {
    const { mask } = ask(rig(), udp());
    expect([mask[F_NW_PROTO], mask[F_NW_DST]]).to.deep.equal([0xff, -1]);
    expect(ask(rig(), udp('239.1.1.1', '50:54:00:00:00:09')).mask[F_NW_DST]).to.equal(0);
  });

  it('tells groups apart by VLAN, and IPv6 ones too', () => {
    const r = rig(false);
    change(r, 2, 'join', GROUP, 10);
    change(r, 3, 'join', GROUP6);
    expect(ask(r, udp()).text).to.equal('drop');
    expect(ask(r, `${udp()},dl_vlan=10,dl_vlan_pcp=0`).text).to.equal('2');
    expect(ask(r, 'udp6,in_port=1,dl_dst=33:33:00:00:00:01,ipv6_dst=ff05::1').text).to.equal('3');
  });

  it('brings every IGMP message to userspace; reports go to routers and to ports that ask for them', () => {
    const r = rig();
    change(r, 3, 'router');
    r.table.setPorts([r.bundles[3]], []);
    const report = askIgmp(r, 0x16);
    // Datapaths do not look into IGMP, so that the type is in no mask.
    expect([report.text, report.slow, report.mask[F_TP_SRC]]).to.deep.equal(['3,4', SLOW_ACTION, 0]);
    expect([askIgmp(r, 0x11).text, askIgmp(r, 0x11).slow]).to.deep.equal(['2,3,4', SLOW_ACTION]);
    expect(askIgmp(r, 0x16).effects, 'without bytes').to.deep.equal([]);
    const mld = (type: number) =>
      `icmp6,in_port=1,dl_dst=33:33:00:00:00:16,ipv6_dst=ff02::16,icmpv6_type=${type}`;
    expect([ask(r, mld(143)).text, ask(r, mld(143)).slow]).to.deep.equal(['3,4', SLOW_ACTION]);
    expect([ask(r, mld(130)).text, ask(r, mld(130)).slow]).to.deep.equal(['2,3,4', SLOW_ACTION]);
    expect(ask(r, mld(128)).slow).to.equal(0);
  });

  it('reports what messages say', () => {
    const r = rig();
    const effects = (type: number, bytes: Uint8Array) => askIgmp(r, type, bytes).effects;
    expect(effects(0x16, igmpFrame([0x16, 0, 0, 0, 239, 1, 1, 1]))).to.deep.equal([['join', 0, ...GROUP]]);
    expect(effects(0x17, igmpFrame([0x17, 0, 0, 0, 239, 1, 1, 1]))).to.deep.equal([['leave', 0, ...GROUP]]);
    expect(effects(0x11, igmpFrame([0x11, 0, 0, 0, 0, 0, 0, 0]))).to.deep.equal([['router', 0, 0, 0, 0, 0]]);
    expect(effects(0x11, igmpFrame([0x11, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0]))).to.deep.equal([]);
    r.table.setPorts([], [r.bundles[0]]);
    expect(effects(0x16, igmpFrame([0x16, 0, 0, 0, 239, 1, 1, 1])), 'flood port').to.deep.equal([]);
  });
});

describe('packet: multicast messages', () => {
  it('reads the records of version 3 reports: a source list, a leave, an unknown kind', () => {
    const records = [
      4, 0, 0, 1, 239, 1, 1, 1, 9, 9, 9, 9, 3, 0, 0, 0, 239, 1, 1, 2, 77, 1, 0, 0, 239, 1, 1, 3, 0, 0, 0, 0,
    ];
    const message = readMulticast(
      igmpFrame([0x22, 0, 0, 0, 0, 0, 0, 4, ...records, 2, 0, 0, 0, 239, 1, 1, 4]),
    );
    expect(message!.records.map(({ leave, group }) => [leave, group[3] & 0xff])).to.deep.equal([
      [false, 1],
      [true, 2],
      [false, 4],
    ]);
  });

  it('reads MLD behind extension headers', () => {
    const report = readMulticast(mldFrame([131, 0, 0, 0, 0, 0, 0, 0, ...group6]));
    expect([report!.query, report!.records[0].leave, [...report!.records[0].group]]).to.deep.equal([
      false,
      false,
      [...GROUP6],
    ]);
    const second = readMulticast(mldFrame([143, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0, ...group6]));
    expect(second!.records[0].leave).to.equal(true);
    expect(readMulticast(mldFrame([130, 0, 0, 0, 0, 0, 0, 0, ...group6], 0))!.fromRouter).to.equal(false);
    expect(readMulticast(mldFrame([130, 0, 0, 0, 0, 0, 0, 0, ...group6]))!.fromRouter).to.equal(true);
  });

  it('refuses wrong checksums and whatever is cut, wherever', () => {
    for (const frame of [
      igmpFrame([0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 239, 1, 1, 1]),
      mldFrame([131, 0, 0, 0, 0, 0, 0, 0, ...group6]),
    ]) {
      const wrong = frame.slice();
      wrong[wrong.length - 1] ^= 1;
      expect(readMulticast(wrong)).to.equal(null);
      for (let length = 0; length < frame.length; length++)
        expect(readMulticast(frame.subarray(0, length))).to.equal(null);
    }
  });
});

describe('xlate: table of multicast groups', () => {
  it('forgets members, groups and routers in their time', () => {
    const r = rig();
    change(r, 2, 'join');
    change(r, 4, 'router');
    r.table.advance(100_000);
    change(r, 3, 'join');
    expect(r.table.nextExpiryMs()).to.equal(80_000);
    r.table.advance(180_000);
    expect(r.table.routers(0)).to.deep.equal([]);
    r.table.advance(300_000);
    expect(r.table.lookup4(0, GROUP[3])!.map(({ name }) => name)).to.deep.equal(['p3']);
    r.table.advance(400_000);
    expect([r.table.lookup4(0, GROUP[3]), r.table.size, r.table.nextExpiryMs()]).to.deep.equal([
      null,
      0,
      null,
    ]);
    expect(r.table.counters).to.deep.equal({ learned: 2, expired: 4, evicted: 0 });
  });

  it('makes room by forgetting the group reported longest ago', () => {
    const r = rig();
    const group = (n: number) => Int32Array.of(0, 0, 0xffff, n);
    for (const n of [1, 2, 3]) change(r, 2, 'join', group(n));
    change(r, 3, 'join', group(1));
    change(r, 2, 'join', group(4));
    expect([...r.table.groups()].map((entry) => entry.group[3])).to.deep.equal([3, 1, 4]);
    expect(r.table.counters.evicted).to.equal(1);
  });

  it('enters no router’s port as a member, and lets nobody leave on ports that get all reports', () => {
    const r = rig();
    change(r, 4, 'router');
    expect(change(r, 4, 'join')).to.equal(false);
    change(r, 2, 'join');
    r.table.setPorts([r.bundles[1]], []);
    expect([change(r, 2, 'leave'), change(r, 2, 'join')]).to.deep.equal([false, false]);
    expect(r.table.lookup4(0, GROUP[3])).to.have.length(1);
  });

  it('tells when an answer changes, and only then', () => {
    let changes = 0;
    const r = rig();
    const table = new McastTable({ onChange: () => changes++ });
    const tell = (at: number, what: McastEffect['change']) =>
      table.apply({
        type: 'mcast',
        bridge: r.bridge,
        bundle: r.bundles[at],
        vlan: 0,
        change: what,
        group: GROUP,
      });
    expect([
      tell(0, 'join'),
      tell(0, 'join'),
      tell(1, 'join'),
      tell(1, 'leave'),
      tell(1, 'leave'),
    ]).to.deep.equal([true, false, true, true, false]);
    expect([tell(2, 'router'), tell(2, 'router')]).to.deep.equal([true, false]);
    expect([changes, table.generation]).to.deep.equal([4, 4]);
    table.flush(r.bundles[0]);
    expect(table.size).to.equal(0);
  });
});
