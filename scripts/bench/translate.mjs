// Nanoseconds a translation takes, for the rule of the upcall benchmark and for NORMAL with learned addresses. Prints one
// line each: median of the rounds, and their spread. Needs `npm run build:test`.
import { makeKey, makeSwitch } from '../../out/test/support/xlate.js';
import { Translator } from '../../out/ts/xlate/index.js';
import { F_TP_SRC, FLOW_WORDS } from '../../out/ts/fields/index.js';

const ROUNDS = Number(process.argv[2] ?? 9);
const PER_ROUND = 200_000;
/** Different packets, so that no branch is always taken the same way for want of variety. */
const PACKETS = 64;

function keysOf(packet) {
  const keys = new Int32Array(PACKETS * FLOW_WORDS);
  const key = makeKey(packet);
  for (let i = 0; i < PACKETS; i++) {
    keys.set(key, i * FLOW_WORDS);
    keys[i * FLOW_WORDS + F_TP_SRC] = 1024 + i;
  }
  return keys;
}

function measure(name, flows, fdb) {
  const { snapshot } = makeSwitch({ ports: [{ ofport: 1 }, { ofport: 2 }], flows, fdb });
  const packet =
    'udp,in_port=1,dl_src=50:54:00:00:00:01,dl_dst=50:54:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,udp_src=1,udp_dst=9';
  const keys = keysOf(packet);
  const translator = new Translator();
  const times = [];
  let bytes = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < PER_ROUND; i++) {
      bytes += translator.translate(snapshot, keys, (i % PACKETS) * FLOW_WORDS).actionsLength;
    }
    // The first round is the compiler's.
    if (round > 0) times.push(Number(process.hrtime.bigint() - start) / PER_ROUND);
  }
  if (bytes === 0) throw new Error(`${name}: nothing was output, so nothing was measured`);
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1].toFixed(0);
  console.log(`${name}: ${median} ns per translation (${times[0].toFixed(0)} to ${times.at(-1).toFixed(0)})`);
}

measure('multipath', [
  'udp,in_port=1 actions=multipath(symmetric_l3l4+udp,0,modulo_n,1024,0,NXM_NX_REG0[0..15]),output:2',
]);
measure(
  'NORMAL',
  ['actions=NORMAL'],
  [
    [1, 0, 0x5054, 1],
    [2, 0, 0x5054, 2],
  ],
);
