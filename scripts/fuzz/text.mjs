// Fuzzes one target of test/fuzz/targets.ts: node scripts/fuzz/text.mjs TARGET SECONDS FINDS-FOLDER SEED-FOLDER...
// Prints one JSON line. The target runs in a worker; this thread sees to it that no input takes longer than 10 s. Feedback is
// coarse: an input whose message or printed text has a new shape joins the seeds.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { root } from '../test/root.mjs';

const HANG_MS = 10_000;
const MOST_INPUT = 4096;
const MOST_SEEDS = 5000;
const MOST_FINDS = 5;

/** In shared memory: executions so far, seeds, length of the input being run; then the input. */
const HEADER_WORDS = 3;

async function work({ name, folders, finds, shared, seed }) {
  const { targets } = await import(join(root, 'out', 'test', 'fuzz', 'targets.js'));
  const { Random } = await import(join(root, 'out', 'test', 'fuzz', 'mutate.js'));
  const target = targets[name];
  const header = new Int32Array(shared, 0, HEADER_WORDS);
  const current = new Uint8Array(shared, HEADER_WORDS * 4);
  const random = new Random(seed);
  const seeds = folders.flatMap((dir) =>
    existsSync(dir) ? readdirSync(dir).map((file) => readFileSync(join(dir, file))) : [],
  );
  const shapes = new Set();
  const found = new Set();
  const execute = (input) => {
    current.set(input.subarray(0, MOST_INPUT));
    Atomics.store(header, 2, Math.min(input.length, MOST_INPUT));
    try {
      const shape = target.run(input);
      if (!shapes.has(shape) && seeds.length < MOST_SEEDS) {
        shapes.add(shape);
        return true;
      }
    } catch (error) {
      // One of each kind: the place it was thrown at.
      const place = String(error.stack).split('\n    at ').slice(1, 3).join(' ');
      if (!found.has(place) && found.size < MOST_FINDS) {
        found.add(place);
        const file = join(finds, `crash-${createHash('sha1').update(input).digest('hex').slice(0, 12)}`);
        writeFileSync(file, input);
        console.error(`${name}: ${file}: ${error.stack}`);
      }
    } finally {
      Atomics.add(header, 0, 1);
    }
    return false;
  };
  for (const input of [...seeds]) execute(input);
  for (;;) {
    const input = target.mutate(random.pick(seeds), random, seeds);
    if (execute(input)) seeds.push(input);
    Atomics.store(header, 1, seeds.length);
  }
}

async function watch([name, seconds, finds, ...folders]) {
  const before = new Set(readdirSync(finds));
  const shared = new SharedArrayBuffer(HEADER_WORDS * 4 + MOST_INPUT);
  const header = new Int32Array(shared, 0, HEADER_WORDS);
  const seed = Date.now() | 0;
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: { name, folders, finds, shared, seed },
  });
  let failure = null;
  worker.on('error', (error) => {
    failure = error;
  });
  const end = Date.now() + Number(seconds) * 1000;
  let last = { count: -1, at: Date.now() };
  while (Date.now() < end && failure === null) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(500, end - Date.now())));
    const count = Atomics.load(header, 0);
    if (count !== last.count) last = { count, at: Date.now() };
    // Loading the modules takes a while on a busy machine.
    if (Date.now() - last.at < (count <= 0 ? 6 : 1) * HANG_MS) continue;
    const length = Atomics.load(header, 2);
    const input = Buffer.from(new Uint8Array(shared, HEADER_WORDS * 4, length));
    writeFileSync(join(finds, `hang-${createHash('sha1').update(input).digest('hex').slice(0, 12)}`), input);
    break;
  }
  await worker.terminate();
  if (failure !== null) throw failure;
  const kept = readdirSync(finds).filter((file) => !before.has(file));
  const executions = Atomics.load(header, 0) >>> 0;
  const rate = Math.round(executions / Number(seconds));
  console.log(JSON.stringify({ executions, rate, corpus: Atomics.load(header, 1), finds: kept }));
}

if (isMainThread) await watch(process.argv.slice(2));
else await work(workerData);
