// npm run check [-- --all]: looks over the source tree; exits 1 when something is wrong. Without --all what takes long is left to `npm test`.
import { checks } from './checks.mjs';

let failed = 0;
const all = process.argv.includes('--all');
for (const { name, check, slow } of checks) {
  if (slow && !all) continue;
  const problems = await check();
  console.log(`${problems.length === 0 ? 'ok' : 'FAILED'}: ${name}`);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) failed += 1;
}
process.exitCode = failed > 0 ? 1 : 0;
