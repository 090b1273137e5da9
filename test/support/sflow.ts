import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { eventually } from './eventually.js';

/** Reads a datagram as XDR, and nothing but what is there. */
class Xdr {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  u32(): number {
    this.#need(4);
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  u64(): number {
    return this.u32() * 2 ** 32 + this.u32();
  }

  /** Bytes and their padding, which is 0; what OVS leaves in the padding is not looked at with `lax`. */
  opaque(length: number, lax = false): Buffer {
    const padded = (length + 3) & ~3;
    this.#need(padded);
    const all = this.#bytes.subarray(this.#at, this.#at + padded);
    if (!lax && all.subarray(length).some((byte) => byte !== 0)) throw new Error('padding is not zero');
    this.#at += padded;
    return all.subarray(0, length);
  }

  /** The next `length` bytes on their own. */
  part(length: number): Xdr {
    if (length % 4 !== 0) throw new Error(`length ${length} is not a multiple of 4`);
    return new Xdr(this.opaque(length));
  }

  address(): string {
    const type = this.u32();
    if (type === 1) return [...this.opaque(4)].join('.');
    if (type === 2) return this.opaque(16).toString('hex');
    throw new Error(`address type ${type}`);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new Error(`${this.#bytes.length - this.#at} bytes are left`);
  }

