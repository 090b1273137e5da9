// npm run check: looks over the source tree; exits 1 when something is wrong.
import { checks } from './checks.mjs';

let failed = 0;
for (const { name, check } of checks) {
  const problems = await check();
  console.log(`${problems.length === 0 ? 'ok' : 'FAILED'}: ${name}`);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) failed += 1;
}
process.exitCode = failed > 0 ? 1 : 0;
