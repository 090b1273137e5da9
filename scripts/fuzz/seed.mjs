// Writes the small corpus, test/fuzz/corpus/TARGET/, from the recorded fixtures: one input of each kind, named by its content.
// Run again when a fixture changes: node scripts/fuzz/seed.mjs
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root } from '../test/root.mjs';

const fixtures = join(root, 'test', 'fixtures');
const MOST = 32;
const PACKET_FAMILY = 35;
const FLOW_FAMILY = 33;

/** Generic netlink datagrams of the capture. */
function captured() {
  const file = readFileSync(join(fixtures, 'netlink-ovs310.pcap'));
  const datagrams = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const length = file.readUInt32LE(at + 8);
    const record = file.subarray(at + 16, at + 16 + length);
    if (record.readUInt16BE(14) === 16) datagrams.push(record.subarray(16));
    at += 16 + length;
  }
  return datagrams;
}

const cases = gunzipSync(readFileSync(join(fixtures, 'odp-dev.jsonl.gz')))
  .toString()
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line));

/** Types of attributes, nested ones too as far as they look like such. */
function shape(bytes, depth = 0) {
  let out = '';
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) return '';
    const inner = depth < 3 ? shape(bytes.subarray(at + 4, at + length), depth + 1) : '';
    out += `${bytes.readUInt16LE(at + 2)}${inner && `[${inner}]`},`;
    at += (length + 3) & ~3;
  }
  return out;
}

/** The first of `inputs` for each kind, spread over all of them. */
function choose(inputs, kind) {
  const byKind = new Map();
  for (const input of inputs) if (!byKind.has(kind(input))) byKind.set(kind(input), input);
  const all = [...byKind.values()];
  const step = Math.max(1, all.length / MOST);
  return Array.from({ length: Math.min(MOST, all.length) }, (_, i) => all[Math.floor(i * step)]);
}

const datagrams = captured();
const of = (family) => datagrams.filter((d) => d.readUInt16LE(4) === family);
const fields = (name) => cases.filter((c) => c[name] !== undefined).map((c) => Buffer.from(c[name], 'hex'));
const texts = (list) => list.filter((text) => text.length < 1000).map((text) => Buffer.from(text));
const words = (text) => text.toString().replace(/[0-9][0-9a-fx:.]*/g, '0');
const prefixed = (byte) => (bytes) => Buffer.concat([Buffer.of(byte), bytes]);

/** Key and mask of captured flow messages, behind the byte that tells where the first ends. */
function keysAndMasks() {
  const out = [];
  for (const datagram of of(FLOW_FAMILY)) {
    const found = {};
    for (let at = 24; at + 4 <= datagram.length; ) {
      const length = datagram.readUInt16LE(at);
      if (length < 4) break;
      found[datagram.readUInt16LE(at + 2)] = datagram.subarray(at + 4, at + length);
      at += (length + 3) & ~3;
    }
    if (!found[1] || !found[7]) continue;
    const split = Math.round((255 * found[1].length) / (found[1].length + found[7].length));
    out.push(Buffer.concat([Buffer.of(split), found[1], found[7]]));
  }
  return out;
}

const keyCases = choose(fields('keyFromFlow'), shape);
const actionCases = choose(
  fields('actions').filter((bytes) => bytes.length < 1000),
  shape,
);
const corpus = {
  netlink: choose(datagrams, (d) => `${d.readUInt16LE(4)} ${d.readUInt16LE(6)} ${d[16]}`),
  upcall: choose(of(PACKET_FAMILY), (d) => shape(d.subarray(24))),
  flow: choose(of(FLOW_FAMILY), (d) => shape(d.subarray(24))),
  key: [...keyCases.map(prefixed(255)), ...choose(keysAndMasks(), (b) => shape(b.subarray(1)))],
  actions: actionCases.map((bytes, i) => prefixed(i)(bytes)),
  extract: choose(fields('packet'), (p) => `${p.readUInt16BE(12)} ${p.length} ${p[23]}`),
  key_text: choose(texts(cases.filter((c) => c.keyFromFlowText).map((c) => c.keyFromFlowText)), words),
  actions_text: choose(texts(cases.filter((c) => c.kind === 'actions').map((c) => c.in)), words),
  key_bytes: keyCases,
  actions_bytes: actionCases,
};
for (const [target, inputs] of Object.entries(corpus)) {
  const folder = join(root, 'test', 'fuzz', 'corpus', target);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const input of inputs) {
    const name = createHash('sha1').update(input).digest('hex').slice(0, 12);
    writeFileSync(join(folder, name), input);
  }
  console.log(`${target}: ${inputs.length}`);
}