  #need(count: number): void {
    if (this.#at + count > this.#bytes.length) throw new Error('cut short');
  }
}

type Fields = Readonly<Record<string, number | string | readonly number[]>>;

/** What OVS leaves in the padding of LACP's addresses is not looked at. */
const mac = (xdr: Xdr, lax = true) =>
  xdr
    .opaque(6, lax)
    .toString('hex')
    .replace(/..(?=.)/g, '$&:');
const ip = (xdr: Xdr) => [...xdr.opaque(4)].join('.');
const labels = (xdr: Xdr) => Array.from({ length: xdr.u32() }, () => xdr.u32());
const words =
  (...names: readonly string[]) =>
  (xdr: Xdr): Fields =>
    Object.fromEntries(names.map((name) => [name, xdr.u32()]));

/** As sFlow version 5 has it: struct sampled_ethernet. */
const ethernet = (xdr: Xdr): Fields => ({
  length: xdr.u32(),
  src: mac(xdr, false),
  dst: mac(xdr, false),
  type: xdr.u32(),
});

function tunnel(readAddress: (xdr: Xdr) => string) {
  return (xdr: Xdr): Fields => ({
    length: xdr.u32(),
    protocol: xdr.u32(),
    src: readAddress(xdr),
    dst: readAddress(xdr),
    srcPort: xdr.u32(),
    dstPort: xdr.u32(),
    tcpFlags: xdr.u32(),
    tos: xdr.u32(),
  });
}
const ipv6 = (xdr: Xdr) => xdr.opaque(16).toString('hex');
const vni = words('vni');

/** Records by format (enterprise 0), with a name. */
const FLOW_RECORDS: Readonly<Record<number, readonly [name: string, read: (xdr: Xdr) => Fields]>> = {
  1: [
    'header',
    (xdr) => ({
      protocol: xdr.u32(),
      frameLength: xdr.u32(),
      stripped: xdr.u32(),
      bytes: xdr.opaque(xdr.u32()).toString('hex'),
    }),
  ],
  1001: ['switch', words('srcVlan', 'srcPriority', 'dstVlan', 'dstPriority')],
  1006: ['mpls', (xdr) => ({ nextHop: xdr.address(), in: labels(xdr), out: labels(xdr) })],
  1021: ['ethernetTunnelEgress', ethernet],
  1022: ['ethernetTunnelIngress', ethernet],
  1023: ['ipv4TunnelEgress', tunnel(ip)],
  1024: ['ipv4TunnelIngress', tunnel(ip)],
  1025: ['ipv6TunnelEgress', tunnel(ipv6)],
  1026: ['ipv6TunnelIngress', tunnel(ipv6)],
  1029: ['vniEgress', vni],
  1030: ['vniIngress', vni],
};
const COUNTER_RECORDS: typeof FLOW_RECORDS = {
  1: [
    'generic',
    (xdr) => ({
      ...words('ifindex', 'type')(xdr),
      speed: xdr.u64(),
      ...words('direction', 'status')(xdr),
      inOctets: xdr.u64(),
      ...words('inUcast', 'inMulticast', 'inBroadcast', 'inDiscards', 'inErrors', 'inUnknown')(xdr),
      outOctets: xdr.u64(),
      ...words('outUcast', 'outMulticast', 'outBroadcast', 'outDiscards', 'outErrors', 'promiscuous')(xdr),
    }),
  ],
  2: [
    'ethernet',
    words(
      'alignment',
      'fcs',
      'singleCollision',
      'multipleCollision',
      'sqe',
      'deferred',
      'late',
      'excessive',
      'internalTransmit',
      'carrierSense',
      'tooLong',
      'internalReceive',
      'symbol',
    ),
  ],
  7: [
    'lacp',
    (xdr) => ({
      actor: mac(xdr),
      partner: mac(xdr),
      aggregator: xdr.u32(),
      states: [...xdr.opaque(4)],
      ...words('rx', 'markerRx', 'markerResponseRx', 'unknownRx', 'illegalRx', 'tx', 'markerTx')(xdr),
      ...words('markerResponseTx')(xdr),
    }),
  ],
  1004: ['openflowPort', (xdr) => ({ datapathId: xdr.opaque(8).toString('hex'), port: xdr.u32() })],
  1005: ['portName', (xdr) => ({ name: xdr.opaque(xdr.u32()).toString() })],
  2203: [
    'app',
    (xdr) => ({
      ...words('userMs', 'systemMs')(xdr),
      memory: xdr.u64(),
      memoryMax: xdr.u64(),
      ...words('fds', 'fdsMax', 'connections', 'connectionsMax')(xdr),
    }),
  ],
  2207: ['datapath', words('hit', 'missed', 'lost', 'maskHit', 'flows', 'masks')],
};

/** A sample as a collector sees it. */
export interface SflowSample {
  readonly kind: 'flow' | 'counters';
  readonly sequence: number;
  /** Class and index: `0:5` is interface 5, `2:1000` the first bridge. */
  readonly source: string;
  /** Of a flow sample: sampling, pool, drops, input, output. */
  readonly fields: Fields;
  /** By name. */
  readonly records: Readonly<Record<string, Fields>>;
}

export interface SflowDatagram {
  readonly agent: string;
  readonly subAgent: number;
  readonly sequence: number;
  readonly uptime: number;
  readonly samples: readonly SflowSample[];
}

function readRecords(xdr: Xdr, known: typeof FLOW_RECORDS): Record<string, Fields> {
  const records: Record<string, Fields> = {};
  for (let left = xdr.u32(); left > 0; left--) {
    const format = xdr.u32();
    const content = xdr.part(xdr.u32());
    const [name, read] = known[format] ?? [];
    if (name === undefined || read === undefined) throw new Error(`record of unknown format ${format}`);
    if (records[name] !== undefined) throw new Error(`two records ${name}`);
    records[name] = read(content);
    content.end();
  }
  return records;
}

function readSample(xdr: Xdr): SflowSample {
  const format = xdr.u32();
  const body = xdr.part(xdr.u32());
  if (format !== 1 && format !== 2) throw new Error(`sample of unknown format ${format}`);
  const sequence = body.u32();
  const id = body.u32();
  const source = `${id >>> 24}:${id & 0xffffff}`;
  const fields = format === 1 ? words('sampling', 'pool', 'drops', 'input', 'output')(body) : {};
  const records = readRecords(body, format === 1 ? FLOW_RECORDS : COUNTER_RECORDS);
  body.end();
  return { kind: format === 1 ? 'flow' : 'counters', sequence, source, fields, records };
}

/** Reads a datagram of sFlow version 5. Throws unless every length, every padding and every byte is as it should be. */
export function parseSflow(datagram: Buffer): SflowDatagram {
  const xdr = new Xdr(datagram);
  const version = xdr.u32();
  if (version !== 5) throw new Error(`version ${version}`);
  const agent = xdr.address();
  const [subAgent, sequence, uptime] = [xdr.u32(), xdr.u32(), xdr.u32()];
  const samples = Array.from({ length: xdr.u32() }, () => readSample(xdr));
  xdr.end();
  return { agent, subAgent, sequence, uptime, samples };
}

/** Collects the datagrams of an exporter in this process, on its loopback. */
export class SflowListener {
  readonly target: string;
  readonly port: number;
  readonly datagrams: Buffer[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.port = socket.address().port;
    this.target = host.includes(':') ? `[${host}]:${this.port}` : `${host}:${this.port}`;
    socket.on('message', (datagram) => this.datagrams.push(datagram));
  }

  static async start(host = '127.0.0.1'): Promise<SflowListener> {
    const socket = createSocket({
      type: host.includes(':') ? 'udp6' : 'udp4',
      recvBufferSize: 4 << 20,
    });
    socket.bind(0, host);
    await once(socket, 'listening');
    return new SflowListener(socket, host);
  }

  get parsed(): SflowDatagram[] {
    return this.datagrams.map(parseSflow);
  }

  samples(kind: SflowSample['kind']): SflowSample[] {
    return this.parsed.flatMap(({ samples }) => samples.filter((one) => one.kind === kind));
  }

  /** The samples of a kind, once there are `count` of them. */
  async until(kind: SflowSample['kind'], count: number): Promise<SflowSample[]> {
    await eventually(`${count} ${kind} samples`, () => this.samples(kind).length >= count);
    return this.samples(kind);
  }

  close(): void {
    this.#socket.close();
  }
}
