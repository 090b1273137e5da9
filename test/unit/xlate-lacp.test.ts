import { expect } from 'chai';
import { lacpStatisticsText, lacpText } from '../../ts/control/lacp.js';
import { lacpduFrame, readSlowFrame } from '../../ts/packet/index.js';
import { Lacp, type LacpOptions, type XPort } from '../../ts/xlate/index.js';

const OPTIONS: LacpOptions = {
  active: true,
  fast: false,
  fallback: false,
  systemId: null,
  systemPriority: 65534,
};
const port = (name: string, ofport: number) => ({ name, ofport }) as XPort;
const P3 = port('p3', 3);
const P4 = port('p4', 4);

function system(last: number, options: Partial<LacpOptions> = {}): Lacp {
  const members = [P3, P4].map((one) => ({ port: one, id: one.ofport, priority: 65535, key: 0 }));
  const systemId = Uint8Array.of(2, 0, 0, 0, 0, last);
  return new Lacp({ ...OPTIONS, systemId, ...options }, members, () => true);
}

/** Lets time pass for both, and brings what they send to each other, as frames. How many messages there were. */
function exchange(a: Lacp, b: Lacp, now: number): number {
  let count = 0;
  for (const [from, to] of [
    [a, b],
    [b, a],
  ]) {
    from.advance(now);
    for (const { port: at, pdu } of from.takeDue()) {
      count++;
      const read = readSlowFrame(lacpduFrame(Uint8Array.of(2, 0, 0, 0, 1, 1), pdu));
      expect(read).to.deep.equal(pdu);
      to.receive(at, read!);
    }
  }
  return count;
}

const enabled = (lacp: Lacp) => [P3, P4].filter((one) => lacp.mayEnable(one)).map(({ name }) => name);
const statuses = (lacp: Lacp) => lacp.memberList.map(({ status }) => status);

function negotiate(a: Lacp, b: Lacp): void {
  for (let now = 1000; now < 1500; now += 100) exchange(a, b, now);
}

