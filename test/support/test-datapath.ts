import { availableParallelism, release } from 'node:os';
import * as ovs from '../../ts/fields/index.js';
import { type GenlFamily, lookupFamily } from '../../ts/genl/index.js';
import { type Channel, type EmbeddedDatapath, native } from '../../ts/native/index.js';
import { MessageBuilder, NetlinkClient, NLM_F_ACK, NLM_F_DUMP, NLM_F_ECHO } from '../../ts/netlink/index.js';
import { type Attribute, attr, parseAttributes, pick, text, u32 } from './attributes.js';
import type { Namespace } from './netns.js';

const NETLINK_GENERIC = 16;
/** OVS_DP_F_UNALIGNED and OVS_DP_F_VPORT_PIDS: what OVS asks for with per-vport dispatch. */
const FEATURES = 3;

/** The datapath that the conformance suite runs on. */
export const datapathType = process.env.SLOWPATH_TEST_DATAPATH === 'system' ? 'system' : 'netdev';

/** Whether the datapath has the action psample: that of this process has, the kernel's since Linux 6.11. */
export const hasPsample = datapathType === 'netdev' || kernelAtLeast(6, 11);

function kernelAtLeast(major: number, minor: number): boolean {
  const [first, second] = release().split('.').map(Number);
  return first > major || (first === major && second >= minor);
}

/**
 * Packets at most that a flow counted and that nobody is told of when it is deleted. The kernel's ovs_flow_cmd_del takes the flow out of the table and then reads its
 * counters for the answer. A packet on another processor that had found it before (ovs_dp_process_packet: ovs_flow_tbl_lookup_stats) counts
 * itself a moment later (ovs_flow_stats_update), in a flow that only RCU still keeps. The embedded datapath does one thing at a time.
 */
export const untoldPerDeletion = datapathType === 'system' ? availableParallelism() - 1 : 0;

type FamilyName = 'ovs_datapath' | 'ovs_vport' | 'ovs_flow' | 'ovs_packet';

/** An answer: its command, and the attributes behind struct ovs_header. */
export interface Answer {
  readonly cmd: number;
  readonly dpIfindex: number;
  readonly attributes: Attribute[];
}

/** A flow as the datapath shows it. */
export interface ShownFlow {
  readonly key: Buffer | undefined;
  readonly mask: Buffer | undefined;
  readonly actions: Buffer | undefined;
  readonly ufid: Buffer | undefined;
  readonly packets: number;
  readonly bytes: number;
  /** Monotonic milliseconds of the last hit; undefined when never hit. */
  readonly used: number | undefined;
  readonly tcpFlags: number;
}

/** Which flow, and what about it. */
export interface FlowRequest {
  readonly key?: Buffer;
  readonly mask?: Buffer;
  readonly actions?: Buffer;
  readonly ufid?: Buffer;
  readonly clear?: boolean;
}

/** Splits a message of an OVS family behind nlmsghdr: genlmsghdr, ovs_header, attributes. */
export function parseOvsMessage(message: Uint8Array): Answer {
  const view = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  return {
    cmd: view[16],
    dpIfindex: view.readInt32LE(20),
    attributes: parseAttributes(view.subarray(24)),
  };
}

/** An upcall, raw. */
export interface Upcall extends Answer {
  readonly key: Buffer | undefined;
  readonly packet: Buffer | undefined;
  readonly userdata: Buffer | undefined;
}

/** A channel for upcalls with those that have come. */
export class UpcallQueue {
  readonly channel: Channel;
  readonly #waiting: Upcall[] = [];
  #wake = () => {};

  constructor(channel: Channel) {
    this.channel = channel;
    channel.startMessages((datagram) => {
      const answer = parseOvsMessage(datagram);
      this.#waiting.push({
        ...answer,
        key: pick(answer.attributes, ovs.OVS_PACKET_ATTR_KEY),
        packet: pick(answer.attributes, ovs.OVS_PACKET_ATTR_PACKET),
        userdata: pick(answer.attributes, ovs.OVS_PACKET_ATTR_USERDATA),
      });
      this.#wake();
    });
  }

  get pid(): number {
    return this.channel.portId;
  }

  /** The next upcall; undefined when none comes in time. */
  async next(timeoutMs = 30_000): Promise<Upcall | undefined> {
    if (this.#waiting.length === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#waiting.shift();
  }

  /** Forgets those that have come. */
  clear(): void {
    this.#waiting.length = 0;
  }
}

