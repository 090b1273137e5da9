import { expect } from 'chai';
import fc from 'fast-check';
import { FlowCache } from '../../ts/exporters/ipfix/flow-cache.js';
import { forwards } from '../../ts/exporters/ipfix/forwarding.js';
import { SHAPES, templateId } from '../../ts/exporters/ipfix/templates.js';
import { parseActions } from '../../ts/flow/index.js';
import { ipfixFrames } from '../support/ipfix-frames.js';
import { type IpfixMessage, readIpfix, readTemplates } from '../support/ipfix-messages.js';
import { hasData } from '../support/ipfix-records.js';
import { IpfixRig } from '../support/ipfix-rig.js';

const FRAMES = ipfixFrames();
const SAMPLE = { domain: 17, point: 23, input: 'p1' };
/** Milliseconds after which templates are repeated. */
const REFRESH = 600_000;
const PROCESS_TEMPLATE = 462;

const read = (rig: IpfixRig) => rig.messages.map(readIpfix);
const isTemplates = ({ sets: [{ id }] }: IpfixMessage) => id === 2;
const isData = ({ sets: [{ id }] }: IpfixMessage) => id >= 256;

describe('exporters: IPFIX templates', () => {
  it('are all there, each once, in messages that fit into an Ethernet frame and whose lengths are right', () => {
    const rig = new IpfixRig();
    rig.sample(FRAMES.udp, SAMPLE);
    const sets = read(rig)
      .filter(isTemplates)
      .flatMap(({ sets }) => sets);
    const ids = sets.flatMap((set) => [...readTemplates(set).keys()]);
    expect(ids).to.have.length(88);
    expect(ids).to.deep.equal(SHAPES.map((s) => templateId(s.vlan, s.l3, s.l4, s.tunnel, s.direction)));
    expect(new Set(ids).size).to.equal(88);
    expect(Math.max(...rig.messages.map(({ length }) => length))).to.be.at.most(1500 - 28);
  });

  it('go before the first record of each domain, and again over UDP every ten minutes', () => {
    const rig = new IpfixRig();
    const kinds = (from: number) =>
      read(rig)
        .slice(from)
        .map((one) => `${isTemplates(one) ? 'templates' : one.sets[0].id} of ${one.domain}`)
        .filter((kind, i, all) => kind !== all[i - 1]);
    rig.sample(FRAMES.udp, SAMPLE);
    rig.sample(FRAMES.udp, SAMPLE);
    rig.sample(FRAMES.udp, { ...SAMPLE, domain: 18 });
    expect(kinds(0)).to.deep.equal([
      ...[
        'templates of 17',
        '3 of 0',
        `${PROCESS_TEMPLATE} of 0`,
        '284 of 17',
        'templates of 18',
        '284 of 18',
      ],
    ]);
    const before = rig.messages.length;
    rig.now += REFRESH - 1;
    rig.sample(FRAMES.udp, SAMPLE);
    rig.now += 1;
    rig.sample(FRAMES.udp, SAMPLE);
    expect(kinds(before)).to.deep.equal([
      ...['284 of 17', 'templates of 17', '3 of 0', `${PROCESS_TEMPLATE} of 0`, '284 of 17'],
    ]);
  });

  it('go once in a session over TCP, and to each new session with sequences that begin anew', () => {
    const rig = new IpfixRig({ targets: [] });
    rig.reliable = true;
    rig.configure({});
    const told = () => read(rig).filter(isTemplates).length;
    rig.sample(FRAMES.udp, SAMPLE);
    const once = told();
    rig.now += 2 * REFRESH;
    rig.sample(FRAMES.udp, SAMPLE);
    expect(told()).to.equal(once);
    expect(read(rig).filter((one) => one.sets[0].id === PROCESS_TEMPLATE)).to.have.length(2);
    rig.sessions++;
    rig.sample(FRAMES.udp, SAMPLE);
    expect(told()).to.equal(2 * once);
    const data = read(rig).filter((one) => one.domain === 17 && isData(one));
    expect(data.map(({ sequence }) => sequence)).to.deep.equal([0, 1, 0]);
  });

  it('change with the virtual observation id; what was gathered goes with the old ones', () => {
    const rig = new IpfixRig({ timeout: 100, limit: 10 });
    rig.sample(FRAMES.udp, SAMPLE);
    rig.configure({ timeout: 100, limit: 10, virtualId: 'there' });
    rig.sample(FRAMES.udp, SAMPLE);
    rig.process.close();
    const fields = new Map<number, number>();
    const lengths = read(rig).flatMap(({ domain, sets: [set] }) => {
      if (set.id === 2) for (const [id, all] of readTemplates(set)) fields.set(id, all.length);
      return domain === 17 && set.id === 284 ? [[fields.get(284), set.content.length]] : [];
    });
    expect(lengths[1][0]! - lengths[0][0]!).to.equal(1);
    expect(lengths[1][1]! - lengths[0][1]!).to.equal('there'.length + 1);
    expect(rig.closed).to.equal(true);
  });
});

