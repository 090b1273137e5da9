import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import type { IpfixProcess } from '../../ts/exporters/ipfix/process.js';
import { openTransport } from '../../ts/exporters/ipfix/session.js';
import { TcpCollector } from '../../ts/exporters/ipfix/tcp-collector.js';
import { eventually } from '../support/eventually.js';
import { ipfixFrames } from '../support/ipfix-frames.js';
import { readIpfix } from '../support/ipfix-messages.js';
import { ipfixRecords } from '../support/ipfix-records.js';
import { IpfixRig } from '../support/ipfix-rig.js';

/** Bytes that may wait for a collector. */
const QUEUE_BYTES = 1024 * 1024;

/** A collector over TCP: what each connection said, cut into messages by their lengths. */
class TcpServer {
  readonly connections: Buffer[] = [];
  readonly sockets: Socket[] = [];
  /** Takes nothing. */
  deaf = false;
  readonly #server: Server = createServer((socket) => this.#accept(socket));

  async listen(port = 0): Promise<number> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as { port: number }).port;
  }

  #accept(socket: Socket): void {
    const number = this.connections.push(Buffer.alloc(0)) - 1;
    this.sockets.push(socket);
    socket.on('error', () => {});
    if (this.deaf) socket.pause();
    else
      socket.on('data', (chunk) => {
        this.connections[number] = Buffer.concat([this.connections[number], chunk]);
      });
  }

  messages(connection: number): Buffer[] {
    const bytes = this.connections[connection] ?? Buffer.alloc(0);
    const messages: Buffer[] = [];
    for (let at = 0; at + 4 <= bytes.length && at + bytes.readUInt16BE(at + 2) <= bytes.length; ) {
      messages.push(bytes.subarray(at, at + bytes.readUInt16BE(at + 2)));
      at += messages.at(-1)!.length;
    }
    return messages;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }
}

describe('exporters: IPFIX over TCP', () => {
  const servers: TcpServer[] = [];
  const processes: IpfixProcess[] = [];
  const serve = async (port?: number): Promise<[TcpServer, number]> => {
    const server = new TcpServer();
    servers.push(server);
    return [server, await server.listen(port)];
  };
  /** A rig with real transports. */
  const rigFor = (target: string): IpfixRig => {
    const rig = new IpfixRig({ targets: [target] }, 1, openTransport);
    processes.push(rig.process);
    return rig;
  };
  const sample = (rig: IpfixRig) => rig.sample(ipfixFrames().tcp, { domain: 17, point: 1, input: 'p1' });
  const isData = (message: Buffer) =>
    readIpfix(message).domain === 17 && readIpfix(message).sets[0].id >= 256;

  afterEach(async () => {
    for (const process of processes.splice(0)) process.close();
    for (const server of servers.splice(0)) await server.close();
  });

  it('sends whole messages, and what waits when it ends', async () => {
    const [server, port] = await serve();
    const rig = rigFor(`tcp:127.0.0.1:${port}`);
    for (let i = 0; i < 100; i++) sample(rig);
    rig.process.close();
    await eventually('the records', () => server.messages(0).filter(isData).length === 100);
    const records = await ipfixRecords(server.messages(0));
    expect(records).to.have.length(100);
    expect(new Set(records.map(({ srcport }) => srcport))).to.deep.equal(new Set(['1000']));
    const sequences = server
      .messages(0)
      .filter(isData)
      .map((message) => readIpfix(message).sequence);
    expect(sequences).to.deep.equal(Array.from({ length: 100 }, (_, i) => i));
    expect(rig.process.statistics).to.deep.include({ txPackets: server.messages(0).length, txErrors: 0 });
  });

  it('begins anew with templates when the collector comes back, and counts what was lost meanwhile', async () => {
    const [first, port] = await serve();
    const rig = rigFor(`tcp:127.0.0.1:${port}`);
    sample(rig);
    await eventually('the first record', () => first.messages(0).filter(isData).length === 1);
    await first.close();
    await eventually('the end is noticed', () => {
      sample(rig);
      rig.process.tick(rig.now);
      return rig.totals.dropped > 0;
    });
    const lost = rig.totals.dropped;
    sample(rig);
    expect(rig.totals.dropped).to.equal(lost + 1);
    const [second] = await serve(port);
    await eventually('it is connected again', () => {
      rig.now += 500;
      rig.process.tick(rig.now);
      return second.connections.length > 0;
    });
    sample(rig);
    await eventually('a record', () => second.messages(0).some(isData));
    const [template] = second.messages(0);
    expect(readIpfix(template).sets[0].id).to.equal(2);
    expect(await ipfixRecords(second.messages(0))).to.have.length(second.messages(0).filter(isData).length);
  });

  it('survives a collector that takes nothing: what waits is bounded, the rest is counted', async () => {
    const [server, port] = await serve();
    server.deaf = true;
    const totals = { sent: 0, dropped: 0, errors: 0 };
    const collector = new TcpCollector(`127.0.0.1:${port}`, 4739, totals);
    const message = new Uint8Array(60_000);
    let given = 0;
    await eventually('nothing fits any more', async () => {
      for (let i = 0; i < 100; i++, given++) collector.send(message);
      await new Promise(setImmediate);
      return totals.dropped > 1000;
    });
    expect(collector.waiting).to.be.at.most(QUEUE_BYTES);
    const refused = totals.dropped;
    collector.close();
    await eventually('all are accounted for', () => totals.sent + totals.dropped === given);
    expect(totals.dropped, 'what waited').to.be.above(refused);
  });

  it('survives a collector that is not there, and refuses targets that make no sense', async () => {
    const [server, port] = await serve();
    await server.close();
    const rig = rigFor(`tcp:127.0.0.1:${port}`);
    for (let round = 0; round < 3; round++) {
      sample(rig);
      await eventually('the refusal', () => {
        rig.process.tick(rig.now);
        rig.now += 1000;
        return rig.totals.errors > round;
      });
    }
    expect(rig.totals.sent).to.equal(0);
    expect(rig.totals.dropped).to.be.above(0);
    expect(() => openTransport('tcp:nowhere:x', rig.totals))
      .to.throw()
      .with.property('code', 'ERR_COLLECTOR_TARGET');
  });
});
