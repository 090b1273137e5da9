import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { Child, nodeScript, root } from '../support/processes.js';
import { needsRoot, skipUnless } from '../support/skip.js';

const DEMO = 'scripts/demo/main.mjs';
const NOBODY = 65534;

/** Lines of a shell that ends up as a user without privileges who may open /dev/net/tun, as on most machines. */
const AS_NOBODY = (home: string) => `
mount -t tmpfs -o mode=755 none /dev/net && mknod -m 666 /dev/net/tun c 10 200 &&
exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups env HOME=${home} ${process.execPath} ${DEMO}`;

/** Processes whose environment has `mark`. */
function processesWith(mark: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark);
      } catch {
        // It ended meanwhile.
        return false;
      }
    })
    .map(Number);
}

function expectSuccess(output: string): void {
  expect(output).to.match(/ping {2}IPv4 host 1 → host 2: 5 of 5 answered/);
  expect(output).to.match(/ping {2}IPv6 host 1 → host 2: 5 of 5 answered/);
  expect(output).to.match(/67108864 of 67108864 bytes arrived, whole/);
  expect(output).to.match(/ {2}miss recirc_id\(0\).*\n {4}actions: {2}\S+\n {4}megaflow: recirc_id\(0\)/);
  expect(output).to.match(/^ {2}recirc_id\(0\),in_port\(\d+\).*, packets:\d+, bytes:\d+, used:\S+ actions:/m);
  expect(output).to.match(/summary\n {2}upcalls: \d+/);
}

describe('npm run demo', function () {
  this.timeout(120_000);
  let mark: string;
  beforeEach(() => {
    mark = `SLOWPATH_TEST_MARK=${process.pid}-${process.hrtime.bigint()}`;
  });
  const env = () => ({ SLOWPATH_TEST_MARK: mark.split('=')[1] });
  const nothingRuns = () =>
    eventually('all processes of the demonstration end', () => processesWith(mark).length === 0);

  it('shows pings answered and a transfer that arrives whole', async function () {
    needsRoot(this);
    const { code, stdout, stderr } = await nodeScript(DEMO, [], env()).exit;
    expect(code, stdout + stderr).to.equal(0);
    expectSuccess(stdout);
    await nothingRuns();
  });

  it('needs no root where users may make namespaces', async function () {
    needsRoot(this);
    const home = mkdtempSync(join(tmpdir(), 'slowpath-test-'));
    try {
      const nobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
      const can = (...words: string[]) => new Child('setpriv', [...nobody, ...words]).exit;
      const readable = await can('test', '-r', join(root, DEMO));
      skipUnless(this, readable.code === 0, 'needs a checkout that other users may read', false);
      const allowed = await can('unshare', '--user', '--map-root-user', '--net', 'true');
      skipUnless(this, allowed.code === 0, 'needs unprivileged user namespaces', false);
      const child = new Child('unshare', ['--mount', 'sh', '-c', AS_NOBODY(home)], { env: env() });
      const { code, stdout, stderr } = await child.exit;
      expect(code, stdout + stderr).to.equal(0);
      expectSuccess(stdout);
      await nothingRuns();
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  it('says in one line what is forbidden', async function () {
    needsRoot(this);
    const hide = 'mount -t tmpfs -o mode=755 none /dev/net && mknod -m 600 /dev/net/tun c 10 200 && exec ';
    const drop = `setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups ${process.execPath} ${DEMO}`;
    const { code, stdout, stderr } = await new Child('unshare', ['--mount', 'sh', '-c', hide + drop]).exit;
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' });
    expect(stderr).to.match(/^demo: needs root, .*try: sudo npm run demo\n$/);
  });

  it('ends on Ctrl-C and leaves nothing', async function () {
    needsRoot(this);
    // A session of its own is a process group of its own, which gets the signal as a terminal would send it.
    const child = new Child('setsid', ['--wait', process.execPath, DEMO], { env: env() });
    await child.waitFor(/answered/, 60_000);
    process.kill(-(child.process.pid as number), 'SIGINT');
    const { code, stderr } = await child.exit;
    expect({ code, stderr }).to.deep.equal({ code: 130, stderr: '' });
    await nothingRuns();
  });

  it('ends on SIGTERM in the middle of its start', async function () {
    needsRoot(this);
    const child = nodeScript(DEMO, [], env());
    await child.waitFor(/three hosts/, 60_000);
    await sleep(50);
    expect((await child.stop('SIGTERM')).code).to.equal(143);
    await nothingRuns();
  });

  it('a bad option ends it with status 2', async () => {
    for (const args of [['--datapath', 'dpdk'], ['--fast']]) {
      const { code, stdout, stderr } = await nodeScript(DEMO, args).exit;
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      expect(stderr).to.match(/^demo: .+\n$/);
    }
  });
});
