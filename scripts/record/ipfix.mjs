// Records what Debian's ovs-vswitchd exports by IPFIX, on its dummy datapath: which frames went in, where they were sampled, and the messages and
// statistics that came of it. Writes test/fixtures/ipfix-ovs310.json.gz. `npm run build:test` must have run.
// Usage: node scripts/record/ipfix.mjs
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { setTimeout as sleep } from 'node:timers/promises';
import { Peer } from '../oracle/peer/daemons.mjs';
import { ensureOvs } from '../test/ovs.mjs';
import { root } from '../test/root.mjs';

const { ipfixFrames } = await import(join(root, 'out/test/support/ipfix-frames.js'));
const fixture = join(root, 'test', 'fixtures', 'ipfix-ovs310.json.gz');
/** The daemon does not look through two tags, and counts the inner one as part of the IP packet when it is told to. */
const ALL_FRAMES = Object.keys(ipfixFrames()).filter(
  (name) => !name.startsWith('in ') && name !== 'two tags',
);
const BRIDGE =
  'add-br br0 -- set bridge br0 datapath_type=dummy fail-mode=secure ' +
  '-- add-port br0 p1 -- set interface p1 type=dummy ofport_request=1 ' +
  '-- add-port br0 p2 -- set interface p2 type=dummy ofport_request=2';
const ofBridge = (columns) =>
  `${BRIDGE} -- set bridge br0 ipfix=@i -- --id=@i create ipfix targets="TARGET" sampling=1 ${columns}`;
const ofSet = (id, columns = '') =>
  `-- --id=@b get bridge br0 -- create Flow_Sample_Collector_Set id=${id} bridge=@b ipfix=@i -- --id=@i create ipfix targets="TARGET" ${columns}`;
/** A second bridge, with the tunnels that come in at br0; what they carry leaves by i1. */
const TUNNELS = [
  'add-br br0 -- set bridge br0 datapath_type=dummy fail-mode=secure other_config:hwaddr=aa:55:aa:55:00:00',
  'add-port br0 p1 -- set interface p1 type=dummy ofport_request=1',
  'add-br br1 -- set bridge br1 datapath_type=dummy fail-mode=secure',
  'add-port br1 i1 -- set interface i1 type=dummy ofport_request=1',
  ...['vxlan', 'gre', 'geneve'].map(
    (type, i) =>
      `add-port br1 t-${type} -- set interface t-${type} type=${type} ofport_request=${i + 2} ` +
      'options:remote_ip=flow options:key=flow',
  ),
  'set bridge br1 ipfix=@i -- --id=@i create ipfix targets="TARGET" sampling=1 obs_domain_id=17 obs_point_id=23',
];
const TUNNEL_FRAMES = ['in vxlan', 'in gre', 'in geneve'];
const sampleFlow = (words) => `actions=sample(probability=65535,${words}),output:2`;
const at = (frame, seen) => ({
  frame,
  domain: 17,
  point: 23,
  input: 'p1',
  output: '',
  direction: 0,
  ...seen,
});
/** In at p1 and out at p2. */
const inAndOut = (frame) => [at(frame, {}), at(frame, { output: 'p2', direction: 1 })];

