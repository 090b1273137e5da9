import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Context } from 'mocha';
import { skipUnless } from './skip.js';

const run = promisify(execFile);

/** pcap: magic for microseconds, version 2.4, snapshot length, packets begin with an IP header (LINKTYPE_RAW). */
const PCAP_HEADER = [0xa1b2c3d4, 0x00020004, 0, 0, 0x40000, 101];

/** One field, protocol or heading of a dissection. */
export interface Dissected {
  /** As `tshark -G fields` lists it (`cflow.srcaddr`); '' for a heading. */
  readonly name: string;
  /** The value as display filters have it; what a heading says. */
  readonly show: string;
  /** The line that people read. */
  readonly text: string;
  readonly fields: readonly Dissected[];
}

function pcap(datagrams: readonly Uint8Array[], port: number): Buffer {
  const parts = [Buffer.alloc(24)];
  for (const [i, word] of PCAP_HEADER.entries()) parts[0].writeUInt32BE(word, 4 * i);
  for (const datagram of datagrams) {
    const length = 28 + datagram.length;
    const head = Buffer.alloc(16 + 28);
    head.writeUInt32BE(length, 8);
    head.writeUInt32BE(length, 12);
    head.writeUInt8(0x45, 16);
    head.writeUInt16BE(length, 18);
    head.writeUInt8(64, 24);
    head.writeUInt8(17, 25);
    head.writeUInt32BE(0x7f000001, 28);
    head.writeUInt32BE(0x7f000001, 32);
    head.writeUInt16BE(40000, 36);
    head.writeUInt16BE(port, 38);
    head.writeUInt16BE(8 + datagram.length, 40);
    parts.push(head, Buffer.from(datagram));
  }
  return Buffer.concat(parts);
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const plain = (text: string) => text.replace(/&(\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole);

/** The elements of a PDML document, nested as they are; `tshark` writes one tag a line. */
function parsePdml(xml: string): Dissected[] {
  interface Open extends Dissected {
    readonly fields: Open[];
  }
  const top: Open = { name: '', show: '', text: '', fields: [] };
  const stack = [top];
  for (const [, closing, attributes, empty] of xml.matchAll(
    /<(\/?)(?:packet|proto|field)\b([^>]*?)(\/?)>/g,
  )) {
    if (closing !== '') {
      stack.pop();
      continue;
    }
    const of = (name: string) => plain(new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes)?.[1] ?? '');
    const element: Open = {
      name: of('name'),
      show: of('show'),
      text: of('showname') || of('show'),
      fields: [],
    };
    stack.at(-1)!.fields.push(element);
    if (empty === '') stack.push(element);
  }
  return top.fields;
}

/**
 * What tshark makes of datagrams that were sent to a UDP port: for each the protocol's part, `protocol` being as in `tshark -d` (cflow, sflow). They
 * are one stream: templates count for what follows.
 */
export async function dissect(
  datagrams: readonly Uint8Array[],
  protocol: string,
  port: number,
): Promise<Dissected[]> {
  const folder = mkdtempSync(join(tmpdir(), 'slowpath-tshark-'));
  try {
    const file = join(folder, 'datagrams.pcap');
    writeFileSync(file, pcap(datagrams, port));
    // Templates have more fields than it takes by default.
    const limits = ['-o', 'cflow.max_template_fields:0'];
    // What is in the packets that samples show is not its business here.
    limits.push('-o', 'sflow.enable_dissection:FALSE');
    const args = ['-n', '-r', file, ...limits, '-d', `udp.port==${port},${protocol}`, '-T', 'pdml'];
    const { stdout } = await run('tshark', args, { maxBuffer: 1 << 28 });
    return parsePdml(stdout).map((packet) => {
      const found = packet.fields.find(({ name }) => name === protocol);
      if (found === undefined) throw new Error(`tshark sees no ${protocol} in: ${JSON.stringify(packet)}`);
      // What it complains of stands beside the protocol.
      const complaints = packet.fields.filter(({ name }) => name.startsWith('_ws.'));
      return { ...found, fields: [...found.fields, ...complaints] };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All fields within, in order. */
export function* allFields(of: Dissected): Generator<Dissected> {
  for (const field of of.fields) {
    yield field;
    yield* allFields(field);
  }
}

/** What tshark complains of: malformed packets and notes of its experts. */
export function complaintsOf(dissected: readonly Dissected[]): string[] {
  return dissected.flatMap((one) =>
    [...allFields(one)].filter(({ name }) => /^_ws\.(malformed|expert)$/.test(name)).map(({ text }) => text),
  );
}

/** Skips without tshark. */
export function needsTshark(context: Context): void {
  const { error } = spawnSync('tshark', ['--version'], { stdio: 'ignore' });
  skipUnless(context, error === undefined, 'needs tshark (Debian package tshark)');
}
