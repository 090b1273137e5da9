/**
 * Everything the addon offers, declared in one place. Nobody but this folder imports the .node file.
 *
 * Buffers given to the addon are read and written in place. Flow keys and masks are rows of FLOW_WORDS 32-bit words in
 * host byte order (see ../fields); they are viewed as Int32Array, so use `>>> 0` where an unsigned number is wanted.
 */

/** How well decoded key attributes describe a flow, as OVS's odp_key_fitness. Index = value in rows. */
export const FITNESS = ['perfect', 'too_much', 'too_little', 'error'] as const;
/**
 * Whom encoded key attributes are for. `kernel`: what Linux takes and how it orders them. `full`: the form of OVS's userspace, with
 * every attribute and all of its bits, for showing a key and comparing it with ovs-vswitchd's.
 */
export const KEY_FORM = { kernel: 0, full: 1 } as const;
export type Fitness = (typeof FITNESS)[number];

/** Receive batch: one slab that datagrams land in, a row and a flow key for each upcall. Made once, reused for ever. */
export interface UpcallBatch {
  /** Bytes of the received datagrams. Row offsets point into it. */
  readonly slab: Uint8Array;
  /** capacity × UPCALL_ROW_WORDS. */
  readonly rows: Int32Array;
  /** capacity × FLOW_WORDS. */
  readonly keys: Int32Array;
  /** Upcalls a batch can hold: 64. */
  readonly capacity: number;
}

/** Operations collected for one submit or exchange. Row layout: OP_* columns. */
export interface OpBatch {
  /** capacity × OP_ROW_WORDS. */
  readonly rows: Int32Array;
  /** capacity × FLOW_WORDS; a row's mask_row names one. */
  readonly masks: Int32Array;
  /** Actions, keys and packets that do not come from the upcall slab. Offsets into it carry OP_OWN_BYTES. */
  readonly bytes: Uint8Array;
  readonly capacity: number;
}

/** Set in an op's offset when it points into OpBatch.bytes and not into the upcall slab (bit 31, so: negative). */
export const OP_OWN_BYTES = -0x80000000;

/** Flows of a dump or of replies. Row layout: FLOW_* columns (packets low, packets high, …). */
export interface FlowBatch {
  readonly slab: Uint8Array;
  readonly rows: Int32Array;
  readonly capacity: number;
}

/**
 * The ukey table (ts/ukey) as dumps are matched with it. JavaScript keeps the table, native code reads it and takes statistics in. Each ukey
 * is a row of 64 bytes, so that a match looks at one cache line; the array of a field begins with the first row's, and that of ukey i is as many
 * elements further on as i rows have. Memory exists only for what was written, so a capacity of millions costs nothing.
 */
export interface UkeyRows {
  /** Ukeys. */
  readonly capacity: number;
  /** Flow id, four words. */
  readonly ufid: Int32Array;
  /** Statistics as last seen in the datapath. */
  readonly packets: Float64Array;
  readonly bytes: Float64Array;
  /** Monotonic milliseconds of the last hit; creation until the first. */
  readonly used: Float64Array;
  readonly tcpFlags: Int32Array;
  /** Snapshot generation that the flow was last found right for. */
  readonly generation: Int32Array;
  /** Dump round that showed the flow last; 0 for none; minus the round whose dump was under way when it was made, if none did yet. */
  readonly dumpRound: Int32Array;
  /** The ukey after it in its bucket, + 1; 0 at the end. */
  readonly next: Int32Array;
  /** UKEY_* of ts/ukey. */
  readonly state: Uint8Array;
  /** 1: a change since then may concern the flow, it must be translated again. */
  readonly stale: Uint8Array;
  /** 1: only another translation tells whom its packets are credited to. */
  readonly untold: Uint8Array;
  /** Dumps since then that did not show it. */
  readonly missed: Uint8Array;
  /**
   * Index by flow id, a linear hash: bucket b of the first word, b = word modulo the next power of two, or half of it when there
   * are not so many, holds a chain from buckets[b] over `next`, each a ukey + 1, 0 at its end. One element a bucket, as those below.
   */
  readonly buckets: Int32Array;
  /** One element: buckets in use, at most `capacity`. */
  readonly bucketCount: Int32Array;
}

