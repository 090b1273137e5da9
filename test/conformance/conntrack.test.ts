import { expect } from 'chai';
import * as ovs from '../../ts/fields/index.js';
import { be16, parseAttributes, pick } from '../support/attributes.js';
import { failure } from '../support/failure.js';
import {
  checksum,
  checksumsHold,
  ethernet,
  ipv4,
  ipv4Packet,
  tcpPacket,
  udpFrame,
  udpPacket,
} from '../support/frames.js';
import { action, key, maskOf, udpKey } from '../support/odp.js';
import { ct } from '../support/odp-actions.js';
import { describeOnBoth } from '../support/rig.js';
import { Capture, sendFrames } from '../support/traffic.js';

/* <linux/openvswitch.h>: OVS_CS_F_*. */
const NEW = 1;
const EST = 2;
const REL = 4;
const RPL = 8;
const INV = 16;
const TRK = 32;
const SNAT = 64;
const DNAT = 128;
const A = '10.0.0.1';
const B = '10.0.0.2';
const PUBLIC = '192.0.2.1';
const SYN = 2;
const ACK = 16;

const there = () => udpFrame();
const back = (dst = A, dstPort = 1000) => udpFrame(2000, dstPort, { src: B, dst });

function icmp(src: string, dst: string, type: number, code: number, rest: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from([type, code, 0, 0]), rest]);
  body.writeUInt16BE(checksum(body), 2);
  return ethernet({ type: 0x0800, payload: ipv4Packet(1, body, -1, { src, dst }) });
}

function tcp(flags: number, seq: number, ack: number, reply: boolean): Buffer {
  const [src, dst] = reply ? [B, A] : [A, B];
  const [from, to] = reply ? [80, 1000] : [1000, 80];
  const packet = tcpPacket(from, to, flags, Buffer.alloc(0), { src, dst });
  packet.writeUInt32BE(seq, 24);
  packet.writeUInt32BE(ack, 28);
  packet.writeUInt16BE(0, 36);
  const pseudo = Buffer.concat([ipv4(src), ipv4(dst), be16(6, packet.length - 20)]);
  packet.writeUInt16BE(checksum(pseudo, packet.subarray(20)), 36);
  return ethernet({ type: 0x0800, payload: packet });
}

