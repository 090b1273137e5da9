import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { NetlinkError } from '../../ts/errors/index.js';
import type { GenlFamily } from '../../ts/genl/index.js';
import { AttributeCursor, MessageBuilder, NetlinkClient, NLM_F_ACK } from '../../ts/netlink/index.js';
import {
  DatapathClient,
  decodeDatapath,
  decodeFlow,
  decodeVport,
  encodeFlowDump,
  FlowClient,
  OVS_HDRLEN,
  PacketClient,
  probeSupport,
  probeUserFeatures,
  VportClient,
} from '../../ts/ovs/index.js';
import { FakeChannel, type FakeRequest, reply } from '../support/fake-channel.js';
import { root } from '../support/processes.js';

// Messages between ovs-vswitchd 3.1.0 and Linux 6.1, taken out of netlink-ovs310.pcap.
const recorded: Record<string, string> = JSON.parse(
  readFileSync(join(root, 'test/fixtures/ovs-control.json'), 'utf8'),
);
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const family = (name: string, id: number): GenlFamily => ({ name, id, version: 1, groups: new Map() });
const datapathFamily = family('ovs_datapath', 32);
const vportFamily = family('ovs_vport', 33);
const flowFamily = family('ovs_flow', 34);
const packetFamily = family('ovs_packet', 35);

/** What matters of a request: everything but length, seq, pid, the wish for an acknowledgement, and attribute order. */
function gist(message: Uint8Array): unknown {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const attributes: string[] = [];
  const cursor = new AttributeCursor(message, OVS_HDRLEN, 'test');
  while (cursor.next()) attributes.push(`${cursor.type}=${Buffer.from(cursor.bytes()).toString('hex')}`);
  cursor.check();
  return {
    type: view.getUint16(4, true),
    flags: view.getUint16(6, true) & ~NLM_F_ACK,
    cmd: message[16],
    version: message[17],
    dpIfindex: view.getInt32(20, true),
    attributes: attributes.sort(),
  };
}

/** A client whose requests are answered with one recorded message, or with success. */
function answering(name?: string): { channel: FakeChannel; client: NetlinkClient } {
  const channel = new FakeChannel(() => (name === undefined ? [] : [bytes(recorded[name])]));
  return { channel, client: new NetlinkClient(channel) };
}