/** `samples` are what the frames lead to, in order. Flows are put without wildcards, so that the daemon finds each sample's actions. */
const SCENARIOS = [
  {
    name: 'bridge',
    vsctl: [ofBridge('obs_domain_id=17 obs_point_id=23')],
    flows: ['actions=output:2'],
    frames: ALL_FRAMES,
    samples: ALL_FRAMES.flatMap(inAndOut),
  },
  {
    name: 'dropped',
    vsctl: [ofBridge('obs_domain_id=17 obs_point_id=23')],
    flows: ['actions=drop'],
    frames: ['udp', 'tcp', 'arp', 'udp'],
    samples: ['udp', 'tcp', 'arp', 'udp'].map((frame) => at(frame, { dropped: true })),
  },
  {
    name: 'virtual observation id',
    settings: { virtualId: 'somewhere' },
    vsctl: [ofBridge('obs_domain_id=17 obs_point_id=23 other_config:virtual_obs_id=somewhere')],
    flows: ['actions=output:2'],
    frames: ['udp', 'vlan', 'tcp6', 'arp'],
    samples: ['udp', 'vlan', 'tcp6', 'arp'].flatMap(inAndOut),
  },
  {
    name: 'cache',
    settings: { timeout: 4000, limit: 3 },
    vsctl: [ofBridge('obs_domain_id=17 obs_point_id=23 cache_active_timeout=4000 cache_max_flows=3')],
    flows: ['actions=output:2'],
    frames: ['udp', 'udp', 'tcp', 'udp long', 'arp', 'arp', 'multicast', 'multicast', 'tcp'],
    samples: ['udp', 'udp', 'tcp', 'udp long', 'arp', 'arp', 'multicast', 'multicast', 'tcp'].flatMap(
      inAndOut,
    ),
    flush: 'clear bridge br0 ipfix',
  },
  {
    name: 'tunnels',
    bridge: 'br1',
    vsctl: TUNNELS,
    appctl: [
      ['netdev-dummy/ip4addr', 'br0', '1.1.2.88/24'],
      ['ovs/route/add', '1.1.2.0/24', 'br0'],
      ['tnl/arp/set', 'br0', '1.1.2.92', 'f8:bc:12:44:34:b6'],
    ],
    flows: ['actions=output:1'],
    frames: TUNNEL_FRAMES,
    samples: TUNNEL_FRAMES.flatMap((frame) => {
      const input = frame.replace('in ', 't-');
      return [at(frame, { input, tunnelled: true }), at(frame, { input, output: 'i1', direction: 1 })];
    }),
  },
  ...[
    ['', {}],
    [',sampling_port=1', {}],
    [',sampling_port=2', { output: 'p2', direction: 1 }],
    [',sampling_port=2,ingress', {}],
    [',sampling_port=1,egress', { direction: 1 }],
    [',egress', { direction: 1 }],
  ].map(([words, seen]) => ({
    name: `flow sample${words}`,
    vsctl: [BRIDGE, ofSet(1, 'obs_domain_id=99')],
    flows: [sampleFlow(`collector_set_id=1,obs_domain_id=5,obs_point_id=6${words}`)],
    frames: ['udp', 'tcp6'],
    samples: ['udp', 'tcp6'].map((frame) => at(frame, { domain: 5, point: 6, ...seen })),
  })),
];

class Recorder {
  #peer;
  #socket = createSocket('udp4');
  #datagrams = [];

  constructor(peer) {
    this.#peer = peer;
    this.#socket.on('message', (message) => this.#datagrams.push(message.toString('hex')));
  }

  async start() {
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
  }

  async record({ bridge = 'br0', vsctl, appctl = [], flows, frames, ...scenario }) {
    const peer = this.#peer;
    const { port } = this.#socket.address();
    await peer.start();
    this.#datagrams = [];
    const bytes = ipfixFrames();
    for (const line of vsctl)
      await peer.vsctl(line.replaceAll('TARGET', `127.0.0.1:${port}`).split(' ').filter(Boolean));
    await peer.appctl('upcall/disable-megaflows');
    for (const words of appctl) await peer.appctl(...words);
    if (bridge !== 'br0') await peer.ofctl('OpenFlow15', 'add-flow', 'br0', 'actions=normal');
    for (const flow of flows) await peer.ofctl('OpenFlow15', 'add-flow', bridge, flow);
    for (const frame of frames) {
      await peer.appctl('netdev-dummy/receive', 'p1', Buffer.from(bytes[frame]).toString('hex'));
      // One flow at a time, in order, whichever thread handles it.
      await sleep(100);
    }
    const kind = scenario.samples[0].domain === 5 ? 'flow' : 'bridge';
    await sleep(300);
    const statistics = await peer.run('ovs-ofctl', [
      `dump-ipfix-${kind}`,
      `unix:${peer.folder}/${bridge}.mgmt`,
    ]);
    if (scenario.flush !== undefined) {
      await peer.vsctl(scenario.flush.split(' '));
      await sleep(500);
    }
    return { settings: {}, ...scenario, statistics, datagrams: this.#datagrams };
  }

  close() {
    this.#socket.close();
  }
}

const peer = new Peer(await ensureOvs());
const recorder = new Recorder(peer);
try {
  await recorder.start();
  const recorded = [];
  for (const scenario of SCENARIOS) recorded.push(await recorder.record(scenario));
  writeFileSync(fixture, gzipSync(JSON.stringify(recorded), { level: 9 }));
  console.log(recorded.map(({ name, datagrams }) => `${name}: ${datagrams.length} messages`).join('\n'));
} finally {
  recorder.close();
  await peer.stop();
}
