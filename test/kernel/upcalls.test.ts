import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { root } from '../support/processes.js';
import { needsRoot } from '../support/skip.js';
import { keyOf, type RecordedUpcall, UpcallRecorder } from '../support/upcall-recorder.js';

describe('upcalls recorded once', () => {
  it('are what the kernel sends now', async function () {
    needsRoot(this);
    this.timeout(Math.max(this.timeout(), 240_000));
    const fixture = readFileSync(join(root, 'test/fixtures/upcalls-linux61.jsonl.gz'));
    const lines = gunzipSync(fixture).toString().trim().split('\n');
    const before = new Map(
      lines.map((line) => JSON.parse(line) as RecordedUpcall).map(({ name, message }) => [name, message]),
    );
    const recorder = new UpcallRecorder();
    try {
      const now = await recorder.record();
      expect([...now.keys()]).to.deep.equal([...before.keys()]);
      for (const [name, message] of now) {
        // The kernel seeds its hashes anew at each boot.
        if (name.startsWith('recirc_hash_')) continue;
        const then = keyOf(Buffer.from(before.get(name)!, 'hex'));
        expect(keyOf(message).toString('hex'), name).to.equal(then.toString('hex'));
      }
    } finally {
      await recorder.close();
    }
  });
});
