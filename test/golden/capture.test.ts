import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { answerLine } from '../../ts/cli/index.js';
import {
  OVS_FLOW_ATTR_ACTIONS,
  OVS_FLOW_ATTR_KEY,
  OVS_FLOW_ATTR_MASK,
  OVS_PACKET_ATTR_ACTIONS,
  OVS_PACKET_ATTR_KEY,
  OVS_PACKET_CMD_EXECUTE,
} from '../../ts/fields/index.js';
import {
  ActionsBuffer,
  decodeActions,
  encodeActions,
  formatActions,
  formatKey,
  parseActions,
  parseKey,
} from '../../ts/flow/index.js';
import { AttributeCursor, type Message, MessageBuilder, parseMessages } from '../../ts/netlink/index.js';
import { toHex } from '../../ts/util/index.js';
import { root } from '../support/processes.js';

const PCAP_HEADER = 24;
const RECORD_HEADER = 16;
/** Link type NETLINK: sixteen bytes, the protocol in the last two. */
const COOKED_HEADER = 16;
const NETLINK_GENERIC = 16;
/** Numbers that the kernel of the capture gave to the families. */
const FLOW_FAMILY = 34;
const PACKET_FAMILY = 35;
/** nlmsghdr, genlmsghdr and ovs_header. */
const OVS_HEADERS = 24;

/** Numbers below are netlink's own: NLMSG_ERROR and NLMSG_DONE have no attributes, the control family no ovs_header. */
const FIRST_FAMILY_MESSAGE = 16;
const GENL_CONTROL = 16;
/** Bytes of the fixed header of rtnetlink messages by group of four types: link, address, route, neighbour, rule, traffic control. */
const ROUTE_HEADERS: readonly number[] = [16, 8, 12, 12, 12, 20, 20, 20];

/** What crossed netlink between ovs-vswitchd 3.1.0 and Linux 6.1, by protocol. */
function capturedMessages(protocol: number): Message[] {
  const file = readFileSync(join(root, 'test/fixtures/netlink-ovs310.pcap'));
  const messages: Message[] = [];
  for (let at = PCAP_HEADER; at < file.length; ) {
    const size = file.readUInt32LE(at + 8);
    const record = new Uint8Array(file.subarray(at + RECORD_HEADER, at + RECORD_HEADER + size));
    if (((record[14] << 8) | record[15]) === protocol) {
      messages.push(...parseMessages(record.subarray(COOKED_HEADER)));
    }
    at += RECORD_HEADER + size;
  }
  return messages;
}

