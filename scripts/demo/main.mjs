// The demonstration: real hosts in network namespaces of their own, a switch of ours between them, real traffic, and what
// the slow path does about it, live.
//   npm run demo [-- --datapath system]
// The whole of it runs inside a fresh network namespace (unshare), so that nothing is left when it ends, however it ends.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const TOOLS = { ip: 'iproute2', ping: 'iputils-ping', unshare: 'util-linux', nsenter: 'util-linux' };

function fail(message) {
  console.error(`demo: ${message}`);
  process.exit(1);
}

function readOptions() {
  try {
    const { values } = parseArgs({ options: { datapath: { type: 'string', default: 'netdev' } } });
    if (!['netdev', 'system'].includes(values.datapath))
      throw new Error(`--datapath ${values.datapath}: give netdev or system`);
    return values;
  } catch (error) {
    console.error(`demo: ${error.message}`);
    process.exit(2);
  }
}

const missingTools = () =>
  Object.keys(TOOLS).filter(
    (tool) => spawnSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' }).status !== 0,
  );

function needTools() {
  const missing = missingTools();
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((tool) => TOOLS[tool]))];
  if (process.getuid() === 0 && spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0) {
    console.log(`demo: installing ${packages.join(' ')}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update', '-q'], { env, stdio: 'ignore' });
    spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], {
      env,
      stdio: 'ignore',
    });
  }
  const still = missingTools();
  if (still.length > 0) {
    fail(
      `needs ${still.join(', ')}: apt-get install ${[...new Set(still.map((tool) => TOOLS[tool]))].join(' ')}`,
    );
  }
}

/** unshare's arguments for a network namespace of our own; ends the program where that is forbidden. */
function namespaceArguments() {
  const isolate = process.getuid() === 0 ? ['--net'] : ['--user', '--map-root-user', '--net'];
  const probe = spawnSync('unshare', [...isolate, 'true'], { encoding: 'utf8' });
  if (probe.status !== 0) {
    fail(
      `needs root, or permission to make a user namespace (${probe.stderr.trim()}); try: sudo npm run demo`,
    );
  }
  return isolate;
}

/** The bridge's own device is a TAP device on the embedded datapath; the right to make one is that of its file. */
function needTun() {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch (error) {
    if (error.code === 'ENOENT') fail('needs /dev/net/tun: as root, modprobe tun');
    fail('needs root, because users may not open /dev/net/tun here; try: sudo npm run demo');
  }
}

function runInside(options) {
  const child = spawn(
    'unshare',
    [
      ...namespaceArguments(),
      process.execPath,
      fileURLToPath(new URL('stage.mjs', import.meta.url)),
      options.datapath,
    ],
    { stdio: 'inherit' },
  );
  // Ctrl-C reaches the child as well; it cleans up and ends, and then so do we.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (osConstants.signals[signal] ?? 0)));
}

const options = readOptions();
needTools();
if (options.datapath === 'netdev') needTun();
runInside(options);
