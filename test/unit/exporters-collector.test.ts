import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { expect } from 'chai';
import { Collector, Collectors } from '../../ts/exporters/collector.js';
import { DatagramWriter } from '../../ts/exporters/datagram-writer.js';
import { parseTarget } from '../../ts/exporters/target.js';
import { zeroCounters } from '../../ts/exporters/exporter.js';
import { COLLECTOR_COUNTER_HELP } from '../../ts/exporters/collector.js';
import { eventually } from '../support/eventually.js';

describe('exporters: targets', () => {
  const cases: readonly [target: string, host: string, port: number, family: number][] = [
    ['10.0.0.1:6343', '10.0.0.1', 6343, 4],
    ['10.0.0.1', '10.0.0.1', 99, 4],
    ['10.0.0.1:', '10.0.0.1', 99, 4],
    ['[2001:db8::1]:2055', '2001:db8::1', 2055, 6],
    ['[2001:db8::1]', '2001:db8::1', 99, 6],
    ['2001:db8::1', '2001:db8::1', 99, 6],
    ['[fe80::1%lo]:1', 'fe80::1%lo', 1, 6],
    ['collector.example:1', 'collector.example', 1, 0],
  ];
  for (const [target, host, port, family] of cases) {
    it(target, () => expect(parseTarget(target, 99)).to.deep.equal({ host, port, family }));
  }
  for (const target of [
    '',
    ':6343',
    '10.0.0.1:x',
    '10.0.0.1:65536',
    '10.0.0.256',
    '10.0.1',
    '[::g]:1',
    '::1:x',
  ]) {
    it(`refuses "${target}"`, () =>
      expect(() => parseTarget(target, 99))
        .to.throw()
        .with.property('code', 'ERR_COLLECTOR_TARGET'));
  }
});

describe('exporters: collectors', () => {
  const sockets: Socket[] = [];
  let collectors: Collectors;
  let totals: ReturnType<typeof zeroCounters<keyof typeof COLLECTOR_COUNTER_HELP>>;
  const warnings: string[] = [];
  const listen = async (family: 4 | 6): Promise<{ target: string; received: string[]; socket: Socket }> => {
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
    sockets.push(socket);
    const host = family === 4 ? '127.0.0.1' : '::1';
    const received: string[] = [];
    socket.on('message', (message) => received.push(message.toString()));
    socket.bind(0, host);
    await once(socket, 'listening');
    const { port } = socket.address();
    return { target: family === 4 ? `${host}:${port}` : `[${host}]:${port}`, received, socket };
  };
  const text = (words: string) => Buffer.from(words);

  beforeEach(() => {
    totals = zeroCounters(COLLECTOR_COUNTER_HELP);
    warnings.length = 0;
    collectors = new Collectors(9, totals, (message) => warnings.push(message));
  });
  afterEach(() => {
    collectors.close();
    for (const socket of sockets.splice(0)) socket.close();
  });

  it('each gets every datagram, over IPv4 and IPv6, also what was sent before it was connected', async () => {
    const [four, six] = [await listen(4), await listen(6)];
    collectors.configure([four.target, six.target]);
    const datagram = text('one');
    collectors.send(datagram);
    datagram.write('xxx');
    await eventually('the first arrives', () => four.received.length === 1 && six.received.length === 1);
    collectors.send(text('two'));
    await eventually('the second arrives', () => four.received.length === 2 && six.received.length === 2);
    expect(four.received).to.deep.equal(['one', 'two']);
    expect(six.received).to.deep.equal(['one', 'two']);
    expect(collectors.list.map(({ localAddress }) => localAddress)).to.deep.equal(['127.0.0.1', '::1']);
    await eventually('they are counted', () => totals.sent === 4);
    expect(totals).to.deep.equal({ sent: 4, dropped: 0, errors: 0 });
  });

  it('keep those that stay, end those that go, and leave out what makes no sense', async () => {
    const [one, other] = [await listen(4), await listen(4)];
    collectors.configure([one.target, 'nowhere:x']);
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/^collector "nowhere:x": bad port number "x"/);
    const [kept] = collectors.list;
    collectors.configure([other.target, one.target]);
    expect(collectors.list[1]).to.equal(kept);
    collectors.configure([other.target]);
    collectors.send(text('rest'));
    await eventually('it arrives', () => other.received.length === 1);
    expect(one.received).to.deep.equal([]);
  });

  it('survive one that nobody listens at, and go on when somebody does', async () => {
    const gone = await listen(4);
    const { port } = gone.socket.address();
    gone.socket.close();
    sockets.splice(sockets.indexOf(gone.socket), 1);
    collectors.configure([gone.target]);
    await eventually('refusals are counted', () => {
      collectors.send(text('lost'));
      return totals.errors > 0;
    });
    const again = createSocket('udp4');
    sockets.push(again);
    const received: string[] = [];
    again.on('message', (message) => received.push(message.toString()));
    again.bind(port, '127.0.0.1');
    await once(again, 'listening');
    await eventually('datagrams arrive', () => {
      collectors.send(text('found'));
      return received.includes('found');
    });
  });

  it('try again to reach one to which there is no route', async () => {
    // An IPv6 zone that does not exist: connecting fails at once.
    const collector = new Collector('[fe80::1%nonesuch]:6343', 9, totals);
    await eventually('the failure is counted', () => totals.errors === 1);
    expect(collector.localAddress).to.equal(null);
    collector.send(text('lost'));
    expect(totals.dropped).to.equal(1);
    collector.tick(1000);
    collector.tick(1999);
    collector.tick(2000);
    await eventually('it was tried again', () => totals.errors === 2);
    collector.close();
  });

  it('drop what does not fit into the queue', async () => {
    const { target, received } = await listen(4);
    const collector = new Collector(target, 9, totals);
    for (let i = 0; i < 300; i++) collector.send(text(String(i)));
    expect(collector.counters.dropped).to.equal(300 - 256);
    await eventually('the others are sent', () => collector.counters.sent === 256);
    await eventually('they arrive', () => received.length === 256);
    collector.close();
    expect(collector.counters.errors).to.equal(0);
  });
});

describe('exporters: datagram writer', () => {
  it('writes big-endian, pads, grows and overwrites', () => {
    const writer = new DatagramWriter();
    writer
      .u8(1)
      .u16(0x203)
      .u32(0x4050607)
      .u64(8, 9)
      .count64(2 ** 40 + 1)
      .count64(Number.NaN);
    writer.bytes(Uint8Array.of(10, 11, 12, 13), 1, 2).pad4();
    writer.setU32(3, 0xffffffff);
    writer.setU16(1, 0xeeee);
    expect(Buffer.from(writer.datagram).toString('hex')).to.equal(
      '01eeeeffffffff' + '0000000800000009' + '0000010000000001' + 'ffffffffffffffff' + '0b0c' + '000000',
    );
    const at = writer.length;
    writer.zeros(5000).u32(7);
    expect(writer.length).to.equal(at + 5004);
    expect(writer.datagram[at + 5003]).to.equal(7);
    expect(writer.datagram[1]).to.equal(0xee);
    writer.truncate(1);
    expect([...writer.datagram]).to.deep.equal([1]);
    writer.reset();
    expect(writer.zeros(3).pad4(3).length).to.equal(3);
  });
});
