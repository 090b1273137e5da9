import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import * as ovs from '../../ts/fields/index.js';
import { formatActions, formatKey } from '../../ts/flow/index.js';
import { FITNESS, native } from '../../ts/native/index.js';
import { BAD_REASONS, classifyUpcall, UPCALL_CLASSES } from '../../ts/upcall/index.js';
import { type Attribute, pick } from '../support/attributes.js';
import { root } from '../support/processes.js';
import { parseOvsMessage } from '../support/test-datapath.js';
import { keyOf, type RecordedUpcall } from '../support/upcall-recorder.js';

/** An upcall and what its netlink message says. */
class Upcall {
  readonly name: string;
  readonly text: string;
  readonly mask: Buffer;
  readonly message: Buffer;
  readonly key: Buffer;
  readonly attributes: readonly Attribute[];
  readonly row = new Int32Array(ovs.FLOW_WORDS);
  readonly fitness: number;

  constructor({ name, text, mask, message }: RecordedUpcall) {
    this.name = name;
    this.text = text;
    this.mask = Buffer.from(mask, 'hex');
    this.message = Buffer.from(message, 'hex');
    this.key = keyOf(this.message);
    this.attributes = parseOvsMessage(this.message).attributes;
    this.fitness = native().decodeKey(this.key, this.row, 0);
  }

  get(type: number): Buffer | undefined {
    return pick(this.attributes, type);
  }

  /** Class, and what is bad. */
  classify(): readonly (string | undefined)[] {
    const row = new Int32Array(ovs.UPCALL_ROW_WORDS);
    const userdata = this.get(ovs.OVS_PACKET_ATTR_USERDATA);
    row[ovs.UPCALL_CMD] = parseOvsMessage(this.message).cmd;
    row[ovs.UPCALL_FITNESS] = this.fitness;
    row[ovs.UPCALL_USERDATA_OFF] = userdata ? userdata.byteOffset - this.message.byteOffset : 0;
    row[ovs.UPCALL_USERDATA_LEN] = userdata?.length ?? 0;
    const kind = classifyUpcall(row, 0, this.message);
    return [UPCALL_CLASSES[kind], BAD_REASONS[kind]];
  }
}

const fixture = readFileSync(join(root, 'test/fixtures/upcalls-linux61.jsonl.gz'));
const upcalls = gunzipSync(fixture)
  .toString()
  .trim()
  .split('\n')
  .map((line) => new Upcall(JSON.parse(line) as RecordedUpcall));
const named = (name: string) => {
  const found = upcalls.find((upcall) => upcall.name === name);
  if (!found) throw new Error(`no upcall ${name} was recorded`);
  return found;
};

describe('golden: upcalls of Linux 6.1', () => {
  it('are of all kinds', () => {
    expect(upcalls.filter(({ name }) => name.startsWith('miss_'))).to.have.length(51);
    expect(upcalls.filter(({ name }) => name.startsWith('recirc_'))).to.have.length(16);
    expect(upcalls.filter(({ name }) => name.startsWith('action_'))).to.have.length(11);
  });

  for (const upcall of upcalls) {
    it(`${upcall.name}: key to text as ovs-dpctl prints it, to a flow, and back to the same bytes`, () => {
      // OVS's own extraction reads the IGMP type, so a key that cannot say it is too little.
      const igmp = upcall.name === 'miss_ipv4_igmp';
      expect(FITNESS[upcall.fitness]).to.equal(igmp ? 'too_little' : 'perfect');
      const before = upcall.key.toString('hex');
      expect(formatKey(upcall.key, upcall.mask, { verbose: true })).to.equal(upcall.text);
      expect(upcall.key.toString('hex'), 'printing leaves the bytes alone').to.equal(before);
      const out = new Uint8Array(2048);
      const length = native().encodeKey(upcall.row, 0, out, 0);
      expect(Buffer.from(out.subarray(0, length)).toString('hex')).to.equal(before);
    });
  }

  it('their packets say what their keys say', () => {
    for (const { name, row, message } of upcalls) {
      // Less of the packet was sent up than the key was made from.
      if (name === 'action_truncated') continue;
      const packet = pick(parseOvsMessage(message).attributes, ovs.OVS_PACKET_ATTR_PACKET)!;
      const extracted = row.slice();
      extracted.fill(0, ovs.F_ETH_DST, ovs.F_CT_NW_SRC);
      extracted.fill(0, ovs.F_IPV6_EXTHDRS, ovs.F_CT_TP_SRC);
      native().extractPacket(packet, extracted, 0);
      const differing = [...row.keys()].filter((i) => row[i] !== extracted[i]);
      // The key is that of the whole packet; PSH is on its last segment only.
      const segment = /^miss_gso_.*_[12]$/.test(name);
      expect(differing, name).to.deep.equal(segment ? [ovs.F_TCP_FLAGS] : []);
    }
  });

  it('are classified by what their cookies say', () => {
    for (const upcall of upcalls.filter(({ name }) => !name.startsWith('action_')))
      expect(upcall.classify(), upcall.name).to.deep.equal(['miss', undefined]);
    const actions = {
      slow_path: ['slow_path', undefined],
      sflow: ['sflow', undefined],
      flow_sample: ['flow_sample', undefined],
      ipfix: ['ipfix', undefined],
      controller: ['controller', undefined],
      odd_cookie: ['bad', 'cookie of unexpected size'],
      no_cookie: ['bad', 'action upcall without a cookie'],
      truncated: ['slow_path', undefined],
      sampled: ['sflow', undefined],
      egress_tunnel: ['ipfix', undefined],
      after_set: ['slow_path', undefined],
    };
    for (const [name, expected] of Object.entries(actions))
      expect(named(`action_${name}`).classify(), name).to.deep.equal(expected);
  });

  it('carry the size of fragments, the length before truncation, actions, the egress tunnel, a hash', () => {
    // The first fragment: 20 bytes of header and 48 of payload; 40, 8 and 48 over IPv6.
    expect(named('recirc_ct_ipv4_fragments').get(ovs.OVS_PACKET_ATTR_MRU)?.readUInt16LE()).to.equal(68);
    expect(named('recirc_ct_ipv6_fragments').get(ovs.OVS_PACKET_ATTR_MRU)?.readUInt16LE()).to.equal(96);
    const cut = named('action_truncated');
    expect(cut.get(ovs.OVS_PACKET_ATTR_PACKET)).to.have.length(20);
    expect(cut.get(ovs.OVS_PACKET_ATTR_LEN)?.readUInt32LE()).to.equal(74);
    expect(formatActions(named('action_sflow').get(ovs.OVS_PACKET_ATTR_ACTIONS)!)).to.match(
      /^userspace\(.*actions\)$/,
    );
    const tunnel = named('action_egress_tunnel').get(ovs.OVS_PACKET_ATTR_EGRESS_TUN_KEY)!;
    expect(tunnel).to.have.length.greaterThan(30);
    for (const upcall of upcalls.filter(({ name }) => name.startsWith('miss_ipv4')))
      expect(upcall.get(ovs.OVS_PACKET_ATTR_HASH), upcall.name).to.have.length(8);
  });
});
