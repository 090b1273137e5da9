// Records upcalls of the real kernel, of every kind: boots the guest, has test/support/upcall-recorder.ts send packets through a
// datapath there, and writes what came up to test/fixtures/upcalls-linux61.jsonl.gz. `npm run build:test` must have run.
// Usage: node scripts/record/upcalls.mjs
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ensureOvs } from '../test/ovs.mjs';
import { root } from '../test/root.mjs';
import { runInGuest } from '../vm/boot.mjs';

const fixture = join(root, 'test', 'fixtures', 'upcalls-linux61.jsonl.gz');
const guestProgram = `
import { writeFileSync } from 'node:fs';
import { UpcallRecorder } from '${join(root, 'out/test/support/upcall-recorder.js')}';
const recorder = new UpcallRecorder();
try {
  await recorder.record();
  writeFileSync(process.argv[1], recorder.describe().map((one) => JSON.stringify(one) + '\\n').join(''));
} finally {
  await recorder.close();
}`;

const shared = mkdtempSync(join(tmpdir(), 'slowpath-upcalls-'));
try {
  const file = join(shared, 'upcalls.jsonl');
  const { path } = await ensureOvs();
  const status = await runInGuest({
    command: ['node', '--input-type=module', '--eval', guestProgram, file],
    cwd: root,
    env: { ...process.env, PATH: path, SLOWPATH_TEST_DATAPATH: 'system' },
    shared: [shared],
    timeoutSeconds: 900,
  });
  if (status !== 0) throw new Error(`the guest ended with status ${status}`);
  const lines = readFileSync(file, 'utf8');
  writeFileSync(fixture, gzipSync(lines, { level: 9 }));
  console.log(`${lines.trim().split('\n').length} upcalls in ${fixture}`);
} finally {
  rmSync(shared, { recursive: true, force: true });
}