/** Bits of MatchedColumns.flags. Something changed since the flow was translated that may concern it. */
export const MATCHED_STALE = 1;
/** Only another translation tells whom its packets are credited to. */
export const MATCHED_UNTOLD = 2;
/** No dump showed it before. */
export const MATCHED_FIRST = 4;
/** Its counters ran backwards; they are counted from 0 on. */
export const MATCHED_BACKWARDS = 8;

/** What a batch of a dump says of flows that have a ukey; element i of each column is of the i-th of them. */
export interface MatchedColumns {
  readonly capacity: number;
  readonly ukey: Int32Array;
  /** Since they were last taken in. */
  readonly packets: Float64Array;
  readonly bytes: Float64Array;
  /** Monotonic milliseconds of the last hit, and of the one that was known before. */
  readonly used: Float64Array;
  readonly usedBefore: Float64Array;
  /** MATCHED_* bits. */
  readonly flags: Uint8Array;
  /** Two elements: flows of the batch that have no ukey, and all flows of the batch. */
  readonly counts: Int32Array;
}

/** What a channel counted since it was opened. All monotonic. */
export interface ChannelCounters {
  /** Datagrams received. */
  readonly received: number;
  /** Upcalls decoded. */
  readonly upcalls: number;
  /** Upcall messages that could not be decoded, dropped. */
  readonly malformed: number;
  /** Messages whose sender was not the kernel (nl_pid not 0), ignored. */
  readonly foreign: number;
  /** Datagrams larger than a receive slot, dropped. */
  readonly truncated: number;
  /** Times the socket reported ENOBUFS. */
  readonly overruns: number;
  /** Messages lost because the receive buffer (or bounded queue) was full, exact: from SO_MEMINFO or the queue. */
  readonly lost: number;
  /** System calls made to receive, and to send; 0 on the embedded datapath. */
  readonly receiveCalls: number;
  readonly sendCalls: number;
  /** Datagrams sent. */
  readonly sent: number;
}

