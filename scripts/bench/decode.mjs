// npm run bench -- decode: what decoding one upcall and one key costs, natively (compiled as the addon is) and through the
// addon, with allocations. Processor time, the fifth percentile of many rounds.
import { mkdirSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustRun } from '../test/process.mjs';
import { cache, root } from '../test/root.mjs';

// binding.gyp's flags, as node-gyp completes them.
const FLAGS = [
  ...['-std=c++20', '-O2', '-fno-exceptions', '-fno-rtti', '-fPIC', '-fvisibility=hidden'],
  ...['-fno-omit-frame-pointer', '-pthread', '-D_GNU_SOURCE'],
];
/** Debian's ovs-vswitchd 3.1 natively: parse, key to flow, and the extraction that it does again. */
const PEER_NS = 184;

async function measureNatively() {
  const program = join(cache, 'bin', 'decode');
  mkdirSync(join(cache, 'bin'), { recursive: true });
  const wire = join(root, 'native', 'wire');
  const sources = readdirSync(wire).filter((file) => file.endsWith('.cc'));
  const bench = fileURLToPath(new URL('native/decode.cc', import.meta.url));
  const include = `-I${join(root, 'native')}`;
  const args = [...FLAGS, include, '-o', program, bench, ...sources.map((file) => join(wire, file))];
  await mustRun('g++', args, { timeoutMs: 300_000 });
  return JSON.parse(await mustRun(program, ['30000'], { timeoutMs: 300_000 }));
}

/** One call of decodeKey from JavaScript: ns, and bytes of JavaScript memory. */
function measureAddon(key) {
  const addon = createRequire(import.meta.url)(join(root, 'build', 'Release', 'slowpath.node'));
  const bytes = Uint8Array.from(Buffer.from(key, 'hex'));
  const row = new Int32Array(addon.FLOW_WORDS);
  const calls = 64;
  const times = [];
  let used = 0;
  for (let round = 0; round < 4000; round++) {
    const before = process.memoryUsage.rss === undefined || round % 100 !== 99 ? null : process.memoryUsage();
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) addon.decodeKey(bytes, row, 0);
    times.push(Number(process.hrtime.bigint() - start) / calls);
    if (before === null) continue;
    const after = process.memoryUsage();
    // A round in which garbage was collected says nothing.
    const grown = after.heapUsed + after.external - before.heapUsed - before.external;
    used = Math.max(used, grown);
  }
  times.sort((a, b) => a - b);
  return { ns: times[Math.floor(times.length / 20)], bytes: used / calls };
}

function line(name, ns, allocations) {
  console.log(`  ${name.padEnd(52)} ${ns.toFixed(1).padStart(7)} ${String(allocations).padStart(12)}`);
}

export async function decode() {
  const native = await measureNatively();
  console.log(`a miss of UDP over IPv4, ${native.datagramBytes} bytes, its key ${native.keyBytes}:`);
  console.log(`  ${''.padEnd(52)} ${'ns'.padStart(7)} ${'allocations'.padStart(12)}`);
  line('upcall: message, key, flow id', native.upcall.ns, native.upcall.allocations);
  line('  key attributes to flow key', native.key.ns, native.key.allocations);
  line('  flow id', native.id.ns, native.id.allocations);
  line('any other key (conntrack, tunnel, tags): long way', native.anyKey.ns, native.anyKey.allocations);
  line('frame to flow key, as the datapath does', native.extract.ns, native.extract.allocations);
  const addon = measureAddon(native.key_hex);
  console.log(
    `decodeKey called from JavaScript: ${addon.ns.toFixed(0)} ns, ${Math.round(addon.bytes)} bytes of heap`,
  );
  console.log(`(ovs-vswitchd 3.1: ${PEER_NS} ns for parse, key to flow and extraction of one upcall)`);
}
