import { join } from 'node:path';
import { expect } from 'chai';
import { dumpFlowLines } from '../../ts/datapath/index.js';
import { type Bridge, Switch } from '../../ts/switch/index.js';
import { eventually } from '../support/eventually.js';
import { ethernet } from '../support/frames.js';
import { Lab, type Namespace } from '../support/netns.js';
import { ping } from '../support/ping.js';
import { root } from '../support/processes.js';
import { needsRoot } from '../support/skip.js';
import { datapathType } from '../support/test-datapath.js';
import { flood, sendFrames, startSink } from '../support/traffic.js';

const MAC_1 = '02:00:00:00:01:01';
const MAC_2 = '02:00:00:00:01:02';
const MAC_3 = '02:00:00:00:01:03';
/** Distinct UDP flows of the flood, and how many of them a second; less in the guest, where all is ten times slower. */
const FLOWS = 10_000;
const RATE = datapathType === 'system' ? 500 : 2000;
const MAX_IDLE_MS = 1500;
/** Local experimental Ethernet type (IEEE 802). */
const EXPERIMENTAL = 0x88b5;

describe(`switch [${datapathType}]`, function () {
  // Ten seconds of flood natively, twenty in the guest, and what else that takes there.
  this.timeout(datapathType === 'system' ? 300_000 : 60_000);
  const lab = new Lab();
  let inside: Namespace;
  let hosts: Namespace[];
  let theSwitch: Switch;
  let bridge: Bridge;
  const warnings: string[] = [];

  before(function () {
    needsRoot(this);
    inside = lab.namespace('dp');
    hosts = [1, 2, 3].map((i) => {
      const host = lab.namespace(`h${i}`);
      lab.veth(inside, `p${i}`, host, 'eth0');
      inside.up(`p${i}`);
      return host;
    });
    hosts[0].up('eth0', { mac: MAC_1, addresses: ['10.0.0.1/24', 'fd00::1/64'] });
    hosts[1].up('eth0', { mac: MAC_2, addresses: ['10.0.0.2/24', 'fd00::2/64'] });
    hosts[2].up('eth0', { mac: MAC_3 });
    theSwitch = Switch.open({
      datapath: { type: datapathType, name: 'spsw', netns: inside.path },
      onWarning: (message) => warnings.push(message),
    });
    bridge = theSwitch.addBridge('br0');
    for (const name of ['p1', 'p2', 'p3']) theSwitch.addPort(bridge, { name });
  });
  after(async () => {
    await theSwitch?.close();
    await lab.remove();
  });

  const pinged = (address: string, count = 3) => ping(hosts[0], address, count);

  it('carries ARP and pings, IPv4 and IPv6', async () => {
    expect(await pinged('10.0.0.2')).to.equal(3);
    expect(await pinged('fd00::2')).to.equal(3);
  });

  it('shows its flows in the syntax of ovs-dpctl', async () => {
    await pinged('10.0.0.2', 1);
    const lines = await dumpFlowLines(theSwitch.datapath);
    const forward = lines.find((line) => line.includes('eth_type(0x0800)') && line.includes(`src=${MAC_1}`));
    expect(forward, lines.join('\n')).to.match(/^recirc_id\(0\),in_port\(\d+\).*, actions:\d+$/);
  });

  it('asks the slow path about the first packet of a flow only', async () => {
    const frame = ethernet({ src: MAC_3, dst: MAC_1, type: EXPERIMENTAL, payload: Buffer.alloc(50, 1) });
    const flow = async () => (await dumpFlowLines(theSwitch.datapath)).find((line) => line.includes(MAC_3));
    sendFrames(hosts[2], 'eth0', [frame]);
    await eventually('the flow is installed', async () => (await flow()) !== undefined);
    expect(await flow(), 'the first packet came up and was executed').to.include('packets:0,');
    sendFrames(hosts[2], 'eth0', [frame, frame]);
    // Other packets (neighbour discovery) come up meanwhile; those of this flow are counted by the flow, and so did not.
    await eventually('two packets hit', async () => (await flow())?.includes('packets:2,'));
  });

  it('carries TCP whole', async () => {
    const bytes = (datapathType === 'system' ? 2 : 20) << 20;
    const peer = (host: Namespace, ...args: string[]) =>
      lab.keep(host.start(process.execPath, [join(root, 'out/test/support/tcp-peer.js'), ...args]));
    const receiver = peer(hosts[1], 'receive', '10.0.0.2');
    const [, port] = await receiver.waitFor(/listening (\d+)/, 60_000);
    const sender = peer(hosts[0], 'send', '10.0.0.2', port, String(bytes));
    const sent = (await sender.exit).stdout.trim();
    expect(sent).to.match(new RegExp(`^${bytes} [0-9a-f]{64}$`));
    expect((await receiver.exit).stdout.trim().split('\n').at(-1)).to.equal(sent);
  });

  it(`delivers ${FLOWS} distinct flows or counts them as lost; the flows expire and memory comes back`, async () => {
    theSwitch.addFlows(
      bridge,
      `udp,in_port=3 actions=multipath(symmetric_l3l4+udp,0,modulo_n,1024,0,NXM_NX_REG0[0..15]),output:2`,
    );
    theSwitch.cache.setLimits({ policy: { maxIdle: MAX_IDLE_MS } });
    const before = theSwitch.stats();
    const { installs } = before.upcall;
    const sink = await startSink(hosts[1], 'eth0', FLOWS, { timeoutSeconds: 120, quietMs: 5000 });
    const { sent } = await flood(hosts[2], 'eth0', { count: FLOWS, rate: RATE });
    expect(sent).to.equal(FLOWS);
    const { distinct, duplicates, dropped } = await sink.result;
    const lost = theSwitch.stats().datapath.lost - before.datapath.lost;
    expect(distinct + dropped + lost, `${distinct} arrived, ${lost} lost`).to.equal(FLOWS);
    expect(duplicates).to.equal(0);
    // Not all: a machine that is slow to dump has its flow limit lowered.
    expect(theSwitch.stats().upcall.installs - installs).to.be.greaterThan(FLOWS / 10);
    await eventually('the flows expire', () => theSwitch.datapath.stats().flows < 20, 60_000);
    const ukeys = () => Object.values(theSwitch.stats().ukeys).reduce((sum, n) => sum + n, 0);
    await eventually('the ukeys go', () => ukeys() < 20, 60_000);
    expect(theSwitch.stats().ukeyBytes).to.be.at.most(Math.max(before.ukeyBytes, 1 << 20));
  });

  it('drops instead of NORMAL once the flow says so', async () => {
    theSwitch.addFlows(bridge, 'priority=100,icmp actions=drop');
    await theSwitch.revalidate();
    expect(await pinged('10.0.0.2', 1)).to.equal(0);
    expect(await pinged('fd00::2', 2)).to.equal(2);
  });

  it('leaves nothing behind when it is closed, and warned of nothing', async () => {
    await theSwitch.close();
    const links = inside.ip('link show');
    for (const device of ['br0', 'spsw']) expect(links).not.to.include(device);
    if (datapathType === 'system') expect(inside.run('ovs-dpctl', 'dump-dps').trim()).to.equal('');
    expect(warnings).to.deep.equal([]);
  });
});