describe('OVS messages', () => {
  it('makes, changes and deletes a datapath with the requests of ovs-vswitchd', () => {
    const { channel, client } = answering('datapathReply');
    const datapaths = new DatapathClient(client, datapathFamily);
    const info = datapaths.create('ovs-system', 9);
    expect(info).to.include({ name: 'ovs-system', ifindex: 6, flows: 0, userFeatures: 9 });
    datapaths.set(6, { userFeatures: 9, perCpuPids: [0x984d46b9, 0xcf580f74] });
    const [created, set] = channel.requests;
    expect(gist(created.bytes)).to.deep.equal(gist(bytes(recorded.datapathNew)));
    const theirs = gist(bytes(recorded.datapathSetPids)) as { attributes: string[] };
    // They name the datapath as well as its interface index.
    theirs.attributes = theirs.attributes.filter((attribute) => !attribute.startsWith('1='));
    expect(gist(set.bytes)).to.deep.equal(theirs);
    const silent = answering();
    new DatapathClient(silent.client, datapathFamily).remove(6);
    expect({ ...(gist(silent.channel.requests[0].bytes) as object), flags: 9 }).to.deep.equal(
      gist(bytes(recorded.datapathDel)),
    );
  });

  it('reads the counters of a datapath', () => {
    expect(decodeDatapath(bytes(recorded.datapathGetReplyLast))).to.include({
      hit: 11,
      missed: 15,
      lost: 0,
      flows: 9,
      maskHits: 75,
      masks: 5,
      cacheHits: 4,
    });
  });

  it('adds ports with the requests of ovs-vswitchd, and reads the answers', () => {
    const { channel, client } = answering('vportReply');
    const vports = new VportClient(client, vportFamily, 6);
    const port = vports.create({ type: 1, name: 'a', upcallPids: [0] });
    expect(gist(channel.requests[0].bytes)).to.deep.equal(gist(bytes(recorded.vportNew)));
    expect(port).to.deep.include({
      dpIfindex: 6,
      portNo: 2,
      type: 1,
      name: 'a',
      ifindex: 8,
      upcallPids: [0],
    });
    expect(port.stats).to.include({ rxPackets: 3, txPackets: 4, rxBytes: 266, txBytes: 340 });
    expect(decodeVport(bytes(recorded.vxlanReply))).to.include({ name: 'vxlan_sys_4789', portNo: 4 });
    vports.create({ type: 4, name: 'vx', upcallPids: [7, 8], portNo: 9, dstPort: 4789 });
    expect(gist(channel.requests[1].bytes)).to.deep.include({
      attributes: ['1=09000000', '2=04000000', '3=767800', '4=06000100b5120000', '5=0700000008000000'],
    });
    vports.remove(1);
    expect(gist(channel.requests[2].bytes)).to.deep.include({ cmd: 2, attributes: ['1=01000000'] });
  });

  it('dumps, flushes, installs and deletes flows with the requests of ovs-vswitchd', () => {
    const dump = encodeFlowDump(new MessageBuilder(), flowFamily, 6, true);
    expect(gist(dump)).to.deep.equal(gist(bytes(recorded.flowDumpTerse)));
    const { channel, client } = answering('flowDelReply');
    const flows = new FlowClient(client, flowFamily, 6);
    const their = decodeFlow(bytes(recorded.flowPut));
    expect(their.ufid).to.have.lengthOf(16);
    flows.put({ ufid: their.ufid!, key: their.key!, mask: their.mask!, actions: their.actions! });
    const put = gist(channel.requests[0].bytes) as { attributes: string[] };
    expect(put.attributes).to.deep.equal((gist(bytes(recorded.flowPut)) as typeof put).attributes);
    const gone = flows.remove({ ufid: their.ufid! });
    expect(gone).to.include({ packets: 1, bytes: 90, used: 0x41d0, key: null });
    flows.flush();
    expect(gist(channel.requests[2].bytes)).to.deep.equal(gist(bytes(recorded.flowFlush)));
  });

  it('executes a packet and reports a refusal as the kernel said it', () => {
    const channel = new FakeChannel(() => 'EINVAL');
    const packets = new PacketClient(new NetlinkClient(channel), packetFamily, 6);
    const request = {
      packet: new Uint8Array(14),
      key: new Uint8Array(0),
      actions: Uint8Array.from([8, 0, 1, 0, 1, 0, 0, 0]),
    };
    expect(() => packets.execute(request)).to.throw(
      NetlinkError,
      'execute packet: EINVAL (the kernel refused)',
    );
    expect(gist(channel.requests[0].bytes)).to.deep.include({
      cmd: 3,
      attributes: [`1=${'00'.repeat(14)}`, '2=', '3=0800010001000000'],
    });
  });
});

/** A flow table that refuses what `refuses` says, and otherwise takes and returns everything. */
function flowServer(refuses: (attributes: Map<number, Uint8Array>) => boolean, ufids = true) {
  const installed = new Set<string>();
  const serve = (request: FakeRequest) => {
    const attributes = new Map<number, Uint8Array>();
    const cursor = new AttributeCursor(request.bytes, OVS_HDRLEN, 'test');
    while (cursor.next()) attributes.set(cursor.type, cursor.bytes().slice());
    const name = Buffer.from((ufids && attributes.get(9)) || (attributes.get(1) ?? [])).toString('hex');
    if (request.cmd === 1) {
      if (refuses(attributes)) return 'EINVAL' as const;
      installed.add(name);
      return [];
    }
    if (!installed.has(name)) return 'ENOENT' as const;
    if (request.cmd === 2) installed.delete(name);
    return [
      reply(34, (b) => {
        b.genl(1, 1).word(6);
        if (ufids && attributes.has(9)) b.bytes(9, attributes.get(9)!);
      }),
    ];
  };
  const client = new NetlinkClient(new FakeChannel(serve));
  return { installed, flows: new FlowClient(client, flowFamily, 6) };
}