/**
 * A datapath under test, spoken to in raw messages that are put together here, so that the conformance suite checks what the
 * datapath says and not what this project's own codec makes of it.
 */
export class TestDatapath {
  readonly namespace: Namespace;
  readonly name = 'sptest';
  ifindex = 0;
  readonly #embedded: EmbeddedDatapath | undefined;
  readonly #client: NetlinkClient;
  readonly #channels: Channel[] = [];
  readonly #families = new Map<FamilyName, GenlFamily>();
  readonly #builder = new MessageBuilder();

  constructor(namespace: Namespace, options: { readonly upcallQueueLength?: number } = {}) {
    this.namespace = namespace;
    if (datapathType === 'netdev')
      this.#embedded = native().openEmbedded({ netns: namespace.path, ...options });
    this.#client = new NetlinkClient(this.openChannel());
  }

  openChannel(): Channel {
    const channel = this.#embedded
      ? this.#embedded.openChannel()
      : native().openNetlink({ protocol: NETLINK_GENERIC, netns: this.namespace.path });
    this.#channels.push(channel);
    return channel;
  }

  /** A channel that is ready for receive, submit and exchange. */
  openOpsChannel(): Channel {
    const channel = this.openChannel();
    channel.configureOps({
      dpIfindex: this.ifindex,
      flowFamily: this.family('ovs_flow').id,
      packetFamily: this.family('ovs_packet').id,
    });
    return channel;
  }

  openUpcalls(): UpcallQueue {
    return new UpcallQueue(this.openChannel());
  }

  family(name: FamilyName): GenlFamily {
    const known = this.#families.get(name);
    if (known) return known;
    const family = lookupFamily(this.#client, name);
    this.#families.set(name, family);
    return family;
  }

  /** One request; the answers without acknowledgement. Throws NetlinkError. */
  request(
    name: FamilyName,
    cmd: number,
    flags: number,
    attributes: readonly Buffer[],
    ifindex = this.ifindex,
  ): Answer[] {
    const version = name === 'ovs_datapath' ? 2 : 1;
    const message = this.#builder
      .begin(this.family(name).id, flags | NLM_F_ACK)
      .genl(cmd, version)
      .word(ifindex)
      .header(Buffer.concat(attributes))
      .finish();
    const answers = this.#client.transact(message, { op: `${name} ${cmd}`, family: name, cmd });
    return answers.map(({ bytes }) => parseOvsMessage(bytes));
  }

  /** Makes the datapath; its local port is number 0 and has its name. */
  create(): Answer {
    const [answer] = this.request('ovs_datapath', ovs.OVS_DP_CMD_NEW, NLM_F_ECHO, [
      attr(ovs.OVS_DP_ATTR_NAME, text(this.name)),
      attr(ovs.OVS_DP_ATTR_UPCALL_PID, u32(0)),
      attr(ovs.OVS_DP_ATTR_USER_FEATURES, u32(FEATURES)),
    ]);
    this.ifindex = answer.dpIfindex;
    return answer;
  }

  /** Adds a device as a port whose upcalls go to `pid`; its port number. */
  addPort(device: string, pid = 0, portNo?: number): number {
    const [answer] = this.request('ovs_vport', ovs.OVS_VPORT_CMD_NEW, NLM_F_ECHO, [
      ...(portNo === undefined ? [] : [attr(ovs.OVS_VPORT_ATTR_PORT_NO, u32(portNo))]),
      attr(ovs.OVS_VPORT_ATTR_TYPE, u32(ovs.OVS_VPORT_TYPE_NETDEV)),
      attr(ovs.OVS_VPORT_ATTR_NAME, text(device)),
      attr(ovs.OVS_VPORT_ATTR_UPCALL_PID, u32(pid)),
    ]);
    const number = pick(answer.attributes, ovs.OVS_VPORT_ATTR_PORT_NO);
    if (!number) throw new Error('the answer has no port number');
    return number.readUInt32LE();
  }

  setUpcallPid(portNo: number, pid: number): void {
    this.request('ovs_vport', ovs.OVS_VPORT_CMD_SET, 0, [
      attr(ovs.OVS_VPORT_ATTR_PORT_NO, u32(portNo)),
      attr(ovs.OVS_VPORT_ATTR_UPCALL_PID, u32(pid)),
    ]);
  }

  #flowAttributes({ key, mask, actions, ufid, clear }: FlowRequest): Buffer[] {
    const parts: Buffer[] = [];
    if (ufid) parts.push(attr(ovs.OVS_FLOW_ATTR_UFID, ufid));
    if (key) parts.push(attr(ovs.OVS_FLOW_ATTR_KEY, key));
    if (mask) parts.push(attr(ovs.OVS_FLOW_ATTR_MASK, mask));
    if (actions) parts.push(attr(ovs.OVS_FLOW_ATTR_ACTIONS, actions));
    if (clear) parts.push(attr(ovs.OVS_FLOW_ATTR_CLEAR));
    return parts;
  }

