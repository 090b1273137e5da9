// npm run bench -- NAME [--lane native|kernel]: benchmarks beside the peer. Each prints what it measured and the ratio.
import { parseArgs } from 'node:util';
import { upcall } from './upcall.mjs';

const benches = { upcall };

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { lane: { type: 'string' }, 'node-args': { type: 'string', default: '' } },
});
const [name] = positionals;
if (positionals.length !== 1 || !(name in benches)) {
  console.error(`bench: name one of: ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}
await benches[name]({ only: values.lane, nodeArgs: values['node-args'].split(' ').filter(Boolean) });
