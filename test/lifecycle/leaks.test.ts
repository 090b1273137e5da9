import { join } from 'node:path';
import { expect } from 'chai';

import { Child, root } from '../support/processes.js';

describe('garbage collection', () => {
  it('takes what is unused, with its descriptors and memory, and leaves what is in use', async function () {
    this.timeout(120_000);
    const script = join(root, 'out/test/lifecycle/children/leaks.js');
    const { code, stderr } = await new Child(process.execPath, ['--expose-gc', script]).exit;
    expect(stderr).to.equal('');
    expect(code).to.equal(0);
  });
});
