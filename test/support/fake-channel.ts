import { constants } from 'node:os';
import type { Channel, ChannelCounters } from '../../ts/native/index.js';
import {
  MessageBuilder,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
} from '../../ts/netlink/index.js';

/** A request as the fake's server sees it. */
export interface FakeRequest {
  /** Message type: family id or RTM_*. */
  readonly type: number;
  /** NLM_F_* bits. */
  readonly flags: number;
  /** First byte of genlmsghdr. */
  readonly cmd: number;
  /** The whole message. */
  readonly bytes: Uint8Array;
}

/** What it answers: messages (MessageBuilder.finish, copied here), or the name of an errno. */
export type FakeAnswer = readonly Uint8Array[] | keyof typeof constants.errno;

const none: ChannelCounters = {
  received: 0,
  upcalls: 0,
  malformed: 0,
  foreign: 0,
  truncated: 0,
  overruns: 0,
  lost: 0,
  receiveCalls: 0,
  sendCalls: 0,
  sent: 0,
};

/**
 * A channel whose other end is a function. It behaves as a netlink socket does: it numbers requests, and ends answers with
 * NLMSG_DONE or NLMSG_ERROR. What a channel does beyond transact and startMessages throws.
 */
export class FakeChannel implements Channel {
  readonly portId: number;
  closed = false;
  readonly waiting = false;
  lastError = 0;
  /** Every request, in order. */
  readonly requests: FakeRequest[] = [];
  /** Set to throw this from the next transact, as the addon does when a system call fails. */
  failure: Error | null = null;
  overruns = 0;
  readonly #serve: (request: FakeRequest) => FakeAnswer;
  #seq = 0;
  #listener: ((datagram: Uint8Array) => void) | null = null;

  constructor(serve: (request: FakeRequest) => FakeAnswer, portId = 4711) {
    this.#serve = serve;
    this.portId = portId;
  }

  transact(message: Uint8Array): Uint8Array[] {
    if (this.failure !== null) {
      const failure = this.failure;
      this.failure = null;
      throw failure;
    }
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    if (view.getUint32(0, true) !== message.length) throw new Error('request with a wrong length');
    view.setUint32(8, ++this.#seq, true);
    const flags = view.getUint16(6, true);
    const request = {
      type: view.getUint16(4, true),
      flags,
      cmd: message[NLMSG_HDRLEN],
      bytes: message.slice(),
    };
    this.requests.push(request);
    const answer = this.#serve(request);
    if (typeof answer === 'string') return [verdict(NLMSG_ERROR, constants.errno[answer], this.#seq)];
    const dump = (flags & NLM_F_DUMP) === NLM_F_DUMP;
    const replies = answer.map((reply) => stamp(reply, this.#seq, dump));
    const end = verdict(dump ? NLMSG_DONE : NLMSG_ERROR, 0, this.#seq);
    // Half of the answer comes in one datagram and the rest in another, as dumps do.
    const half = Math.ceil(replies.length / 2);
    const datagrams = [concat(replies.slice(0, half)), concat([...replies.slice(half), end])];
    return datagrams.filter((datagram) => datagram.length > 0);
  }

  startMessages(onDatagram: (datagram: Uint8Array) => void): void {
    this.#listener = onDatagram;
  }

  /** Delivers a datagram to whoever called startMessages. */
  deliver(...messages: Uint8Array[]): void {
    this.#listener?.(concat(messages));
  }

  stop(): void {
    this.#listener = null;
  }

  close(): void {
    this.closed = true;
    this.stop();
  }

  counters(): ChannelCounters {
    return { ...none, overruns: this.overruns };
  }

  setReceiveBuffer(bytes: number): number {
    return bytes;
  }

  configureOps(): void {}
  startUpcalls = unsupported;
  receive = unsupported;
  submit = unsupported;
  drainErrors = unsupported;
  exchange = unsupported;
  dumpStart = unsupported;
  dumpNext = unsupported;
  dumpMatch = unsupported;
}

function unsupported(): never {
  throw new Error('the fake channel does not do this');
}

/** A reply of the given type: a copy of what `write` writes after the netlink header. */
export function reply(type: number, write: (builder: MessageBuilder) => void): Uint8Array {
  const builder = new MessageBuilder().begin(type, 0);
  write(builder);
  return builder.finish().slice();
}

/** NLMSG_ERROR or NLMSG_DONE with a positive errno, or 0. */
export function verdict(type: number, errno: number, seq = 1): Uint8Array {
  const message = reply(type, (b) => b.word(-errno).header(new Uint8Array(NLMSG_HDRLEN)));
  return stamp(message, seq, type === NLMSG_DONE);
}

function stamp(message: Uint8Array, seq: number, multi: boolean): Uint8Array {
  const copy = message.slice();
  const view = new DataView(copy.buffer);
  view.setUint32(8, seq, true);
  const flags = view.getUint16(6, true) & ~1;
  view.setUint16(6, multi ? flags | NLM_F_MULTI : flags, true);
  return copy;
}

/** One datagram of several messages, each padded. */
export function concat(messages: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(messages.reduce((n, m) => n + ((m.length + 3) & ~3), 0));
  let at = 0;
  for (const message of messages) {
    out.set(message, at);
    at += (message.length + 3) & ~3;
  }
  return out;
}