describe('exporters: IPFIX sequences and losses', () => {
  it('count the records of each domain, lost ones too, whose packets are told', () => {
    const rig = new IpfixRig();
    rig.sample(FRAMES.udp, SAMPLE);
    rig.full = true;
    rig.sample(FRAMES.udp, { ...SAMPLE, packets: 400 });
    rig.full = false;
    rig.sample(FRAMES.udp, SAMPLE);
    rig.sample(FRAMES.udp, { ...SAMPLE, domain: 5 });
    const sequences = (domain: number) =>
      read(rig)
        .filter((one) => one.domain === domain && isData(one))
        .map(({ sequence }) => sequence);
    expect([sequences(17), sequences(5)]).to.deep.equal([[0, 2], [0]]);
    expect(rig.process.statistics).to.deep.include({ flows: 4, txErrors: 1, txPackets: rig.messages.length });
    rig.now += REFRESH;
    rig.sample(FRAMES.udp, SAMPLE);
    const told = read(rig).filter((one) => one.sets[0].id === PROCESS_TEMPLATE);
    expect(told.map(({ sets: [{ content }] }) => content.readBigUInt64BE(4))).to.deep.equal([0n, 400n]);
  });

  it('a collector whose queue is full gets templates before anything else once there is room', () => {
    const rig = new IpfixRig();
    rig.full = true;
    for (let i = 0; i < 3; i++) rig.sample(FRAMES.udp, SAMPLE);
    rig.full = false;
    rig.sample(FRAMES.udp, SAMPLE);
    expect(isTemplates(read(rig)[0])).to.equal(true);
    expect(read(rig).at(-1)!.sequence).to.equal(3);
  });

  it('forgets domains beyond the limit instead of growing', () => {
    const rig = new IpfixRig();
    for (let domain = 1; domain <= 300; domain++) rig.sample(FRAMES.arp, { ...SAMPLE, domain });
    const before = rig.messages.length;
    rig.sample(FRAMES.arp, { ...SAMPLE, domain: 300 });
    expect(rig.messages.length - before).to.equal(1);
    rig.sample(FRAMES.arp, { ...SAMPLE, domain: 1 });
    expect(rig.messages.length - before).to.be.above(10);
  });

  it('warns of targets that make no sense and goes on with the others', () => {
    const rig = new IpfixRig();
    rig.refuse = /bad/;
    rig.configure({ targets: ['bad one', 'one'] });
    rig.sample(FRAMES.udp, SAMPLE);
    expect(rig.warnings).to.deep.equal(['bad one is refused']);
    expect(rig.messages.some(hasData)).to.equal(true);
  });
});