/** Where ovs-vswitchd asks what a datapath can do, it writes attributes in another order than anywhere else. */
const PROBES = /^(sample\(sample=100.0%,actions\(sample\(|check_pkt_len\(size=100,gt\(drop\),le\(drop\)\)$)/;

const messages = capturedMessages(NETLINK_GENERIC);
const ofFamily = (type: number) => messages.filter((m) => m.type === type && m.bytes.length > OVS_HEADERS);

/** Attributes of a message by type, the last of those that are there twice. */
function attributesOf(message: Message): Map<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>();
  const cursor = new AttributeCursor(message.bytes, OVS_HEADERS, 'capture');
  while (cursor.next()) attributes.set(cursor.type, cursor.bytes());
  cursor.check();
  return attributes;
}

/** The message from its headers and attributes, by the message builder; flags of attribute types as they were. */
function rebuilt(builder: MessageBuilder, { type, flags, bytes }: Message, headers: number): Uint8Array {
  builder.begin(type, flags).header(bytes.subarray(16, headers));
  const cursor = new AttributeCursor(bytes, headers, 'capture');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = headers; cursor.next(); ) {
    const payload = cursor.bytes();
    builder.bytes(view.getUint16(at + 2, true), payload);
    at += (payload.length + 7) & ~3;
  }
  cursor.check();
  return builder.finish();
}

/** Every payload of an attribute in the messages of a family. */
const payloads = (family: number, type: number) =>
  ofFamily(family).flatMap((message) => attributesOf(message).get(type) ?? []);

describe('golden: the captured conversation', () => {
  it('comes out of the message builder as it was', () => {
    const builder = new MessageBuilder();
    const check = (message: Message, headers: number) => {
      const { bytes } = message;
      const built = rebuilt(builder, message, headers);
      // The builder leaves sequence number and port to the channel. The kernel leaves out the padding of a last attribute.
      expect(toHex(built.subarray(16, bytes.length)), `type ${message.type}`).to.equal(
        toHex(bytes.subarray(16)),
      );
      expect(built.length).to.equal((bytes.length + 3) & ~3);
      expect(built.subarray(4, 6)).to.deep.equal(bytes.subarray(4, 6));
    };
    const generic = messages.filter((m) => m.type >= FIRST_FAMILY_MESSAGE);
    for (const message of generic) {
      check(
        message,
        message.type === GENL_CONTROL ? OVS_HEADERS - 4 : Math.min(OVS_HEADERS, message.bytes.length),
      );
    }
    const route = capturedMessages(0).filter((m) => m.type >= FIRST_FAMILY_MESSAGE);
    for (const message of route) {
      const headers = ROUTE_HEADERS[(message.type - FIRST_FAMILY_MESSAGE) >> 2];
      expect(headers, `type ${message.type}`).to.not.equal(undefined);
      check(message, Math.min(16 + headers, message.bytes.length));
    }
    expect([generic.length, route.length]).to.deep.equal([834, 804]);
  });

  it('has upcalls that all classify', () => {
    const upcalls = ofFamily(PACKET_FAMILY).filter((m) => m.bytes[16] !== OVS_PACKET_CMD_EXECUTE);
    expect(upcalls.length).to.equal(15);
    for (const { bytes } of upcalls) {
      const request = { op: 'upcall.classify', message: toHex(bytes) };
      const answer = JSON.parse(answerLine(JSON.stringify(request)));
      expect(answer).to.deep.equal({ class: 'miss' });
    }
  });

  it('has keys and masks that come back from their text', () => {
    const keys = [
      ...payloads(FLOW_FAMILY, OVS_FLOW_ATTR_KEY),
      ...payloads(PACKET_FAMILY, OVS_PACKET_ATTR_KEY),
    ];
    expect(keys.length).to.equal(149);
    for (const key of keys) {
      const text = formatKey(key, undefined, { verbose: true });
      expect(toHex(parseKey(text).key), text).to.equal(toHex(key));
    }
    for (const message of ofFamily(FLOW_FAMILY)) {
      const attributes = attributesOf(message);
      const key = attributes.get(OVS_FLOW_ATTR_KEY);
      const mask = attributes.get(OVS_FLOW_ATTR_MASK);
      if (key === undefined || mask === undefined) continue;
      const text = formatKey(key, mask, { verbose: true });
      // A mask of an ethertype that the key does not have is written as if it had one.
      if (text.includes('eth_type(0/')) continue;
      const back = parseKey(text);
      expect(formatKey(back.key, back.mask, { verbose: true })).to.equal(text);
      expect(toHex(back.key), text).to.equal(toHex(key));
    }
  });

  it('has actions that come back from data, and from text', () => {
    const lists = [
      ...payloads(FLOW_FAMILY, OVS_FLOW_ATTR_ACTIONS),
      ...payloads(PACKET_FAMILY, OVS_PACKET_ATTR_ACTIONS),
    ];
    expect(lists.length).to.equal(86);
    const out = new ActionsBuffer();
    for (const actions of lists) {
      out.reset();
      encodeActions(decodeActions(actions), out);
      const text = formatActions(actions);
      expect(formatActions(out.toBytes())).to.equal(text);
      if (!PROBES.test(text)) {
        expect(toHex(out.toBytes()), text).to.equal(toHex(actions));
      }
      expect(formatActions(parseActions(text, { extended: true }))).to.equal(text);
    }
  });
});