/** A netlink socket, or the embedded datapath's equivalent: the same bytes cross both. */
export interface Channel {
  /** Netlink port id (nl_pid); what OVS_VPORT_ATTR_UPCALL_PID and userspace actions name. */
  readonly portId: number;
  readonly closed: boolean;
  /** Whether something can be received now. */
  readonly waiting: boolean;
  /**
   * Sends one whole request (its seq and pid are overwritten, in place) and returns the messages of the answer, each a
   * copy with its nlmsghdr, up to and including NLMSG_DONE or NLMSG_ERROR (also the error 0 that acknowledges). A request
   * must carry NLM_F_ACK or NLM_F_DUMP so that its end can be known. Blocks up to `timeoutMs` (default 5000).
   * Messages that answer something else are dropped. Throws an Error with { code, errno, syscall } when a system call fails,
   * ETIMEDOUT when no answer comes, ENOBUFS when none comes and the receive buffer overflowed. As all that read answers,
   * throws EBUSY while the channel polls: it would take the messages away.
   */
  transact(message: Uint8Array, timeoutMs?: number): Uint8Array[];
  /**
   * Polls on the environment's own event loop. Per wake-up: receives up to 64 datagrams (fewer while a batch takes more than 25 ms), decodes them into `batch`, calls
   * `onBatch(count)`; again while there is more, at most 8 batches a turn. What the batch shows is valid during the call.
   * An error thrown by onBatch is an uncaught exception.
   */
  startUpcalls(batch: UpcallBatch, onBatch: (count: number) => void): void;
  /** Polls and hands over every datagram (a copy): notifications of multicast groups, answers of the kernel. */
  startMessages(onDatagram: (datagram: Uint8Array) => void): void;
  /** Ends polling. Idempotent. */
  stop(): void;
  /**
   * What the messages of submit, exchange and upcalls carry: the generic netlink ids of the families "ovs_flow" and
   * "ovs_packet", and the datapath that operations are for. To be called before any of them.
   */
  configureOps(context: OpContext): void;
  /** One non-blocking receive into `batch`; the number of upcalls decoded, 0 when nothing was waiting. */
  receive(batch: UpcallBatch): number;
  /**
   * Encodes ops 0…count-1 and sends them in as few datagrams as possible, without acknowledgement. Fills in OP_SEQ and
   * OP_ERROR of each row: 0 in OP_SEQ means that the op was not sent, and OP_ERROR then why: EINVAL or EMSGSIZE when it
   * cannot be encoded (the others are sent all the same), else the errno of the send (then none behind it was sent). Returns
   * the number of ops sent; `lastError` is the errno of the last failure, 0 when all were sent.
   * Refusals of the datapath arrive later and are read with `drainErrors`.
   */
  submit(ops: OpBatch, count: number, upcalls: UpcallBatch | null): number;
  /** errno of what went wrong in the last `submit`, or ended polling. */
  readonly lastError: number;
  /**
   * Reads waiting error answers without blocking: pairs (seq, errno) into `out`; the number of pairs. Other answers are
   * dropped. Errors that arrive on a channel that polls for upcalls are kept (the last 4096) and come from here too.
   */
  drainErrors(out: Int32Array): number;
  /**
   * Sends ops 0…count-1 and waits for each one's answer. OP_ERROR of each row is set: what the datapath said, ETIMEDOUT or
   * ENOBUFS when its answer never came, EMSGSIZE when the flow that came with it does not fit into `replies`, or why it was not
   * sent. Flows that were returned (OP echo flag, flow get) are put into `replies` in order of arrival, with their seq.
   * Returns the number of flows in `replies`.
   */
  exchange(ops: OpBatch, count: number, upcalls: UpcallBatch | null, replies: FlowBatch): number;
  /**
   * Begins a dump with a whole request message that carries NLM_F_DUMP. One dump at a time on a channel: one that was left
   * is read to its end, and dropped, first.
   */
  dumpStart(message: Uint8Array): void;
  /** Next flows of the dump: their number (may be 0 while more follow), or -1 at the end, or -2 when the end says that the
   * dump was interrupted (NLM_F_DUMP_INTR) and may have missed flows. Throws when the dump failed: `syscall` is then "dump"
   * for a refusal of the datapath. */
  dumpNext(batch: FlowBatch): number;
  /**
   * The same, matched to ukeys: statistics of flows that have one are taken into its columns, and it is told in `matched`, once a
   * `round`; flows of no ukey go to `unknown`. Ukeys in other states than operational are passed over. Those last found right for an older
   * generation than `since` are stale. Waits no longer than a millisecond. Returns the number of flows in `matched` (0 is possible while more
   * follow), -1 or -2.
   */
  dumpMatch(
    unknown: FlowBatch,
    ukeys: UkeyRows,
    matched: MatchedColumns,
    round: number,
    since: number,
  ): number;
  /**
   * Grows the receive buffer (SO_RCVBUFFORCE, else SO_RCVBUF); returns the size in force in bytes, for which a netlink socket
   * doubles what is asked. startUpcalls asks for 4 MiB unless this was called before.
   */
  setReceiveBuffer(bytes: number): number;
  counters(): ChannelCounters;
  /** Idempotent; also happens when the environment ends. */
  close(): void;
}

/** Addresses of the OVS families on one datapath; see Channel.configureOps. */
export interface OpContext {
  /** Interface index of the datapath's local port, as in struct ovs_header. */
  readonly dpIfindex: number;
  /** Generic netlink id of the family "ovs_flow". */
  readonly flowFamily: number;
  /** Generic netlink id of the family "ovs_packet". */
  readonly packetFamily: number;
}

