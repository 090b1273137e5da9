// npm run bench -- NAME [--lane native|kernel] [--flows N] [--rounds N]: upcall, forward and revalidate are measured beside the peer, and print the ratio;
// classifier, decode and translate are figures of our own. Needs the package built: npm run build, for xlate npm run build:test.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { decode } from './decode.mjs';
import { forward } from './forward.mjs';
import { revalidate } from './revalidate.mjs';
import { stages } from './stages.mjs';
import { upcall } from './upcall.mjs';

/** A bench that is a program of its own. */
const program = (file) => async () => {
  const script = fileURLToPath(new URL(file, import.meta.url));
  process.exitCode = spawnSync(process.execPath, [script], { stdio: 'inherit' }).status ?? 1;
};

const benches = {
  decode,
  stages,
  upcall,
  forward,
  revalidate,
  classifier: program('classifier.mjs'),
  xlate: program('xlate.mjs'),
  policy: program('policy.mjs'),
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    lane: { type: 'string' },
    flows: { type: 'string', default: '0' },
    rounds: { type: 'string', default: '0' },
    'node-args': { type: 'string', default: '' },
  },
});
const [name] = positionals;
if (positionals.length !== 1 || !(name in benches)) {
  console.error(`bench: name one of: ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}
await benches[name]({
  only: values.lane,
  nodeArgs: values['node-args'].split(' ').filter(Boolean),
  flows: Number(values.flows),
  rounds: Number(values.rounds),
});
