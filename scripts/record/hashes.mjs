// Records what real Open vSwitch 3.1 chooses by hash, for many packets: buckets of select groups, links of multipath and bundle, hashes of bonds.
// test/fixtures/hashes-ovs310.jsonl.gz: cases as in xlate-dev.jsonl.gz, with only what the choice shows in; the last line has `bondHashes`, each
// [mac, vlan, basis, hash]. Usage: node scripts/record/hashes.mjs
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Peer } from '../oracle/peer/daemons.mjs';
import { askPeer } from '../oracle/peer/setup.mjs';
import { Random } from '../oracle/random.mjs';
import { ensureOvs } from '../test/ovs.mjs';
import { root } from '../test/root.mjs';

const fixture = join(root, 'test', 'fixtures', 'hashes-ovs310.jsonl.gz');
const random = new Random(310);
const PACKETS = 12;
const BOND_HASHES = 200;
const PORTS = Array.from({ length: 12 }, (_, i) => i + 1);

const hex = (bits) => `0x${random.below(2 ** bits).toString(16)}`;
const mac = (first) =>
  [first, ...[1, 2, 3, 4, 5].map(() => random.below(256).toString(16).padStart(2, '0'))].join(':');
const ipv4 = () => [10, random.below(256), random.below(256), random.below(256)].join('.');
const ipv6 = () => `fd00:${[1, 2, 3, 4, 5, 6, 7].map(() => random.below(65536).toString(16)).join(':')}`;
const port = () => random.below(65536);

const KINDS = {
  tcp: () => `tcp,nw_src=${ipv4()},nw_dst=${ipv4()},tcp_src=${port()},tcp_dst=${port()}`,
  udp: () => `udp,nw_src=${ipv4()},nw_dst=${ipv4()},udp_src=${port()},udp_dst=${port()}`,
  sctp: () => `sctp,nw_src=${ipv4()},nw_dst=${ipv4()},sctp_src=${port()},sctp_dst=${port()}`,
  icmp: () => `icmp,nw_src=${ipv4()},nw_dst=${ipv4()},icmp_type=8,icmp_code=0`,
  fragment: () => `udp,nw_src=${ipv4()},nw_dst=${ipv4()},nw_frag=later`,
  tcp6: () => `tcp6,ipv6_src=${ipv6()},ipv6_dst=${ipv6()},tcp_src=${port()},tcp_dst=${port()}`,
  udp6: () => `udp6,ipv6_src=${ipv6()},ipv6_dst=${ipv6()},udp_src=${port()},udp_dst=${port()}`,
  arp: () => `arp,arp_spa=${ipv4()},arp_tpa=${ipv4()},arp_op=1`,
  other: () => `dl_type=0x${(0x1000 + random.below(0x700)).toString(16)}`,
  mpls: () => `mpls,mpls_label=${random.below(2 ** 20)},mpls_bos=1`,
};

/** A packet, every third one of them in a VLAN. */
function packet(extra = '') {
  const kind = random.pick(Object.keys(KINDS));
  const tag =
    random.below(3) === 0 ? `,dl_vlan=${1 + random.below(4094)},dl_vlan_pcp=${random.below(8)}` : '';
  return `in_port=1,${KINDS[kind]()},dl_src=${mac('02')},dl_dst=${mac('06')}${tag}${extra}`;
}

function make(id, given, extra) {
  const ports = PORTS.map(
    (n) => `-- add-port br0 p${n} -- set Interface p${n} type=dummy ofport_request=${n}`,
  ).join(' ');
  return {
    id,
    features: ['hashes'],
    topology: {
      name: 'plain',
      vsctl: `add-br br0 -- set bridge br0 datapath-type=dummy fail-mode=secure ${ports}`.split(' '),
      appctl: [],
    },
    meters: [],
    groups: [],
    flowsOf10: [],
    bridgeFlows: {},
    fdb: [],
    ...given,
    traces: Array.from({ length: PACKETS }, () => ({
      bridge: 'br0',
      flow: packet(extra?.()),
      options: [],
    })),
  };
}

const buckets = (weights) =>
  weights.map((weight, i) => `bucket=weight:${weight},actions=output:${i + 2}`).join(',');
const WEIGHTS = [
  [1, 1],
  [1, 2, 3],
  [100, 100, 100, 100, 100],
  [5, 0, 1, 7, 7, 30, 2],
  [1, 65535],
];
const FIELDS = [
  '',
  ',fields=eth_src',
  ',fields(eth_src,eth_dst,eth_type)',
  ',fields(ip_src,ip_dst)',
  ',fields(ip_src=255.255.240.0,ip_dst=0.0.0.255)',
  ',fields(ip_src,ip_dst,ip_proto,tcp_src,tcp_dst)',
  ',fields(udp_dst,ip_proto)',
  ',fields(ipv6_src,ipv6_dst,tcp_src=0xff00)',
  ',fields(vlan_vid,eth_dst=00:00:00:00:ff:ff)',
  ',fields(in_port,reg0,metadata,arp_spa)',
];