describe('exporters: IPFIX records', () => {
  it('have times that lie before the time of the message', () => {
    const rig = new IpfixRig({ timeout: 2000, limit: 10 });
    rig.now = 1_000_250;
    rig.sample(FRAMES.udp, SAMPLE);
    rig.now = 1_001_000;
    rig.sample(FRAMES.udp, SAMPLE);
    rig.now = 3_000_250;
    rig.process.tick(rig.now);
    const message = read(rig).find((one) => one.domain === 17 && isData(one))!;
    expect(message.seconds).to.equal((1.7e12 + 3_001_000) / 1000);
    // Behind the point, direction, addresses, type, interface p1, IP and ports.
    const at = message.sets[0].content.length - (4 + 4 + 13 * 8 + 1 + 10 * 8);
    expect(message.sets[0].content.readUInt32BE(at)).to.equal(2_000_750_000);
    expect(message.sets[0].content.readUInt32BE(at + 4)).to.equal(2_000_000_000);
  });

  it('leave a few at a time, so that many do not hold up the rest', async () => {
    const rig = new IpfixRig({ timeout: 1000, limit: 1000 });
    for (let point = 0; point < 300; point++) rig.sample(FRAMES.udp, { ...SAMPLE, point });
    rig.now += 1_000_000;
    rig.process.tick(rig.now);
    const sent = () => rig.messages.filter(hasData).length;
    expect(sent()).to.equal(64);
    while (sent() < 300) await new Promise(setImmediate);
    rig.process.close();
    expect(rig.process.statistics).to.deep.include({ flows: 300, currentFlows: 0 });
  });
});

describe('exporters: IPFIX flow cache', () => {
  const operation = fc.oneof(
    { weight: 8, arbitrary: fc.record({ key: fc.nat(12) }) },
    { weight: 2, arbitrary: fc.record({ pass: fc.nat(40) }) },
    fc.record({ limit: fc.nat(6) }),
    fc.record({ flush: fc.constant(true) }),
  );

  it('holds what a list of flows in order of age would hold', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
        const left: [number, number][] = [];
        const expected: [number, number][] = [];
        const cache = new FlowCache((entry, reason) => left.push([entry.key[0], reason]));
        cache.timeout = 50;
        cache.limit = 4;
        let now = 0;
        let model: { key: number; start: number }[] = [];
        const leave = (reason: number) => expected.push([model.shift()!.key, reason]);
        const settle = () => {
          cache.settle(now, 1000);
          while (model.length > 0 && now - model[0].start >= 50) leave(2);
          while (model.length > cache.limit) leave(5);
        };
        for (const step of operations) {
          if ('pass' in step) now += step.pass;
          if ('limit' in step) cache.limit = step.limit;
          if ('flush' in step) {
            cache.flush(4, 1000);
            while (model.length > 0) leave(4);
          }
          if ('key' in step) {
            const bytes = Uint8Array.of(step.key);
            const known = cache.find(bytes) !== null;
            expect(known).to.equal(model.some(({ key }) => key === step.key));
            if (!known) cache.add(bytes, now);
            if (!known) model = [...model, { key: step.key, start: now }];
          }
          settle();
          expect(cache.size).to.equal(model.length);
        }
        expect(left).to.deep.equal(expected);
      }),
    );
  });
});

describe('exporters: whether actions forward', () => {
  const cases: readonly [text: string, forwards: boolean][] = [
    ['2', true],
    ['userspace(pid=1,ipfix(output_port=4294967295))', false],
    ['userspace(pid=1,ipfix(output_port=4294967295)),set(ipv4(ttl=1)),3', true],
    ['ct(zone=1),recirc(0x7)', true],
    ['clone(set(ipv4(ttl=1)),4)', true],
    ['clone(userspace(pid=1,ipfix(output_port=1)))', false],
    ['sample(sample=50.0%,actions(5))', true],
    ['sample(sample=50.0%,actions(userspace(pid=1,ipfix(output_port=1))))', false],
    ['check_pkt_len(size=100,gt(drop),le(2))', true],
    ['check_pkt_len(size=100,gt(2),le(drop))', true],
    ['check_pkt_len(size=100,gt(drop),le(drop))', false],
  ];
  for (const [text, expected] of cases) {
    it(text, () => {
      const bytes = parseActions(text);
      expect(forwards(bytes, 0, bytes.length)).to.equal(expected);
    });
  }
  it('drop', () => expect(forwards(new Uint8Array(0), 0, 0)).to.equal(false));
});
