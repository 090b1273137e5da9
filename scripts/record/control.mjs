// Records what the commands of Debian's ovs-vswitchd and ovs-ofctl print that `slowpath ctl` has too, on its dummy datapath:
// test/fixtures/control-texts-ovs310.json.gz. Durations and ages are left out, as `T`. Usage: node scripts/record/control.mjs
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Peer } from '../oracle/peer/daemons.mjs';
import { ensureOvs } from '../test/ovs.mjs';
import { root } from '../test/root.mjs';
import { COMMAND_LINES, FLOW_SETS, FRAMES, GROUPS, LACP, LACP_COMMANDS, TUNNELS } from './control-cases.mjs';

const fixture = join(root, 'test', 'fixtures', 'control-texts-ovs310.json.gz');
const DATAPATH = 'dummy@ovs-dummy';
const FRAME = `${'aa55aa550001aa55aa5500021234'}${'00'.repeat(50)}`;
const port = (name, ofport) =>
  `-- add-port br0 ${name} -- set interface ${name} type=dummy ofport_request=${ofport}`;
const BRIDGE = `add-br br0 -- set bridge br0 datapath_type=dummy fail-mode=secure ${[1, 2, 3, 4]
  .map((i) => port(`p${i}`, i))
  .join(' ')}`.split(' ');

/** Without what time makes different, and the header, which names a message. */
function rules(text) {
  return text
    .trimEnd()
    .split('\n')
    .filter((line) => line.startsWith(' '))
    .map((line) => line.replace(/(duration|idle_age|hard_age)=[\d.]+/g, '$1=T'))
    .sort();
}

async function recordFlows(peer, { version, flows, asked }) {
  await peer.start();
  await peer.vsctl(BRIDGE);
  for (const group of GROUPS) await peer.ofctl('OpenFlow15', 'add-group', 'br0', group);
  await peer.ofctl('OpenFlow15', 'add-meter', 'br0', 'meter=1,kbps,band=type=drop,rate=100000');
  const target = `unix:${peer.folder}/br0.mgmt`;
  await peer.run('ovs-ofctl', ['-O', version, 'add-flows', target, '-'], flows.join('\n'));
  // A flow that was modified later tells hard_age.
  await sleep(1100);
  await peer.ofctl(version, 'mod-flows', 'br0', 'table=21 actions=output:4');
  const dumps = [];
  for (const [options, match] of asked) {
    const text = await peer.run('ovs-ofctl', [
      ...options,
      'dump-flows',
      target,
      ...(match === '' ? [] : [match]),
    ]);
    dumps.push({ options, match, lines: rules(text) });
  }
  return { version, flows, dumps };
}

/** What the daemon said of a command: without the command's name, which `ask` puts before it, and without its own. */
const textOf = ({ message }, [command]) =>
  message
    .slice(command.length + 2)
    .trimEnd()
    .replaceAll('ovs-vswitchd: ', '');

/** What commands say, or refuse to do; of dumps of flows, of which there are none, only that they are taken. */
async function recordCommands(peer) {
  const said = [];
  for (const words of COMMAND_LINES) {
    const named = words.map((word) => (word === 'DP' ? DATAPATH : word));
    const entry = await peer.appctl(...named).then(
      () => ({ words }),
      (error) => ({ words, error: textOf(error, words) }),
    );
    said.push(entry);
  }
  return said;
}

/** The lines of dpctl/show about tunnels, and about bytes. */
async function recordShow(peer) {
  await peer.start();
  await peer.vsctl(BRIDGE);
  for (const [i, [type, ...options]] of TUNNELS.entries()) {
    const words = ['add-port', 'br0', `t${i}`, '--', 'set', 'interface', `t${i}`, `type=${type}`];
    await peer.vsctl([...words, 'options:remote_ip=10.0.0.1', ...options]);
  }
  for (const [name, count] of Object.entries(FRAMES))
    for (let i = 0; i < count; i++) await peer.appctl('netdev-dummy/receive', name, FRAME);
  await sleep(500);
  const said = await recordCommands(peer);
  const lines = (await peer.appctl('dpctl/show', '-s')).split('\n');
  return {
    said,
    tunnels: lines
      .filter((line) => /^ {2}port \d+: \S+_sys/.test(line))
      .map((line) => line.replace(/^ {2}port \d+: /, '')),
    bytes: Object.keys(FRAMES).map((name) => {
      const at = lines.findIndex((line) => new RegExp(`^  port \\d+: ${name} `).test(line));
      return lines.slice(at + 1).find((line) => line.startsWith('    RX bytes'));
    }),
  };
}

async function recordLacp(peer) {
  await peer.start();
  await peer.vsctl(LACP);
  // Until it is sure that nobody answers.
  await sleep(5000);
  const answers = {};
  for (const line of LACP_COMMANDS) {
    answers[line] = (await peer.appctl(...line.split(' '))).trimEnd().replace(/(TX PDUs): \d+/g, '$1: N');
  }
  return { vsctl: LACP, answers };
}

const peer = new Peer(await ensureOvs());
try {
  const flowSets = [];
  for (const set of FLOW_SETS) flowSets.push(await recordFlows(peer, set));
  const recording = {
    vsctl: BRIDGE,
    groups: GROUPS,
    flowSets,
    ...(await recordShow(peer)),
    lacp: await recordLacp(peer),
  };
  writeFileSync(fixture, gzipSync(JSON.stringify(recording), { level: 9 }));
  const texts = flowSets.reduce((sum, { dumps }) => sum + dumps.length, 0) + recording.said.length;
  console.log(`${texts} texts in ${fixture}`);
} finally {
  await peer.stop();
}