export interface NetlinkOptions {
  /** NETLINK_GENERIC (16), NETLINK_ROUTE (0) or NETLINK_SOCK_DIAG (4). */
  readonly protocol: number;
  /** Multicast groups to join. */
  readonly groups?: readonly number[];
  /** Path of a network namespace to open the socket in; default: the current one. */
  readonly netns?: string;
}

/** The embedded datapath: a datapath of the OVS messages in this process, forwarding on a thread of its own. */
export interface EmbeddedDatapath {
  /**
   * Opens a channel to it, as socket(AF_NETLINK) does to the kernel. `groups`: multicast groups to join, as the families announce them; samples
   * have one, nothing is sent to the others.
   */
  openChannel(options?: { readonly groups?: readonly number[] }): Channel;
  /** Named counters of the forwarding thread. */
  counters(): Record<string, number>;
  /** Stops the thread, closes all ports and channels. Idempotent. */
  close(): void;
}

export interface EmbeddedOptions {
  /** Network namespace (path) in which ports are opened; default: the current one. */
  readonly netns?: string;
  /** Messages an upcall queue (one a channel) holds before more are counted as lost. Default 4096. */
  readonly upcallQueueLength?: number;
}

export interface Addon {
  readonly layoutHash: number;
  readonly FLOW_WORDS: number;
  /** What each counter of the embedded datapath counts, by its name. */
  readonly datapathCounterHelp: Readonly<Record<string, string>>;
  openNetlink(options: NetlinkOptions): Channel;
  openEmbedded(options?: EmbeddedOptions): EmbeddedDatapath;
  createUpcallBatch(): UpcallBatch;
  createOpBatch(capacity: number, byteCapacity: number): OpBatch;
  createFlowBatch(capacity: number, byteCapacity: number): FlowBatch;
  createUkeyRows(capacity: number): UkeyRows;
  createMatchedColumns(capacity: number): MatchedColumns;
  /** Zeroed memory of which only the pages that are used exist. */
  reserve(bytes: number): ArrayBuffer;
  /** Key attributes → key row. Returns an index of FITNESS. */
  decodeKey(attributes: Uint8Array, key: Int32Array, keyBase: number): number;
  /** Mask attributes → mask row; needs the key they belong to. */
  decodeMask(
    attributes: Uint8Array,
    key: Int32Array,
    keyBase: number,
    mask: Int32Array,
    maskBase: number,
  ): number;
  /** The attribute because of which the last decode that was not perfect was not, with what was wrong: `udp: there twice`. */
  decodeProblem(): string;
  /**
   * Key row → key attributes at `out[offset]`; returns the bytes written, or -1 when `out` is too small. `form` is one of
   * KEY_FORM, the kernel's when it is left out.
   */
  encodeKey(key: Int32Array, keyBase: number, out: Uint8Array, offset: number, form?: number): number;
  encodeMask(
    key: Int32Array,
    keyBase: number,
    mask: Int32Array,
    maskBase: number,
    out: Uint8Array,
    offset: number,
    form?: number,
  ): number;
  /**
   * Ethernet frame → the L2 to L4 words of a key row; the metadata words are left alone. `form` is one of KEY_FORM, the kernel's when
   * it is left out: `full` extracts by the rules of OVS's userspace, which looks into IGMP and trusts lengths in IP headers.
   */
  extractPacket(frame: Uint8Array, key: Int32Array, keyBase: number, form?: number): void;
  /** The 128-bit flow id of key attributes, as in upcall rows. */
  flowId(attributes: Uint8Array, out: Int32Array, offset: number): void;
  /**
   * Where receiving upcalls spent its time in this environment, in nanoseconds: in system calls (or the embedded datapath's queue), and
   * decoding. Measured from the first call on, which gives zeros.
   */
  measureReceive(): { receiveNs: number; decodeNs: number; batches: number };
  /** CLOCK_MONOTONIC in milliseconds, the clock of flow statistics. */
  monotonicMs(): number;
}
