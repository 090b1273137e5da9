import { parseActions } from '../../ts/flow/index.js';
import * as ovs from '../../ts/fields/index.js';
import type { Channel } from '../../ts/native/index.js';
import { attr, pick, text, u16, u32 } from './attributes.js';
import { eventually } from './eventually.js';
import { Lab, type Namespace } from './netns.js';
import { command } from './processes.js';
import { parseOvsMessage, TestDatapath } from './test-datapath.js';
import { sendFrames } from './traffic.js';
import {
  four,
  fourBack,
  fragments4,
  fragments6,
  GENEVE,
  largeTcp,
  plainFrames,
  six,
  sixBack,
  tunnelFrames,
  underlay,
  VXLAN,
  VXLAN_GBP,
} from './upcall-frames.js';
import { buildTcp, buildUdp, type IpOptions } from '../../ts/packet/index.js';

/** An upcall as the kernel sent it. */
export interface RecordedUpcall {
  /** What was sent, and how it came to be an upcall. */
  readonly name: string;
  /** The whole netlink message, hex. */
  readonly message: string;
  /** The mask, hex, of a flow that matches exactly its key; and that flow's match as `ovs-dpctl -m dump-flows` prints it. */
  readonly mask: string;
  readonly text: string;
}

const OVS_TUNNEL_ATTR_DST_PORT = 1;
const OVS_TUNNEL_ATTR_EXTENSION = 2;
const OVS_VXLAN_EXT_GBP = 1;
/** Sends one packet with a struct virtio_net_hdr before it; PACKET_VNET_HDR is option 15 of SOL_PACKET (263). */
const SEND_LARGE = `import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.setsockopt(263, 15, 1)
s.bind((sys.argv[1], 0))
s.send(bytes.fromhex(sys.argv[2]))`;

/** Makes the kernel's datapath send upcalls of every kind, and keeps them. */
export class UpcallRecorder {
  readonly #messages = new Map<string, Buffer>();
  readonly #lab = new Lab();
  readonly #inside: Namespace;
  readonly #outside: Namespace;
  readonly #datapath: TestDatapath;
  readonly #channel: Channel;
  readonly #waiting: Buffer[] = [];
  #nextRecirc = 1;

