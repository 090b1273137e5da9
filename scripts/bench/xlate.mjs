// Nanoseconds a translation takes, and bytes that it allocates: tables with few and many rules, resubmits, conjunctions, NORMAL with learned
// addresses, groups, connection tracking, learn, and the rule of the upcall benchmark. Time of this process alone, so that others on the machine
// count less. Prints one line each: median of the rounds, and their spread. Needs `npm run build:test`.
//   node scripts/bench/xlate.mjs [ROUNDS [NAME]]    NAME: a part of the lines' names
import { F_TP_SRC, FLOW_WORDS } from '../../out/ts/fields/index.js';
import { parseFlow, toRule } from '../../out/ts/openflow/index.js';
import { Translator } from '../../out/ts/xlate/index.js';
import { makeKey, makeSwitch } from '../../out/test/support/xlate.js';

const ROUNDS = Number(process.argv[2] ?? 9);
const ONLY = process.argv[3] ?? '';
const PER_ROUND = 100_000;
const FEW = 1000;
/** Different packets, so that no branch is always taken the same way for want of variety. */
const PACKETS = 64;
const PACKET =
  'udp,in_port=1,dl_src=50:54:00:00:00:01,dl_dst=50:54:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,udp_src=1,udp_dst=9';

function keysOf(packet) {
  const keys = new Int32Array(PACKETS * FLOW_WORDS);
  const key = makeKey(packet);
  for (let i = 0; i < PACKETS; i++) {
    keys.set(key, i * FLOW_WORDS);
    keys[i * FLOW_WORDS + F_TP_SRC] = 1024 + i;
  }
  return keys;
}

/** Bytes of the heap that one translation takes: few at a time, so that no collection comes between. */
function allocated(translate) {
  const attempts = Array.from({ length: 7 }, () => {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < FEW; i++) translate(i);
    return (process.memoryUsage().heapUsed - before) / FEW;
  }).filter((bytes) => bytes >= 0);
  return Math.round(Math.min(...attempts));
}

function measure(name, describe) {
  if (!name.includes(ONLY)) return;
  const setup = typeof describe === 'function' ? describe() : describe;
  const { snapshot } = makeSwitch({ ports: [{ ofport: 1 }, { ofport: 2 }], ...setup });
  const keys = keysOf(PACKET);
  const translator = new Translator();
  const times = [];
  const translate = (i) => translator.translate(snapshot, keys, (i % PACKETS) * FLOW_WORDS);
  let bytes = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const start = process.cpuUsage();
    for (let i = 0; i < PER_ROUND; i++) {
      bytes += translate(i).actionsLength;
    }
    // The first round is the compiler's.
    if (round > 0) times.push((process.cpuUsage(start).user * 1000) / PER_ROUND);
  }
  if (bytes === 0) throw new Error(`${name}: nothing was output, so nothing was measured`);
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1].toFixed(0);
  const spread = `${times[0].toFixed(0)} to ${times.at(-1).toFixed(0)}`;
  console.log(`${name}: ${median} ns per translation (${spread}), ${allocated(translate)} bytes allocated`);
}

const hex = (number) => (number & 255).toString(16).padStart(2, '0');
/** Rules of an access list in rotation of masks; none but the last matches the packet. */
const MASKS = [
  (i) => `ip,nw_dst=10.${1 + ((i >> 8) & 63)}.${i & 255}.0/24 actions=drop`,
  (i) => `tcp,nw_dst=10.0.${i & 255}.7,tp_dst=${1024 + (i & 0x7fff)} actions=drop`,
  (i) => `in_port=9,dl_dst=50:54:${hex(i >> 16)}:${hex(i >> 8)}:${hex(i)}:07 actions=drop`,
  (i) => `udp,nw_src=172.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255},tp_dst=53 actions=drop`,
  (i) => `ipv6,ipv6_dst=fd00:${(i & 0xffff).toString(16)}::/48 actions=drop`,
];

function accessList(count) {
  const rules = [toRule(parseFlow('priority=0 actions=output:2'))];
  for (let i = 1; i < count; i++) {
    rules.push(toRule(parseFlow(`priority=${1 + (i % 1000)},${MASKS[i % MASKS.length](i)}`)));
  }
  return rules;
}

measure('one table', { flows: ['udp,nw_dst=10.0.0.0/24 actions=output:2', 'arp actions=output:1'] });
measure('ten tables with resubmit', {
  flows: [
    ...Array.from({ length: 9 }, (_, i) => `table=${i},ip actions=set_field:${i}->reg0,resubmit(,${i + 1})`),
    'table=9,udp actions=output:2',
  ],
});
measure('10,000 rules', () => ({ rules: accessList(10_000) }));
measure('100,000 rules', () => ({ rules: accessList(100_000) }));
measure('NORMAL', {
  flows: ['actions=NORMAL'],
  fdb: [
    [1, 0, 0x5054, 1],
    [2, 0, 0x5054, 2],
  ],
});
measure('multipath', {
  flows: [
    'udp,in_port=1 actions=multipath(symmetric_l3l4+udp,0,modulo_n,1024,0,NXM_NX_REG0[0..15]),output:2',
  ],
});
measure('conjunction', {
  flows: [
    'conj_id=1,ip actions=output:2',
    ...[1, 2, 3, 4].map((i) => `udp,nw_src=10.0.0.${i} actions=conjunction(1,1/2)`),
    ...[7, 8, 9].map((port) => `udp,udp_dst=${port} actions=conjunction(1,2/2)`),
  ],
});
measure('group, hash in userspace', {
  flows: ['udp,in_port=1 actions=group:1'],
  groups: ['group_id=1,type=select,selection_method=hash,fields(udp_src),bucket=output:2,bucket=output:2'],
});
measure('group, hash in the datapath', {
  flows: ['udp,in_port=1 actions=group:1'],
  groups: ['group_id=1,type=select,bucket=output:2,bucket=output:2'],
});
measure('ct with a table', { flows: ['udp,in_port=1 actions=ct(table=1)', 'table=1 actions=output:2'] });
measure('set fields', { flows: ['udp actions=mod_dl_src:00:01:02:03:04:05,mod_nw_tos:8,dec_ttl,output:2'] });
measure('learn', {
  flows: ['udp actions=learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),output:2'],
});
