// Lane "package": the packed tarball installed elsewhere, as users do (npm run pack:smoke).
import { missingPackages, packages, whyNoInstall } from './debian.mjs';
import { run } from './process.mjs';
import { root } from './root.mjs';
import { skipOrFail } from './strict.mjs';

async function whyNot() {
  const missing = await missingPackages(packages.package);
  if (missing.length > 0)
    return `${whyNoInstall() || 'apt-get failed'}; needs: apt-get install ${missing.join(' ')}`;
  return process.getuid() === 0 ? '' : 'not root';
}

export async function packageLane(tally) {
  const reason = await whyNot();
  if (reason) return skipOrFail(tally, 'package', reason);
  const result = await run('node', ['scripts/package/smoke.mjs'], { cwd: root, timeoutMs: 2_400_000 });
  console.log(result.output.trimEnd());
  const lines = [...result.output.matchAll(/^(ok|FAILED): (.*) \(\d+\.\d s\)$/gm)];
  for (const [, verdict, name] of lines) {
    if (verdict === 'ok') tally.pass();
    else tally.fail(`package: ${name}`);
  }
  if (!result.ok && lines.every(([, verdict]) => verdict === 'ok'))
    tally.fail('package', result.timedOut ? 'took too long' : `ended with status ${result.code}`);
}