/** Depth to which the attribute `type` nests in its own `inner`, from the outermost attribute of the sequence. */
function depth(sequence: Uint8Array, type: number, inner: number): number {
  const cursor = new AttributeCursor(sequence, 0, 'test');
  while (cursor.next()) {
    if (cursor.type !== type) continue;
    const nested = cursor.nested();
    while (nested.next()) if (nested.type === inner) return 1 + depth(nested.bytes(), type, inner);
  }
  return 0;
}

describe('probing', () => {
  it('finds everything in a datapath that takes everything, and leaves no flow behind', () => {
    const { flows, installed } = flowServer(() => false);
    expect(probeSupport(flows)).to.deep.equal({
      ufid: true,
      recirc: true,
      maxVlanHeaders: 2,
      maxMplsDepth: 3,
      sampleNesting: 10,
      clone: true,
      truncate: true,
      maskedSet: true,
      setNsh: false,
      ctClear: true,
      checkPktLen: true,
      ctState: true,
      ctStateNat: true,
      ctZeroSnat: true,
      ctZone: true,
      ctMark: true,
      ctLabel: true,
      ctOrigTuple: true,
      ctOrigTuple6: true,
      ctEventmask: true,
      ctTimeout: true,
      ndExtensions: false,
      explicitDrop: false,
      lbOutput: false,
      maxHashAlgorithm: 1,
      addMpls: true,
      psample: true,
    });
    expect(installed.size).to.equal(0);
  });

  it('finds the limits of one that does not', () => {
    const actionTypes = (sequence: Uint8Array): number[] => {
      const types: number[] = [];
      const cursor = new AttributeCursor(sequence, 0, 'test');
      while (cursor.next()) types.push(cursor.type);
      return types;
    };
    const unknown = new Set([12, 13, 16, 20, 21]);
    const { flows, installed } = flowServer((attributes) => {
      const [key, actions] = [attributes.get(1)!, attributes.get(2)!];
      const vlans = actionTypes(key).includes(1) && depth(key, 1, 1) + 1;
      return (
        actionTypes(actions).some((type) => unknown.has(type)) || depth(actions, 6, 2) > 3 || vlans === 2
      );
    }, false);
    expect(probeSupport(flows)).to.deep.include({
      ufid: false,
      recirc: true,
      maxVlanHeaders: 1,
      maxMplsDepth: 3,
      sampleNesting: 3,
      clone: false,
      truncate: false,
      ctClear: false,
      checkPktLen: false,
      ctState: false,
      ctStateNat: false,
      ctZone: false,
      ctOrigTuple: true,
      ctEventmask: false,
      ctTimeout: false,
      maxHashAlgorithm: 1,
    });
    expect(installed.size).to.equal(0);
  });

  it('does not take a lack of permission for a lack of support', () => {
    const client = new NetlinkClient(new FakeChannel(() => 'EPERM'));
    expect(() => probeSupport(new FlowClient(client, flowFamily, 6))).to.throw(NetlinkError, 'EPERM');
  });

  it('turns user features on bit by bit', () => {
    const channel = new FakeChannel(({ bytes: request }) => {
      const features = new DataView(request.buffer).getUint32(OVS_HDRLEN + 4, true);
      if ((features & ~0b1001) !== 0) return 'EOPNOTSUPP';
      return [reply(32, (b) => b.genl(1, 2).word(6).string(1, 'dp').u32(5, features))];
    });
    const datapaths = new DatapathClient(new NetlinkClient(channel), datapathFamily);
    expect(probeUserFeatures(datapaths, 6, 0b1111)).to.equal(0b1001);
  });
});
