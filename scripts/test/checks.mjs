// Lane "checks": one count for each of scripts/check's checks.
import { checks } from '../check/checks.mjs';

export async function checksLane(tally) {
  for (const { name, check } of checks) {
    const problems = await check();
    console.log(`${problems.length === 0 ? 'ok' : 'FAILED'}: ${name}`);
    if (problems.length === 0) tally.pass();
    else {
      for (const problem of problems) console.error(problem);
      tally.fail(`checks: ${name}`);
    }
  }
}