  /** OVS_FLOW_CMD_NEW, which replaces the actions of a flow that is there unless `flags` has NLM_F_CREATE or NLM_F_EXCL. */
  putFlow(request: FlowRequest, flags = 0): void {
    this.request('ovs_flow', ovs.OVS_FLOW_CMD_NEW, flags, this.#flowAttributes(request));
  }

  setFlow(request: FlowRequest): void {
    this.request('ovs_flow', ovs.OVS_FLOW_CMD_SET, 0, this.#flowAttributes(request));
  }

  /** Deletes a flow, or all without a key and ufid. What the datapath shows of it at last, when `echo` asks. */
  deleteFlow(request: FlowRequest = {}, echo = false): ShownFlow | undefined {
    const attributes = this.#flowAttributes(request);
    const answers = this.request('ovs_flow', ovs.OVS_FLOW_CMD_DEL, echo ? NLM_F_ECHO : 0, attributes);
    return answers[0] && showFlow(answers[0]);
  }

  getFlow(request: FlowRequest): ShownFlow {
    const [answer] = this.request('ovs_flow', ovs.OVS_FLOW_CMD_GET, 0, this.#flowAttributes(request));
    return showFlow(answer);
  }

  /** All flows. `flags`: OVS_UFID_F_OMIT_* bits. */
  dumpFlows(flags?: number): ShownFlow[] {
    const attributes = flags === undefined ? [] : [attr(ovs.OVS_FLOW_ATTR_UFID_FLAGS, u32(flags))];
    return this.request('ovs_flow', ovs.OVS_FLOW_CMD_GET, NLM_F_DUMP, attributes).map(showFlow);
  }

  /** Has the datapath take a packet as if it had come in, and act on it. */
  execute(packet: Buffer, key: Buffer, actions: Buffer): void {
    this.request('ovs_packet', ovs.OVS_PACKET_CMD_EXECUTE, 0, [
      attr(ovs.OVS_PACKET_ATTR_PACKET, packet),
      attr(ovs.OVS_PACKET_ATTR_KEY, key),
      attr(ovs.OVS_PACKET_ATTR_ACTIONS, actions),
    ]);
  }

  /** struct ovs_dp_stats: packets that hit, missed, were lost; flows. */
  stats(): { hit: number; missed: number; lost: number; flows: number } {
    const [answer] = this.request('ovs_datapath', ovs.OVS_DP_CMD_GET, 0, []);
    const stats = pick(answer.attributes, ovs.OVS_DP_ATTR_STATS);
    if (!stats) throw new Error('the datapath shows no statistics');
    const at = (i: number) => Number(stats.readBigUInt64LE(i * 8));
    return { hit: at(0), missed: at(1), lost: at(2), flows: at(3) };
  }

  /** Deletes the datapath and closes all channels. Idempotent. */
  close(): void {
    if (this.ifindex !== 0) this.request('ovs_datapath', ovs.OVS_DP_CMD_DEL, 0, []);
    this.ifindex = 0;
    for (const channel of this.#channels.splice(0)) channel.close();
    this.#embedded?.close();
  }
}

function showFlow({ attributes }: Answer): ShownFlow {
  const stats = pick(attributes, ovs.OVS_FLOW_ATTR_STATS);
  const used = pick(attributes, ovs.OVS_FLOW_ATTR_USED);
  return {
    key: pick(attributes, ovs.OVS_FLOW_ATTR_KEY),
    mask: pick(attributes, ovs.OVS_FLOW_ATTR_MASK),
    actions: pick(attributes, ovs.OVS_FLOW_ATTR_ACTIONS),
    ufid: pick(attributes, ovs.OVS_FLOW_ATTR_UFID),
    packets: stats ? Number(stats.readBigUInt64LE(0)) : 0,
    bytes: stats ? Number(stats.readBigUInt64LE(8)) : 0,
    used: used && Number(used.readBigUInt64LE()),
    tcpFlags: pick(attributes, ovs.OVS_FLOW_ATTR_TCP_FLAGS)?.[0] ?? 0,
  };
}
