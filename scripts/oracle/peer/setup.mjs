// Has ovs-vswitchd take a case's configuration, and answer its traces.
import { PeerDied } from './daemons.mjs';
import { parseTrace } from './trace-text.mjs';

const EMPTY =
  '--if-exists del-br br1 -- --if-exists del-br br0 -- clear Open_vSwitch . other_config -- --all destroy Flow_Sample_Collector_Set';

/** Has ovs-ofctl read lines; null when all were taken, else the error. */
async function tryLines(peer, { version, bridge, many }, lines) {
  const target = `unix:${peer.folder}/${bridge}.mgmt`;
  try {
    await peer.run('ovs-ofctl', ['-O', version, many, target, '-'], lines.join('\n'));
    return null;
  } catch (error) {
    if (error instanceof PeerDied) throw error;
    return error.message;
  }
}

/**
 * Adds lines (flows or groups); returns those that are not refused. ovs-ofctl parses all before it sends any, and names the line that it
 * refuses; what the switch refuses is found by halves, which costs a program each.
 */
async function addLines(peer, commands, lines) {
  let left = lines;
  while (left.length > 0) {
    const error = await tryLines(peer, commands, left);
    if (error === null) return left;
    const bad = /^(?:ovs-ofctl: )+-:(\d+): /m.exec(error);
    if (bad) left = left.filter((_, i) => i !== Number(bad[1]) - 1);
    else return left.length === 1 ? [] : addHalves(peer, commands, left);
  }
  return left;
}

async function addHalves(peer, commands, lines) {
  // A group cannot be added twice; a flow takes the place of the same one.
  if (commands.clear !== undefined) {
    await peer.ofctl(commands.version, commands.clear, commands.bridge);
    return addEach(peer, commands, lines);
  }
  const half = lines.length >> 1;
  return [
    ...(await addLines(peer, commands, lines.slice(0, half))),
    ...(await addLines(peer, commands, lines.slice(half))),
  ];
}

async function addEach(peer, commands, lines) {
  const taken = [];
  for (const line of lines) if ((await tryLines(peer, commands, [line])) === null) taken.push(line);
  return taken;
}

const flowCommands = (bridge, version = 'OpenFlow15') => ({ version, bridge, many: 'add-flows' });
const groupCommands = {
  version: 'OpenFlow15',
  bridge: 'br0',
  many: 'add-groups',
  clear: 'del-groups',
};

/** Bridges and their ports, as dpif/show prints them. */
function parseBridges(text) {
  const bridges = [];
  for (const line of text.split('\n')) {
    const bridge = /^ {2}(\S+):$/.exec(line);
    if (bridge) bridges.push({ name: bridge[1], ports: [] });
    const port = /^ {4}(\S+) (\d+)\/(\d+|none): \((([\w-]+).*)\)$/.exec(line);
    if (!port) continue;
    const [, name, ofport, odpPort, config, type] = port;
    const number = odpPort === 'none' ? null : Number(odpPort);
    bridges.at(-1).ports.push({ name, ofport: Number(ofport), odpPort: number, type, config });
  }
  return bridges;
}

/** Configures the switch; returns the case as it was taken. */
async function configure(peer, entry) {
  await peer.vsctl(EMPTY.split(' '));
  await peer.vsctl(entry.topology.vsctl);
  for (const words of entry.topology.appctl) await peer.appctl(...words);
  // A standalone bridge comes with a flow NORMAL; the case says all flows that there are.
  if (entry.topology.vsctl.includes('fail-mode=standalone'))
    await peer.ofctl('OpenFlow15', 'del-flows', 'br0');
  if (entry.tlvMap !== undefined) await peer.ofctl('OpenFlow15', 'add-tlv-map', 'br0', entry.tlvMap);
  for (const meter of entry.meters) await peer.ofctl('OpenFlow15', 'add-meter', 'br0', meter);
  const groups = await addLines(peer, groupCommands, entry.groups);
  const flows = await addLines(peer, flowCommands('br0'), entry.flows);
  const taken = new Set(flows);
  // OpenFlow 1.0 takes what 1.5 holds inconsistent: strip_vlan of what may have no tag.
  const refused = entry.flows.filter((line) => !taken.has(line) && /strip_vlan/.test(line));
  const flowsOf10 = await addLines(peer, flowCommands('br0', 'OpenFlow10'), [...refused, ...entry.flowsOf10]);
  const bridgeFlows = {};
  for (const [bridge, lines] of Object.entries(entry.bridgeFlows))
    bridgeFlows[bridge] = await addLines(peer, flowCommands(bridge), lines);
  const fdb = [];
  for (const [port, vlan, mac] of entry.fdb) {
    const added = await peer
      .appctl('fdb/add', 'br0', port, String(vlan), mac)
      .then(() => true, falseWhenRefused);
    if (added) fdb.push([port, vlan, mac]);
  }
  const bridges = parseBridges(await peer.appctl('dpif/show'));
  return { ...entry, topology: { ...entry.topology, bridges }, groups, flows, flowsOf10, bridgeFlows, fdb };
}

/** For catch: false for a refusal, an error for the daemon's death. */
function falseWhenRefused(error) {
  if (error instanceof PeerDied) throw error;
  return false;
}

async function dumpFlows(peer) {
  const text = await peer.run('ovs-ofctl', [
    '-O',
    'OpenFlow15',
    '--no-stats',
    'dump-flows',
    `unix:${peer.folder}/br0.mgmt`,
  ]);
  return text.split('\n').flatMap((line) => (/actions=/.test(line) ? [line.trim()] : []));
}

/**
 * The case with the peer's answers, and how it listed the flows. What it refuses (flows, groups, packets) is left out. Rejects with PeerDied
 * when ovs-vswitchd does not survive it.
 */
export async function askPeer(peer, entry) {
  const taken = await configure(peer, entry);
  // A mirror to a VLAN floods it.
  const floods = taken.topology.vsctl.some((word) => word.startsWith('output_vlan='));
  const traces = [];
  for (const { bridge, flow, options } of entry.traces) {
    const output = await peer.appctl('ofproto/trace', bridge, flow, ...options).catch(falseWhenRefused);
    if (output !== false) traces.push({ bridge, options, flow, ...parseTrace(output, floods), text: output });
  }
  return { ...taken, dumpFlows: await dumpFlows(peer), traces };
}
