import { expect } from 'chai';
import { Switch } from '../../ts/switch/index.js';
import { TestCollector } from './collector.js';
import { eventually } from './eventually.js';
import { LocalCollector } from './local-collector.js';
import { Lab, type Namespace } from './netns.js';
import { PeerSwitch } from './peer-switch.js';
import { needsRoot, skipUnless, strict } from './skip.js';
import { dissect, type Dissected, needsTshark } from './tshark.js';
import { sendFrames } from './traffic.js';

const PORTS = 3;
const PEER_PORT = 2055;
/** What tshark is told that datagrams were sent to: a port that it does not take for one of other protocols. */
const SHOWN_PORT = 20550;
/** Both daemons, tshark twice, timeouts of exporters; on a machine that has other things to do. */
const TIMEOUT_MS = 120_000;
const PATIENCE_MS = 60_000;

/** One record as names and values. */
export type DecodedRecord = Readonly<Record<string, string>>;

/** How an export protocol is decoded and compared. */
export interface ExportProtocol {
  /** As tshark names it: cflow, sflow. */
  readonly dissector: string;
  /** The records in messages, in any order; fields by name. */
  records(messages: readonly Dissected[]): readonly DecodedRecord[];
  /** Fields that differ from switch to switch: timestamps, ids, sequence numbers. */
  readonly ignored: readonly string[];
}

/** What both switches are to do. */
export interface ExportCase {
  /** ovs-vsctl words that set the exporter of bridge br0 up, which has ports p1 to p3; `COLLECTOR` stands for the collector. */
  readonly vsctl: readonly string[];
  /** As ovs-ofctl reads them. */
  readonly flows: string;
  /** Frames that come in at p1, p2, …: port number, frame. In order; those of one port in a row are sent at once. */
  readonly frames: readonly (readonly [port: number, frame: Buffer])[];
  /** Whether all datagrams have come that the frames lead to. */
  enough(datagrams: readonly Buffer[]): boolean;
}

/** A switch with three ports, each with a host behind it, and a collector. */
interface Site {
  readonly hosts: readonly Namespace[];
  readonly collector: { readonly target: string; readonly datagrams: readonly Buffer[] };
  vsctl(words: readonly string[]): Promise<unknown>;
  addFlows(flows: string): unknown;
}

function makeHosts(lab: Lab, inside: Namespace): Namespace[] {
  return Array.from({ length: PORTS }, (_, i) => {
    const host = lab.namespace(`h${i + 1}`);
    host.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
    lab.veth(inside, `p${i + 1}`, host, 'eth0');
    inside.up(`p${i + 1}`);
    host.up('eth0');
    return host;
  });
}

function makeInside(lab: Lab, name: string): Namespace {
  const inside = lab.namespace(name);
  inside.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
  return inside;
}

/** Bridge br0 anew, with its ports. */
function bridgeWords(): string[] {
  const ports = Array.from({ length: PORTS }, (_, i) => `p${i + 1}`);
  return [
    ...['--if-exists', 'del-br', 'br0', '--', 'add-br', 'br0'],
    ...['--', 'set', 'bridge', 'br0', 'datapath_type=netdev', 'fail-mode=secure'],
    ...ports.flatMap((port, i) => [
      ...['--', 'add-port', 'br0', port],
      ...['--', 'set', 'interface', port, `ofport_request=${i + 1}`],
    ]),
  ];
}

/** What a site exported. */
async function exportsOf(site: Site, one: ExportCase): Promise<readonly Buffer[]> {
  await site.vsctl(bridgeWords());
  await site.addFlows(one.flows);
  const before = site.collector.datagrams.length;
  await site.vsctl(one.vsctl.map((word) => word.replace('COLLECTOR', site.collector.target)));
  for (let i = 0; i < one.frames.length; ) {
    const [port] = one.frames[i];
    let end = i + 1;
    while (end < one.frames.length && one.frames[end][0] === port) end++;
    sendFrames(
      site.hosts[port - 1],
      'eth0',
      one.frames.slice(i, end).map(([, frame]) => frame),
    );
    i = end;
  }
  const since = () => site.collector.datagrams.slice(before);
  await eventually('all is exported', () => one.enough(since()), PATIENCE_MS);
  return since();
}

