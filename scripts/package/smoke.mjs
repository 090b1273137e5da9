// npm run pack:smoke: packs the package and installs the tarball elsewhere, as users do.
//   npm run pack:smoke [-- --tarball FILE]
// One line a trial, "ok: …" or "FAILED: …" with what was seen; the status is 1 when one failed. Needs root and debootstrap.
import { mkdtempSync, readFileSync, rmSync, writeFileSync, copyFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { mustRun, run } from '../test/process.mjs';
import { root as checkout } from '../test/root.mjs';
import { cleanRoot, compilerRoot, copyTree, inside } from './debian-root.mjs';

const INSTALL =
  'mkdir -p /app && cd /app && npm init -y >/dev/null && npm install --offline --no-audit --no-fund /slowpath.tgz';
const LIBRARY =
  `node --input-type=module -e "import { Switch, version } from 'slowpath'; if (typeof Switch.open !== 'function') process.exit(1); console.log(version())" && ` +
  `node -e "if (typeof require('slowpath').Switch.open !== 'function') process.exit(1)" && ` +
  `node -e "for (const path of ['netlink', 'flow', 'testing']) require('slowpath/' + path)" && ` +
  `npx slowpath trace --vsctl 'add-br br0 -- add-port br0 p1 -- add-port br0 p2' br0 in_port=p1,tcp`;

let failed = 0;
async function trial(name, check) {
  const begun = Date.now();
  let problem;
  try {
    problem = await check();
  } catch (error) {
    problem = error.stack;
  }
  console.log(`${problem ? 'FAILED' : 'ok'}: ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
  if (problem) console.error(problem);
  failed += problem ? 1 : 0;
}

const scratch = mkdtempSync(join(tmpdir(), 'slowpath-pack-'));

async function pack() {
  const { values } = parseArgs({ options: { tarball: { type: 'string' } } });
  if (values.tarball) return resolve(values.tarball);
  const output = await mustRun('npm', ['pack', '--pack-destination', scratch], {
    cwd: checkout,
    timeoutMs: 900_000,
  });
  return join(scratch, basename(output.trim().split('\n').at(-1)));
}

/** A fresh copy of a root with the tarball in it. */
async function fresh(name, from, tarball) {
  const root = join(scratch, name);
  await copyTree(from, root);
  copyFileSync(tarball, join(root, 'slowpath.tgz'));
  return root;
}

/** Runs a shell command in the root, without network. An npm around this one may be silent (`npm run -s`); those inside are to speak. */
const enter = (root, command) =>
  run('unshare', inside(root, command), { env: { npm_config_loglevel: 'notice' }, timeoutMs: 900_000 });

/** The first JavaScript of the README, as it stands there. */
function readmeCode() {
  const [, code] = /```js\n([\s\S]*?)```/.exec(readFileSync(join(checkout, 'README.md'), 'utf8'));
  return code;
}

async function contents(tarball) {
  const names = (await mustRun('tar', ['tzf', tarball]))
    .split('\n')
    .map((name) => name.replace(/^package\//, ''));
  const own = names.filter((name) => name !== '' && !name.startsWith('node_modules/'));
  const wanted = [
    'dist/index.js',
    'dist/index.d.ts',
    'dist/cli/main.js',
    'binding.gyp',
    'LICENSE',
    'README.md',
    'CHANGELOG.md',
    'native/addon/module.cc',
  ];
  const missing = wanted.filter((name) => !own.includes(name));
  if (process.arch === 'x64' && !own.includes('prebuilds/linux-x64-glibc/slowpath.node'))
    missing.push('prebuilds/linux-x64-glibc');
  const strange = own.filter((name) => /^(ts|test|out|build|\.cache)\/|\.map$|^native\/test\//.test(name));
  return missing.length + strange.length === 0
    ? ''
    : `missing: ${missing.join(' ')}; not wanted: ${strange.slice(0, 10).join(' ')}`;
}

async function installs(root) {
  const installed = await enter(root, INSTALL);
  if (!installed.ok) return installed.output;
  if (/compil/.test(installed.output)) return `compiled something:\n${installed.output}`;
  const used = await enter(root, `cd /app && ${LIBRARY}`);
  return used.ok && /Datapath actions: /.test(used.output) ? '' : used.output;
}

async function runsReadme(root) {
  writeFileSync(join(root, 'app', 'readme.mjs'), readmeCode());
  const stage = join(checkout, 'scripts', 'package', 'readme-traffic.mjs');
  const { ok, output } = await run('unshare', ['--net', process.execPath, stage, root], {
    timeoutMs: 300_000,
  });
  return ok ? '' : output;
}

async function saysWhatIsMissing(root) {
  const { ok, output } = await enter(root, `${INSTALL} --build-from-source`);
  if (ok) return `it was installed without a compiler:\n${output}`;
  const said = output.match(/slowpath: .*/g) ?? [];
  return said.length === 1 && /python3, make, g\+\+ cannot be found/.test(said[0]) ? '' : output;
}

async function compiles(root) {
  const installed = await enter(root, `${INSTALL} --build-from-source --foreground-scripts`);
  if (!installed.ok || !/compiling the native addon/.test(installed.output)) return installed.output;
  const used = await enter(root, `cd /app && rm -r node_modules/slowpath/prebuilds && ${LIBRARY}`);
  return used.ok ? '' : used.output;
}

try {
  mkdirSync(scratch, { recursive: true });
  const tarball = await pack();
  await trial('the tarball holds what users need and nothing else', () => contents(tarball));
  const clean = await fresh('clean', await cleanRoot(), tarball);
  await trial('a clean Debian with Node alone, no network: installs, imports, requires, traces', () =>
    installs(clean),
  );
  await trial("the README's code runs there as written, with traffic", () => runsReadme(clean));
  const bare = await fresh('bare', await cleanRoot(), tarball);
  await trial('without a compiler, --build-from-source says what is missing', () => saysWhatIsMissing(bare));
  const compiler = await fresh('compiler', await compilerRoot(), tarball);
  await trial('with one, --build-from-source compiles without network', () => compiles(compiler));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exitCode = failed > 0 ? 1 : 0;