function groupCases() {
  const flows = ['actions=group:1'];
  const group = (method, weights) => [`group_id=1,type=select${method},${buckets(weights)}`];
  const hashed = FIELDS.flatMap((fields, i) =>
    [0, 7 + i].map((basis, j) =>
      make(`group-hash-${i}-${j}`, {
        flows,
        groups: group(
          `,selection_method=hash${basis === 0 ? '' : `,selection_method_param=${basis}`}${fields}`,
          WEIGHTS[(i + j) % WEIGHTS.length],
        ),
      }),
    ),
  );
  // The datapath has hashed the packet already.
  const dpHash = () => `,dp_hash=${hex(32)}`;
  const byDatapath = WEIGHTS.flatMap((weights, i) => [
    make(`group-default-${i}`, { flows, groups: group('', weights) }, dpHash),
    make(`group-dp_hash-${i}`, { flows, groups: group(',selection_method=dp_hash', weights) }, dpHash),
    make(
      `group-dp_hash-basis-${i}`,
      { flows, groups: group(`,selection_method=dp_hash,selection_method_param=${i + 3}`, weights) },
      dpHash,
    ),
  ]);
  return [...hashed, ...byDatapath];
}

const HASHED_FIELDS = [
  'eth_src',
  'symmetric_l4',
  'symmetric_l3l4',
  'symmetric_l3l4+udp',
  'nw_src',
  'nw_dst',
  'symmetric_l3',
];
const ALGORITHMS = ['modulo_n', 'hash_threshold', 'hrw', 'iter_hash'];

function linkCases() {
  const multipath = HASHED_FIELDS.flatMap((fields, i) =>
    ALGORITHMS.map((algorithm, j) =>
      make(`multipath-${fields}-${algorithm}`, {
        flows: [
          `actions=multipath(${fields},${(i * 50) % 200},${algorithm},${[2, 5, 16, 100][(i + j) % 4]},${j},NXM_NX_REG0[0..15]),` +
            `multipath(${fields},1,${algorithm},7,3,NXM_NX_REG0[16..31]),output:2`,
        ],
      }),
    ),
  );
  const bundle = HASHED_FIELDS.flatMap((fields, i) =>
    ['hrw', 'active_backup'].map((algorithm) =>
      make(`bundle-${fields}-${algorithm}`, {
        flows: [
          `actions=bundle(${fields},${i * 3},${algorithm},ofport,members:2,3,4,5,6,7),` +
            `bundle_load(${fields},${i},${algorithm},ofport,NXM_NX_REG1[],members:2,3,99,5),output:8`,
        ],
      }),
    ),
  );
  return [...multipath, ...bundle];
}

function shorten({ id, features, topology, meters, groups, flows, flowsOf10, bridgeFlows, fdb, traces }) {
  const kept = traces.map(({ bridge, flow, options, datapathActions, megaflow, slow, steps }) => ({
    bridge,
    flow,
    options,
    datapathActions,
    megaflow,
    ...(slow === undefined ? {} : { slow }),
    steps,
  }));
  return { id, features, topology, meters, groups, flows, flowsOf10, bridgeFlows, fdb, traces: kept };
}

const peer = new Peer(await ensureOvs());
const lines = [];
try {
  await peer.start();
  for (const entry of [...groupCases(), ...linkCases()]) {
    const taken = await askPeer(peer, entry);
    if (taken.flows.length !== entry.flows.length || taken.groups.length !== entry.groups.length)
      throw new Error(`${entry.id} is refused`);
    lines.push(shorten(taken));
  }
  const bondHashes = [];
  for (let i = 0; i < BOND_HASHES; i++) {
    const question = [
      mac('02'),
      i % 3 === 0 ? 0 : random.below(4095),
      i % 2 === 0 ? 0 : random.below(2 ** 31),
    ];
    bondHashes.push([...question, Number(await peer.appctl('bond/hash', ...question.map(String)))]);
  }
  lines.push({ bondHashes });
} finally {
  await peer.stop();
}
writeFileSync(fixture, gzipSync(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), { level: 9 }));
console.log(`${(lines.length - 1) * PACKETS} choices, ${BOND_HASHES} hashes of bonds in ${fixture}`);