/** Records without what is ignored, in an order of their own. */
function comparable(protocol: ExportProtocol, messages: readonly Dissected[]): string[] {
  const ignored = new Set(protocol.ignored);
  return protocol
    .records(messages)
    .map((record) =>
      Object.entries(record)
        .filter(([name]) => !ignored.has(name))
        .map(([name, value]) => `${name}=${value}`)
        .join(' '),
    )
    .sort();
}

/** Has Debian's ovs-vswitchd and a switch of ours, with the same configuration and the same frames, export to collectors. */
export class DifferentialRig {
  readonly #lab = new Lab();
  #peerSwitch!: PeerSwitch;
  #peer!: Site;
  #ours!: Site;
  #ourSwitch!: Switch;
  #collector!: LocalCollector;

  async start(): Promise<void> {
    const lab = this.#lab;
    const [theirs, inside] = [makeInside(lab, 'peer'), makeInside(lab, 'ours')];
    const [theirHosts, ourHosts] = [makeHosts(lab, theirs), makeHosts(lab, inside)];
    const ports = Array.from({ length: PORTS }, (_, i) => `p${i + 1}`);
    await eventually('ports are up', () => theirs.running(...ports) && inside.running(...ports));
    const peer = await PeerSwitch.start(lab, theirs);
    this.#peerSwitch = peer;
    this.#peer = {
      hosts: theirHosts,
      collector: await TestCollector.start(lab, theirs, PEER_PORT),
      vsctl: (words) => peer.vsctl(words),
      addFlows: (flows) => peer.addFlows('br0', flows),
    };
    const ours = Switch.open({ datapath: { type: 'netdev', netns: inside.path } });
    this.#ourSwitch = ours;
    this.#collector = await LocalCollector.start();
    this.#ours = {
      hosts: ourHosts,
      collector: this.#collector,
      vsctl: async (words) => {
        ours.vsctl(words);
        // Frames are sent while this thread waits for the sender: what the change concerns must be mended before.
        await ours.revalidate();
      },
      addFlows: (flows) => ours.addFlows(ours.bridges.get('br0')!, flows),
    };
  }

  /** The datagrams that each of them exported. */
  async exports(one: ExportCase): Promise<{ theirs: readonly Buffer[]; ours: readonly Buffer[] }> {
    const [theirs, ours] = await Promise.all([exportsOf(this.#peer, one), exportsOf(this.#ours, one)]);
    return { theirs, ours };
  }

  /** Both switches export the same records. What they are. */
  async expectSame(protocol: ExportProtocol, one: ExportCase): Promise<readonly string[]> {
    const { theirs, ours } = await this.exports(one);
    const [theirMessages, ourMessages] = await Promise.all(
      [theirs, ours].map((datagrams) => dissect(datagrams, protocol.dissector, SHOWN_PORT)),
    );
    const records = comparable(protocol, ourMessages);
    expect(records).to.deep.equal(comparable(protocol, theirMessages));
    return records;
  }

  async stop(): Promise<void> {
    await this.#ourSwitch?.close();
    this.#collector?.close();
    await this.#lab.remove();
    this.#peerSwitch?.close();
  }
}

/** A suite that compares what is exported with Debian's ovs-vswitchd. */
export function describeDifferential(title: string, suite: (rig: DifferentialRig) => void): void {
  describe(`differential: ${title}`, function () {
    this.timeout(TIMEOUT_MS);
    const rig = new DifferentialRig();
    before(async function () {
      needsRoot(this);
      needsTshark(this);
      await rig.start().catch((error: Error) => skipUnless(this, false, error.message, strict));
    });
    after(() => rig.stop());
    suite(rig);
  });
}
