import {
  OVS_PACKET_ATTR_KEY,
  OVS_PACKET_ATTR_PACKET,
  OVS_PACKET_ATTR_USERDATA,
  OVS_PACKET_CMD_ACTION,
  OVS_PACKET_CMD_MISS,
  FLOW_WORDS,
  UPCALL_CMD,
  UPCALL_FITNESS,
  UPCALL_ROW_WORDS,
  UPCALL_USERDATA_LEN,
  UPCALL_USERDATA_OFF,
} from '../fields/index.js';
import { cookieSlowReason, slowReasonText } from '../flow/index.js';
import { native } from '../native/index.js';
import { AttributeCursor } from '../netlink/index.js';
import { BAD_REASONS, classifyUpcall, UPCALL_CLASSES, UPCALL_SLOW_PATH } from '../upcall/index.js';
import { type BatchRequest, bytesOf } from './batch-request.js';

/** struct nlmsghdr, struct genlmsghdr and struct ovs_header in front of the attributes. */
const GENL_HEADER = 16;
const ATTRIBUTES = 24;
/** An Ethernet header: OVS drops upcalls of less. */
const MIN_PACKET = 14;

/** What one whole netlink message of the family ovs_packet is for. What is no upcall is bad. */
export function upcallClassify(request: BatchRequest): object {
  const message = bytesOf(request, 'message');
  const row = new Int32Array(UPCALL_ROW_WORDS);
  const problem = readUpcall(message, row);
  if (problem !== null) return { class: 'bad', reason: problem };
  const upcallClass = classifyUpcall(row, 0, message);
  const reason =
    upcallClass === UPCALL_SLOW_PATH
      ? slowReasonText(cookieSlowReason(message, row[UPCALL_USERDATA_OFF]))
      : BAD_REASONS[upcallClass];
  const name = UPCALL_CLASSES[upcallClass];
  return reason === undefined ? { class: name } : { class: name, reason };
}

/** Fills in the columns that classification reads; says what is wrong with a message that is no upcall. */
function readUpcall(message: Uint8Array, row: Int32Array): string | null {
  if (message.length < ATTRIBUTES) return 'the message ends inside its headers';
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const length = view.getUint32(0, true);
  if (length < ATTRIBUTES || length > message.length) {
    return `the message says that it has ${length} bytes, ${message.length} are there`;
  }
  row[UPCALL_CMD] = message[GENL_HEADER];
  if (row[UPCALL_CMD] !== OVS_PACKET_CMD_MISS && row[UPCALL_CMD] !== OVS_PACKET_CMD_ACTION) {
    return `command ${row[UPCALL_CMD]} is neither a miss nor an action`;
  }
  let hasPacket = false;
  let key: Uint8Array | null = null;
  const cursor = new AttributeCursor(message.subarray(0, length), ATTRIBUTES, 'ovs_packet');
  while (cursor.next()) {
    const payload = cursor.bytes();
    if (cursor.type === OVS_PACKET_ATTR_PACKET) hasPacket = payload.length >= MIN_PACKET;
    else if (cursor.type === OVS_PACKET_ATTR_KEY) key = payload;
    else if (cursor.type === OVS_PACKET_ATTR_USERDATA) {
      row[UPCALL_USERDATA_OFF] = payload.byteOffset - message.byteOffset;
      row[UPCALL_USERDATA_LEN] = payload.length;
    }
  }
  if (cursor.problem !== null) return cursor.problem;
  if (!hasPacket) return 'no packet of at least an Ethernet header';
  if (key === null) return 'no flow key';
  row[UPCALL_FITNESS] = native().decodeKey(key, new Int32Array(FLOW_WORDS), 0);
  return null;
}
