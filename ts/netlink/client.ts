import { NetlinkError, SlowpathError } from '../errors/index.js';
import type { Channel } from '../native/index.js';
import { NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP } from './constants.js';
import { errnoName } from './errno.js';
import { type Message, parseMessages, parseVerdict } from './message.js';

/** What a request is, for error messages. */
export interface RequestInfo {
  /** In words: 'add port eth1'. */
  readonly op: string;
  /** Family name: 'ovs_vport', 'rtnetlink'. */
  readonly family: string;
  /** Command or message type. */
  readonly cmd: number;
}

/** Times a dump is asked for again after the kernel said that its objects changed meanwhile. */
const DUMP_ATTEMPTS = 5;

/**
 * Request and answer over a channel. Synchronous: the control plane is rare and short, and whoever changes a port wants it
 * changed when the call returns. Do not use on a channel that upcalls come in on.
 */
export class NetlinkClient implements Disposable {
  readonly channel: Channel;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  /**
   * Sends one request (MessageBuilder.finish) and returns the messages of the answer without acknowledgement and end.
   * Throws NetlinkError: source 'kernel' with the verdict and its extended acknowledgement, source 'syscall' when the
   * request did not get there or no answer came (ETIMEDOUT).
   */
  transact(request: Uint8Array, info: RequestInfo): Message[] {
    const { messages, interrupted } = this.#attempt(request, info);
    if (!interrupted) return messages;
    for (let i = 1; i < DUMP_ATTEMPTS; i++) {
      const again = this.#attempt(request, info);
      if (!again.interrupted) return again.messages;
    }
    throw new SlowpathError(
      'ERR_DUMP_INTERRUPTED',
      `${info.op}: the ${info.family} dump was interrupted by changes ${DUMP_ATTEMPTS} times in a row; try again`,
    );
  }

  /** The same for a request that is answered by exactly one object. */
  transactOne(request: Uint8Array, info: RequestInfo): Message {
    const messages = this.transact(request, info);
    if (messages.length === 1) return messages[0];
    throw new SlowpathError(
      'ERR_NETLINK_MALFORMED',
      `${info.op}: ${info.family} answered with ${messages.length} objects, expected one`,
    );
  }

  /** `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  close(): void {
    this.channel.close();
  }

  #attempt(request: Uint8Array, info: RequestInfo): { messages: Message[]; interrupted: boolean } {
    const answer = this.#send(request, info);
    const messages: Message[] = [];
    let interrupted = false;
    for (const bytes of answer) {
      for (const message of parseMessages(bytes)) {
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) throwUnlessSuccess(message, info);
        else if (message.type !== NLMSG_NOOP) messages.push(message);
        interrupted ||= isDump(request) && (message.flags & NLM_F_DUMP_INTR) !== 0;
      }
    }
    return { messages, interrupted };
  }

  #send(request: Uint8Array, info: RequestInfo): Uint8Array[] {
    try {
      return this.channel.transact(request);
    } catch (cause) {
      throw fromSystemError(cause, info);
    }
  }
}

function isDump(request: Uint8Array): boolean {
  return ((request[6] | (request[7] << 8)) & NLM_F_DUMP) === NLM_F_DUMP;
}

function throwUnlessSuccess(message: Message, info: RequestInfo): void {
  const { errno, extAck } = parseVerdict(message);
  if (errno === 0) return;
  throw new NetlinkError({
    ...info,
    code: errnoName(errno),
    errno,
    source: 'kernel',
    seq: message.seq,
    ...(extAck && { extAck }),
  });
}

/** Turns what the addon throws ({ code, errno, syscall }) into a NetlinkError; other errors pass. */
export function fromSystemError(cause: unknown, info: RequestInfo): unknown {
  if (!(cause instanceof Error) || !('errno' in cause) || typeof cause.errno !== 'number') return cause;
  const errno = Math.abs(cause.errno);
  return new NetlinkError({ ...info, code: errnoName(errno), errno, source: 'syscall', cause });
}
