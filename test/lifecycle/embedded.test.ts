import { readdirSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { openEmbeddedDatapath } from '../../ts/datapath/index.js';
import { native } from '../../ts/native/index.js';
import { Lab, type Namespace } from '../support/netns.js';
import { nodeScript } from '../support/processes.js';
import { needsRoot } from '../support/skip.js';

const descriptors = () => readdirSync('/proc/self/fd').length;
const threads = () => readdirSync('/proc/self/task').length;

describe('the embedded datapath, closed', () => {
  const lab = new Lab();
  let there: Namespace;
  before(function () {
    needsRoot(this);
    there = lab.namespace('emb');
  });
  after(() => lab.remove());

  it('has given back its descriptors and its thread when close returns', () => {
    // The first use may open what the process keeps.
    openEmbeddedDatapath({ netns: there.path }).close();
    const before = [descriptors(), threads()];
    const kept = Array.from({ length: 10 }, () => {
      const datapath = native().openEmbedded({ netns: there.path });
      const channels = [datapath.openChannel(), datapath.openChannel()];
      datapath.close();
      return { datapath, channels };
    });
    expect([descriptors(), threads()]).to.deep.equal(before);
    for (const { datapath, channels } of kept) {
      datapath.close();
      expect(() => datapath.openChannel()).to.throw(/ENETDOWN/);
      for (const channel of channels) expect(channel.closed).to.equal(true);
    }
  });

  it('a switch keeps nothing open, polling or not', async () => {
    const before = descriptors();
    for (let i = 0; i < 10; i++) {
      const datapath = openEmbeddedDatapath({ netns: there.path });
      const { channel, batch } = datapath.openHandler();
      if (i % 2 === 0) channel.startUpcalls(batch, () => {});
      datapath.close();
    }
    await turn();
    expect(descriptors()).to.equal(before);
  });

  it('a million batches leave the memory as it was', async function () {
    this.timeout(300_000);
    const { code, stdout, stderr } = await nodeScript('out/test/lifecycle/children/batches.js', [
      there.path,
      '1000000',
    ]).exit;
    expect(code, stderr).to.equal(0);
    const [batches, growth] = stdout.trim().split(' ').map(Number);
    expect(batches).to.equal(1_000_000);
    // A leak of ten bytes a batch would be 8 MB; the heap itself moves by some.
    expect(growth, 'MB more than after the first 200,000').to.be.below(6);
  });
});