describe('xlate: LACP', () => {
  it('two systems find each other, and are silent until a message is due', () => {
    const [a, b] = [system(1), system(2, { active: false })];
    expect([a.negotiated, enabled(a), enabled(b)]).to.deep.equal([true, [], []]);
    negotiate(a, b);
    expect([a.negotiated, b.negotiated, enabled(a), enabled(b)]).to.deep.equal([
      true,
      true,
      ['p3', 'p4'],
      ['p3', 'p4'],
    ]);
    for (let now = 1500; now < 30_000; now += 500) expect(exchange(a, b, now), `${now}`).to.equal(0);
    const before = a.memberList.map(({ counts }) => ({ ...counts }));
    expect(exchange(a, b, 32_000)).to.equal(4);
    for (const [i, { counts }] of a.memberList.entries()) {
      const { received, sent } = before[i];
      expect(counts).to.deep.equal({ ...before[i], received: received + 1, sent: sent + 1 });
    }
  });

  it('asks for a message each second where it is fast', () => {
    const [a, b] = [system(1, { fast: true }), system(2)];
    negotiate(a, b);
    let sent = 0;
    for (let now = 1500; now <= 11_500; now += 100) {
      a.advance(now);
      b.advance(now);
      for (const { port: at, pdu } of b.takeDue()) {
        sent++;
        a.receive(at, pdu);
      }
    }
    expect(sent).to.be.within(18, 22);
  });

  it('a partner that is silent is gone after three periods, and three seconds', () => {
    const [a, b] = [system(1), system(2)];
    negotiate(a, b);
    a.advance(90_000);
    expect([statuses(a), enabled(a)]).to.deep.equal([
      ['current', 'current'],
      ['p3', 'p4'],
    ]);
    a.advance(92_000);
    expect([statuses(a), enabled(a), a.negotiated]).to.deep.equal([['expired', 'expired'], [], true]);
    a.advance(95_000);
    expect([statuses(a), enabled(a), a.negotiated]).to.deep.equal([['defaulted', 'defaulted'], [], false]);
  });

  it('does without a partner where it may: at once when it waits to be asked, else after three seconds', () => {
    expect(enabled(system(1, { active: false, fallback: true }))).to.deep.equal(['p3', 'p4']);
    const asks = system(1, { fallback: true });
    asks.advance(5000);
    asks.advance(7900);
    expect([enabled(asks), asks.negotiated]).to.deep.equal([[], true]);
    asks.advance(8000);
    expect([enabled(asks), asks.negotiated]).to.deep.equal([['p3', 'p4'], false]);
  });

  it('ports to another system than the first carry nothing, nor those that lead back', () => {
    const [a, b, c] = [system(1), system(2), system(3)];
    negotiate(a, b);
    c.advance(1500);
    const [, { pdu }] = c.takeDue();
    a.receive(P4, pdu);
    expect(enabled(a)).to.deep.equal(['p3']);
    a.receive(P4, { actor: a.actorOf(a.memberList[0]), partner: a.actorOf(a.memberList[1]) });
    expect(enabled(a)).to.deep.equal(['p3']);
  });

  it('a link that was lost must be heard anew', () => {
    const [a, b] = [system(1), system(2)];
    negotiate(a, b);
    a.linkChanged(P3, false);
    expect(enabled(a)).to.deep.equal(['p4']);
    expect(a.takeDue().map(({ port: at }) => at.name)).not.to.include('p3');
    a.linkChanged(P3, true);
    for (let now = 1600; now < 2000; now += 100) exchange(a, b, now);
    expect(enabled(a)).to.deep.equal(['p3', 'p4']);
  });

  it('frames that are cut or say something else are no messages', () => {
    const a = system(1);
    a.advance(1);
    const frame = lacpduFrame(new Uint8Array(6), a.takeDue()[0].pdu);
    expect(frame).to.have.length(124);
    expect(readSlowFrame(frame.subarray(0, 123))).to.equal(null);
    for (const at of [12, 14, 16, 17, 36, 37]) {
      const other = Uint8Array.from(frame);
      other[at] ^= 0x55;
      expect(readSlowFrame(other), `byte ${at}`).to.equal(null);
    }
    expect(readSlowFrame(new Uint8Array(0))).to.equal(null);
    a.receive(P3, null);
    expect(a.memberList.map(({ counts }) => counts.illegal)).to.deep.equal([1, 0]);
  });

  it('lacp/show-stats: as ovs-appctl 3.1.0 prints it', () => {
    const a = system(1, { fast: true });
    a.advance(1);
    const [{ pdu }] = a.takeDue();
    a.receive(P3, pdu);
    a.receive(P3, null);
    const marker = new Uint8Array(124);
    marker.set([0x88, 0x09, 2, 1, 1, 16], 12);
    a.receive(P3, readSlowFrame(marker));
    a.advance(4000);
    a.advance(8000);
    a.linkChanged(P3, false);
    const member = (
      name: string,
      [received, bad, markers, expired, defaulted, changed]: readonly number[],
    ) => [
      '',
      `member: ${name}:`,
      '  TX PDUs: 1',
      `  RX PDUs: ${received}`,
      `  RX Bad PDUs: ${bad}`,
      `  RX Marker Request PDUs: ${markers}`,
      `  Link Expired: ${expired}`,
      `  Link Defaulted: ${defaulted}`,
      `  Carrier Status Changed: ${changed}`,
    ];
    expect(lacpStatisticsText('bond0', a).split('\n')).to.deep.equal([
      '---- bond0 statistics ----',
      ...member('p3', [3, 1, 1, 1, 1, 1]),
      ...member('p4', [0, 0, 0, 0, 1, 0]),
    ]);
  });

  it('lacp/show: as ovs-appctl 3.1.0 prints it', () => {
    const lacp = system(0, { fast: true, systemId: Uint8Array.of(0xaa, 0x55, 0xaa, 0x55, 0, 0) });
    const member = (name: string, id: number) =>
      [
        `member: ${name}: expired attached`,
        `  port_id: ${id}`,
        '  port_priority: 65535',
        '  may_enable: false',
        '',
        '  actor sys_id: aa:55:aa:55:00:00',
        '  actor sys_priority: 65534',
        `  actor port_id: ${id}`,
        '  actor port_priority: 65535',
        '  actor key: 3',
        '  actor state: activity timeout aggregation synchronized collecting distributing expired',
        '',
        '  partner sys_id: 00:00:00:00:00:00',
        '  partner sys_priority: 0',
        '  partner port_id: 0',
        '  partner port_priority: 0',
        '  partner key: 0',
        '  partner state: timeout',
      ].join('\n');
    expect(lacpText('bond0', lacp)).to.equal(
      [
        '---- bond0 ----',
        '  status: active negotiated',
        '  sys_id: aa:55:aa:55:00:00',
        '  sys_priority: 65534',
        '  aggregation key: 3',
        '  lacp_time: fast',
        '',
        member('p3', 3),
        '',
        member('p4', 4),
      ].join('\n'),
    );
  });
});