  constructor() {
    this.#inside = this.#lab.namespace('rec');
    this.#outside = this.#lab.namespace('rechosts');
    this.#makeDevices();
    this.#datapath = new TestDatapath(this.#inside);
    this.#channel = this.#datapath.openChannel();
    this.#channel.startMessages((datagram) => {
      // Refusals and acknowledgements have other types.
      const message = Buffer.from(datagram);
      if (message.readUInt16LE(4) === this.#datapath.family('ovs_packet').id) this.#waiting.push(message);
    });
    this.#datapath.create();
    for (const device of ['p1', 'p2']) this.#datapath.addPort(device, this.#channel.portId);
    this.#addTunnel('vxlan', ovs.OVS_VPORT_TYPE_VXLAN, 3, attr(OVS_TUNNEL_ATTR_DST_PORT, u16(VXLAN)));
    const gbp = attr(OVS_TUNNEL_ATTR_EXTENSION, attr(OVS_VXLAN_EXT_GBP));
    const gbpPort = attr(OVS_TUNNEL_ATTR_DST_PORT, u16(VXLAN_GBP));
    this.#addTunnel('vxlangbp', ovs.OVS_VPORT_TYPE_VXLAN, 4, Buffer.concat([gbpPort, gbp]));
    this.#addTunnel('geneve', ovs.OVS_VPORT_TYPE_GENEVE, 5, attr(OVS_TUNNEL_ATTR_DST_PORT, u16(GENEVE)));
    this.#addTunnel('gre', ovs.OVS_VPORT_TYPE_GRE, 6);
  }

  /** Makes upcalls of all kinds: whole netlink messages by name. */
  async record(): Promise<ReadonlyMap<string, Buffer>> {
    for (const [name, frame] of Object.entries(plainFrames)) await this.#miss(name, 'h1', frame);
    for (const [name, frame] of Object.entries(tunnelFrames)) await this.#miss(`rx_${name}`, 'uh', frame);
    await this.#conntrack('ipv4', four, fourBack);
    await this.#conntrack('ipv6', six, sixBack);
    await this.#reassembled('ipv4', fragments4());
    await this.#reassembled('ipv6', fragments6());
    await this.#segmented('ipv4', four);
    await this.#segmented('ipv6', six);
    await this.#actions();
    return this.#messages;
  }

  /** What was recorded, with what ovs-dpctl says about it. Nothing can be recorded afterwards: it turns dispatch by port off. */
  describe(): RecordedUpcall[] {
    return [...this.#messages].map(([name, message]) => {
      return { name, message: message.toString('hex'), ...this.#exactFlow(keyOf(message)) };
    });
  }

  async close(): Promise<void> {
    this.#datapath.close();
    await this.#lab.remove();
  }

  #makeDevices(): void {
    for (const namespace of [this.#inside, this.#outside])
      namespace.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
    for (const i of [1, 2]) {
      this.#lab.veth(this.#inside, `p${i}`, this.#outside, `h${i}`);
      this.#inside.up(`p${i}`);
      this.#outside.up(`h${i}`);
    }
    this.#lab.veth(this.#inside, 'u0', this.#outside, 'uh');
    this.#inside.run('sysctl', '-qw', 'net.ipv6.conf.u0.disable_ipv6=0');
    const addresses = [`${underlay.ipv4}/24`, `${underlay.ipv6}/64`];
    this.#inside.up('u0', { addresses, mac: underlay.mac });
    this.#outside.up('uh');
  }

  #addTunnel(name: string, type: number, portNo: number, options?: Buffer): void {
    this.#datapath.request('ovs_vport', ovs.OVS_VPORT_CMD_NEW, 0, [
      attr(ovs.OVS_VPORT_ATTR_PORT_NO, u32(portNo)),
      attr(ovs.OVS_VPORT_ATTR_TYPE, u32(type)),
      attr(ovs.OVS_VPORT_ATTR_NAME, text(name)),
      attr(ovs.OVS_VPORT_ATTR_UPCALL_PID, u32(this.#channel.portId)),
      ...(options ? [attr(ovs.OVS_VPORT_ATTR_OPTIONS, options)] : []),
    ]);
  }

  /** Waits for `count` upcalls of what `send` sends, and takes them. */
  async #upcalls(what: string, count: number, send: () => void): Promise<Buffer[]> {
    this.#waiting.length = 0;
    send();
    await eventually(`${count} upcalls of ${what}`, () => this.#waiting.length >= count);
    return this.#waiting.splice(0);
  }

  /** A frame that no flow matches. */
  async #miss(name: string, device: string, frame: Uint8Array): Promise<Buffer> {
    const [message] = await this.#upcalls(name, 1, () => sendFrames(this.#outside, device, [frame]));
    this.#keep(`miss_${name}`, message);
    return message;
  }

  #keep(name: string, message: Buffer): void {
    this.#messages.set(name, message);
  }

  /** Puts a flow for exactly a key, and says how it is shown. */
  #exactFlow(key: Buffer): { mask: string; text: string } {
    this.#datapath.putFlow({ key, actions: Buffer.alloc(0) });
    const lines = this.#inside.run(
      'ovs-dpctl',
      '-m',
      '--no-names',
      'dump-flows',
      `system@${this.#datapath.name}`,
    );
    const mask = this.#datapath.getFlow({ key }).mask?.toString('hex') ?? '';
    this.#datapath.deleteFlow({ key });
    return {
      mask,
      text: lines
        .trim()
        .replace(/^ufid:[^,]*, /, '')
        .replace(/, packets:.*$/s, ''),
    };
  }

  /** Puts a flow for exactly the key of an upcall. */
  #flow(message: Buffer, actions: string): void {
    this.#datapath.putFlow({ key: keyOf(message), actions: Buffer.from(parseActions(actions)) });
  }

  /** An upcall that comes after recirculation: the flow of `first` gets `actions` and recirc. Its flow stays. */
  async #afterRecirc(name: string, device: string, frame: Uint8Array, actions: string): Promise<void> {
    const first = await this.#upcalls(name, 1, () => sendFrames(this.#outside, device, [frame]));
    this.#flow(first[0], `${actions},recirc(${this.#nextRecirc++})`);
    const [message] = await this.#upcalls(name, 1, () => sendFrames(this.#outside, device, [frame]));
    this.#keep(`recirc_${name}`, message);
    this.#datapath.deleteFlow({ key: keyOf(first[0]) });
  }

  async #conntrack(family: string, there: IpOptions, backwards: IpOptions): Promise<void> {
    const syn = buildTcp({ ...there, srcPort: 41000, dstPort: 80 });
    const synAck = buildTcp({ ...backwards, srcPort: 80, dstPort: 41000, flags: 0x012, ack: 1 });
    const udp = buildUdp({ ...there, srcPort: 41001, dstPort: 53, payload: 32 });
    const marks = 'mark=0x5/0xff,label=0x1234/0xffff';
    const nat = there.ipSrc.includes(':') ? 'nat(src=fd00::99)' : 'nat(src=10.0.0.99)';
    await this.#afterRecirc(`ct_${family}_new`, 'h1', syn, 'ct(zone=5)');
    await this.#afterRecirc(`ct_${family}_commit`, 'h1', syn, `ct(commit,zone=5,${marks})`);
    await this.#afterRecirc(`ct_${family}_reply`, 'h2', synAck, 'ct(zone=5)');
    await this.#afterRecirc(
      `ct_${family}_invalid`,
      'h1',
      buildTcp({ ...there, srcPort: 9, dstPort: 9, flags: 0x014 }),
      'ct',
    );
    await this.#afterRecirc(`ct_${family}_nat`, 'h1', udp, `ct(commit,zone=6,${nat})`);
    await this.#afterRecirc(`ct_${family}_clear`, 'h1', udp, 'ct(zone=6),ct_clear');
    await this.#afterRecirc(`hash_${family}`, 'h1', udp, 'hash(l4(0))');
  }

  /** Fragments that conntrack has put together: the upcall says how large they were (OVS_PACKET_ATTR_MRU). */
  async #reassembled(family: string, fragments: Uint8Array[]): Promise<void> {
    const keys: Buffer[] = [];
    for (const fragment of fragments) {
      const [message] = await this.#upcalls('fragment', 1, () => sendFrames(this.#outside, 'h1', [fragment]));
      this.#flow(message, `ct(zone=8),recirc(${this.#nextRecirc})`);
      keys.push(keyOf(message));
    }
    this.#nextRecirc++;
    const [whole] = await this.#upcalls('the whole', 1, () => sendFrames(this.#outside, 'h1', fragments));
    this.#keep(`recirc_ct_${family}_fragments`, whole);
    for (const key of keys) this.#datapath.deleteFlow({ key });
  }

  /** One packet of several segments makes an upcall for each. */
  async #segmented(family: string, ip: IpOptions): Promise<void> {
    const { frame, header, segments } = largeTcp(ip);
    const packet = Buffer.concat([header, frame]).toString('hex');
    const send = () =>
      command('ip', ['netns', 'exec', this.#outside.name, 'python3', '-c', SEND_LARGE, 'h1', packet]);
    const messages = await this.#upcalls('segments', segments, send);
    for (const [i, message] of messages.entries()) this.#keep(`miss_gso_${family}_${i + 1}`, message);
  }

  /** Upcalls that a flow's userspace action makes. */
  async #actions(): Promise<void> {
    const pid = this.#channel.portId;
    const frame = plainFrames.ipv4_udp;
    const tunnel = 'set(tunnel(tun_id=0x2a,dst=172.31.0.2,ttl=64,tp_dst=4789,flags(df|key)))';
    const actions: Record<string, string> = {
      slow_path: `userspace(pid=${pid},slow_path(action))`,
      sflow: `userspace(pid=${pid},sFlow(vid=5,pcp=1,output=2),actions)`,
      flow_sample: `userspace(pid=${pid},flow_sample(probability=65535,collector_set_id=1,obs_domain_id=2,obs_point_id=3,output_port=4294967295))`,
      ipfix: `userspace(pid=${pid},ipfix(output_port=2))`,
      controller: `userspace(pid=${pid},controller(reason=1,dont_send=0,continuation=0,recirc_id=7,rule_cookie=0x1234,controller_id=0,max_len=128))`,
      odd_cookie: `userspace(pid=${pid},userdata(01020304))`,
      no_cookie: `userspace(pid=${pid})`,
      truncated: `trunc(20),userspace(pid=${pid},slow_path(cfm))`,
      sampled: `sample(sample=100.0%,actions(userspace(pid=${pid},sFlow(vid=0,pcp=0,output=0),actions))),2`,
      egress_tunnel: `${tunnel},userspace(pid=${pid},ipfix(output_port=3),tunnel_out_port=3)`,
      after_set: `set(ipv4(ttl=9)),push_vlan(vid=9,pcp=2),userspace(pid=${pid},slow_path(cfm))`,
    };
    for (const [name, words] of Object.entries(actions)) {
      const [first] = await this.#upcalls(name, 1, () => sendFrames(this.#outside, 'h1', [frame]));
      this.#flow(first, words);
      const [message] = await this.#upcalls(name, 1, () => sendFrames(this.#outside, 'h1', [frame]));
      this.#datapath.deleteFlow({ key: keyOf(first) });
      this.#keep(`action_${name}`, message);
    }
  }
}

/** OVS_PACKET_ATTR_KEY of an upcall. */
export function keyOf(message: Uint8Array): Buffer {
  const key = pick(parseOvsMessage(message).attributes, ovs.OVS_PACKET_ATTR_KEY);
  if (!key) throw new Error('an upcall without a key');
  return key;
}
