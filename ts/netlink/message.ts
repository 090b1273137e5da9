import { SlowpathError } from '../errors/index.js';
import { AttributeCursor } from './attribute-cursor.js';
import {
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
} from './constants.js';

/** One netlink message: its header, and all its bytes. */
export interface Message {
  /** NLMSG_*, family id or RTM_*. */
  readonly type: number;
  /** NLM_F_*. */
  readonly flags: number;
  readonly seq: number;
  /** Sender; 0 is the kernel. */
  readonly pid: number;
  /** The whole message; the payload starts at NLMSG_HDRLEN. */
  readonly bytes: Uint8Array;
}

/** What an NLMSG_ERROR or NLMSG_DONE says. */
export interface Verdict {
  /** Positive errno, 0 for success. */
  readonly errno: number;
  /** What the kernel adds in words, and the offset in the request of the attribute that it dislikes. */
  readonly extAck?: { readonly message?: string; readonly offset?: number };
}

/** Splits a datagram. Error: ERR_NETLINK_MALFORMED when a length does not fit. The messages are views. */
export function parseMessages(datagram: Uint8Array): Message[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const messages: Message[] = [];
  for (let at = 0; at < datagram.length; ) {
    const left = datagram.length - at;
    const length = left < NLMSG_HDRLEN ? 0 : view.getUint32(at, true);
    if (length < NLMSG_HDRLEN || length > left) {
      throw new SlowpathError(
        'ERR_NETLINK_MALFORMED',
        `netlink message at byte ${at} claims ${length} bytes, ${left} are there`,
      );
    }
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      seq: view.getUint32(at + 8, true),
      pid: view.getUint32(at + 12, true),
      bytes: datagram.subarray(at, at + length),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

/** Reads the error number and extended acknowledgement of an NLMSG_ERROR or NLMSG_DONE. */
export function parseVerdict(message: Message): Verdict {
  const { bytes, flags } = message;
  if (bytes.length < NLMSG_HDRLEN + 4) {
    // A DONE without a number is what old kernels end a dump with.
    if (message.type !== NLMSG_ERROR) return { errno: 0 };
    throw new SlowpathError('ERR_NETLINK_MALFORMED', `netlink error message has ${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const errno = -view.getInt32(NLMSG_HDRLEN, true);
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno };
  let at = NLMSG_HDRLEN + 4;
  if (message.type === NLMSG_ERROR) {
    // The request's header is quoted, and after it the request's payload unless the flag says that it was cut off.
    const quoted =
      (flags & NLM_F_CAPPED) !== 0 || bytes.length < at + 4 ? NLMSG_HDRLEN : view.getUint32(at, true);
    at += (quoted + 3) & ~3;
  }
  return { errno, extAck: parseExtAck(bytes, Math.min(at, bytes.length)) };
}

function parseExtAck(bytes: Uint8Array, offset: number): { message?: string; offset?: number } {
  const ack: { message?: string; offset?: number } = {};
  // What does not parse here is left out: the error number is worth more than its commentary.
  const cursor = new AttributeCursor(bytes, offset, 'extended acknowledgement');
  while (cursor.next()) {
    if (cursor.type === NLMSGERR_ATTR_MSG) ack.message = cursor.string();
    else if (cursor.type === NLMSGERR_ATTR_OFFS) ack.offset = cursor.u32();
  }
  return ack;
}