describeOnBoth('connection tracking', (rig) => {
  let zone = 100;
  beforeEach(() => {
    zone++;
  });

  /** A flow for all IPv4 packets of a port: `actions`, then an upcall that tells what became of the packet. */
  function flow(port: number, ...actions: Buffer[]) {
    const all = Buffer.concat([key.recircId(0), udpKey(port).subarray(key.recircId(0).length)]);
    rig().datapath.putFlow({
      key: all,
      mask: maskOf(all, [ovs.OVS_KEY_ATTR_RECIRC_ID, ovs.OVS_KEY_ATTR_IN_PORT, ovs.OVS_KEY_ATTR_ETHERTYPE]),
      actions: Buffer.concat([...actions, action.recirc(40 + port)]),
    });
  }

  /** Sends a frame into a port; what its upcall says of it. */
  async function tracked(port: number, frame: Buffer) {
    sendFrames(rig().outside, `h${port}`, [frame]);
    const upcall = await rig().upcalls.next();
    const attributes = parseAttributes(upcall?.key ?? Buffer.alloc(0));
    const word = (type: number) => pick(attributes, type)?.readUInt32LE();
    return {
      state: word(ovs.OVS_KEY_ATTR_CT_STATE),
      mark: word(ovs.OVS_KEY_ATTR_CT_MARK),
      label: word(ovs.OVS_KEY_ATTR_CT_LABELS),
      zone: pick(attributes, ovs.OVS_KEY_ATTR_CT_ZONE)?.readUInt16LE(),
      tuple: pick(attributes, ovs.OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4)?.toString('hex'),
      packet: upcall?.packet ?? Buffer.alloc(0),
    };
  }
  const state = async (port: number, frame: Buffer) => (await tracked(port, frame)).state;

  it('UDP: new, then established both ways; zone, mark, labels and the original tuple in the key', async () => {
    flow(1, ct.action(ct.commit(), ct.zone(zone), ct.mark(0x1234, 0xffff), ct.label(77)));
    flow(2, ct.action(ct.zone(zone)));
    expect(await state(1, there())).to.equal(NEW | TRK);
    const reply = await tracked(2, back());
    expect(reply.state).to.equal(EST | RPL | TRK);
    expect(reply).to.deep.include({ zone, mark: 0x1234, label: 77 });
    // struct ovs_key_ct_tuple_ipv4: addresses, ports, protocol.
    expect(reply.tuple?.slice(0, 26)).to.equal('0a0000010a00000203e807d011');
    expect(await state(1, there())).to.equal(EST | TRK);
  });

  it('nothing is remembered without commit, and nothing of another zone', async () => {
    flow(1, ct.action(ct.zone(zone)));
    flow(2, ct.action(ct.commit(), ct.zone(zone + 1000)));
    expect(await state(1, there())).to.equal(NEW | TRK);
    expect(await state(1, there())).to.equal(NEW | TRK);
    expect(await state(2, back())).to.equal(NEW | TRK);
    expect(await state(1, there())).to.equal(NEW | TRK);
  });

  it('TCP: handshake, an answer to nothing, flags that cannot be', async () => {
    flow(1, ct.action(ct.commit(), ct.zone(zone)));
    flow(2, ct.action(ct.zone(zone)));
    expect(await state(2, tcp(SYN | ACK, 5, 6, true))).to.equal(INV | TRK);
    expect(await state(1, tcp(SYN | 1, 100, 0, false))).to.equal(INV | TRK);
    expect(await state(1, tcp(SYN, 100, 0, false))).to.equal(NEW | TRK);
    expect(await state(2, tcp(SYN | ACK, 500, 101, true))).to.equal(EST | RPL | TRK);
    expect(await state(1, tcp(ACK, 101, 501, false))).to.equal(EST | TRK);
  });

  it('ping, and an ICMP error about a connection', async () => {
    flow(1, ct.action(ct.commit(), ct.zone(zone)));
    flow(2, ct.action(ct.zone(zone)));
    const echo = Buffer.concat([be16(7, 1), Buffer.alloc(16)]);
    expect(await state(2, icmp(B, A, 0, 0, echo))).to.equal(INV | TRK);
    expect(await state(1, icmp(A, B, 8, 0, echo))).to.equal(NEW | TRK);
    expect(await state(2, icmp(B, A, 0, 0, echo))).to.equal(EST | RPL | TRK);
    await state(1, there());
    const about = there().subarray(14, 42);
    const error = await tracked(2, icmp('10.0.0.254', A, 3, 1, Buffer.concat([Buffer.alloc(4), about])));
    expect(error.state).to.equal(REL | RPL | TRK);
  });

  it('wrong checksums are invalid', async () => {
    flow(1, ct.action(ct.commit(), ct.zone(zone)));
    const frame = there();
    frame[frame.length - 1] ^= 0xff;
    const { state: found, tuple } = await tracked(1, frame);
    expect(found).to.equal(INV | TRK);
    expect(tuple).to.equal(undefined);
  });

  it('ct_clear: as if nothing had looked at it', async () => {
    flow(1, ct.action(ct.commit(), ct.zone(zone), ct.mark(5)), ct.clear());
    expect(await tracked(1, there())).to.deep.include({ state: 0, mark: 0, zone: 0, tuple: undefined });
  });

  it('force: the other end begins', async () => {
    flow(1, ct.action(ct.commit(), ct.zone(zone)));
    flow(2, ct.action(ct.force(), ct.zone(zone)));
    expect(await state(1, there())).to.equal(NEW | TRK);
    expect(await state(2, back())).to.equal(NEW | TRK);
    expect(await state(1, there())).to.equal(EST | RPL | TRK);
  });

  it('source NAT: forward, back, and on the wire with right checksums', async () => {
    const nat = ct.nat(ct.source(), ct.addresses(PUBLIC), ct.ports(5000));
    flow(1, ct.action(ct.commit(), ct.zone(zone), nat), action.output(3));
    flow(2, ct.action(ct.zone(zone), ct.nat()));
    const capture = await Capture.start(rig().outside, 'h3', 1, 30_000);
    expect(await state(1, there())).to.equal(NEW | TRK | SNAT);
    const [frame] = await capture.frames();
    expect(frame.toString('hex')).to.equal(udpFrame(5000, 2000, { src: PUBLIC }).toString('hex'));
    const reply = await tracked(2, back(PUBLIC, 5000));
    expect(reply.state).to.equal(EST | RPL | TRK | DNAT);
    expect(reply.packet.toString('hex')).to.equal(back().toString('hex'));
    expect(checksumsHold(reply.packet)).to.equal(true);
  });

  it('destination NAT of TCP, and of the packet inside an ICMP error', async () => {
    const nat = ct.nat(ct.destination(), ct.addresses('10.0.0.77'));
    flow(1, ct.action(ct.commit(), ct.zone(zone), nat));
    flow(2, ct.action(ct.zone(zone), ct.nat()));
    const forward = await tracked(1, there());
    // Linux translates the source too, to itself, and says so.
    expect((forward.state ?? 0) & ~SNAT).to.equal(NEW | TRK | DNAT);
    expect(forward.packet.toString('hex')).to.equal(
      udpFrame(1000, 2000, { dst: '10.0.0.77' }).toString('hex'),
    );
    const rest = (packet: Buffer) => Buffer.concat([Buffer.alloc(4), packet.subarray(0, 28)]);
    const data = Buffer.alloc(32, 0x5a);
    const inner = (dst: string) => rest(udpPacket(1000, 2000, data, { dst }));
    const error = await tracked(2, icmp('10.0.0.77', A, 3, 3, inner('10.0.0.77')));
    expect((error.state ?? 0) & ~DNAT).to.equal(REL | RPL | TRK | SNAT);
    expect(error.packet.toString('hex')).to.equal(icmp(B, A, 3, 3, inner(B)).toString('hex'));
  });

  it('a packet tracked twice in one zone is translated once', async () => {
    const nat = ct.nat(ct.source(), ct.addresses(PUBLIC));
    const both = ct.action(ct.commit(), ct.zone(zone), nat);
    flow(1, ct.action(ct.zone(zone), ct.nat()), both, both);
    const { state: found, packet } = await tracked(1, there());
    expect(found).to.equal(NEW | TRK | SNAT);
    expect(packet.toString('hex')).to.equal(udpFrame(1000, 2000, { src: PUBLIC }).toString('hex'));
  });

  it('what is refused when a flow is put', () => {
    const put = (...args: Buffer[]) =>
      failure(() => rig().datapath.putFlow({ key: udpKey(1), actions: ct.action(...args) }));
    expect(put(ct.commit(), ct.zone(1))).to.equal('no error');
    expect(put(ct.mark(1))).to.equal('EINVAL');
    expect(put(ct.label(1))).to.equal('EINVAL');
    expect(put(ct.commit(), ct.mark(1, 0))).to.equal('EINVAL');
    expect(put(ct.nat(ct.source()))).to.equal('EINVAL');
    expect(put(ct.nat(ct.addresses(PUBLIC)))).to.equal('EINVAL');
    expect(put(ct.commit(), ct.nat(ct.source(), ct.destination()))).to.equal('ERANGE');
    expect(put(ct.commit(), ct.nat(ct.source(), ct.addresses(PUBLIC), ct.ports(1, 2)))).to.equal('no error');
    const arp = Buffer.concat([key.recircId(0), key.inPort(1), key.ethernet(), key.etherType(0x88b5)]);
    expect(failure(() => rig().datapath.putFlow({ key: arp, actions: ct.action(ct.commit()) }))).to.equal(
      'EINVAL',
    );
  });
});
