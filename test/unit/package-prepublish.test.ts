import { expect } from 'chai';
import { join } from 'node:path';
import { root } from '../support/processes.js';

interface Prepublish {
  repositoryName(url: string): string | null;
  whyNotPublish(manifest: object, origin: string | null): string | null;
}

describe('scripts/package/prepublish', () => {
  let script: Prepublish;
  before(async () => {
    script = (await import(join(root, 'scripts/package/prepublish.mjs'))) as Prepublish;
  });

  it('knows a repository again, however its address is written', () => {
    for (const url of [
      'git+https://Example.org/group/thing.git',
      'https://user:secret@example.org/group/thing/',
      'git+ssh://git@example.org:22/group/thing.git',
      'ssh://git@example.org/group/thing',
      'git@example.org:group/thing.git',
    ])
      expect(script.repositoryName(url), url).to.equal('example.org/group/thing');
    for (const url of ['', '/srv/thing.git', '../thing', 'file:///srv/thing.git', 'https://example.org/'])
      expect(script.repositoryName(url), url).to.equal(null);
  });

  it('lets nothing be published that does not name where it comes from, and says what to set', () => {
    const origin = 'git@example.org:group/thing.git';
    const links = {
      homepage: 'https://example.org/group/thing',
      bugs: 'https://example.org/group/thing/issues',
    };
    const repository = { type: 'git', url: 'git+https://example.org/group/thing.git' };
    const refused: [object, string | null, RegExp][] = [
      [{ ...links, repository }, null, /no remote: git remote add origin URL/],
      [{ ...links, repository }, '/srv/thing.git', /no public address: git remote set-url origin URL/],
      [links, origin, /names no repository: set "repository".*git@example\.org:group\/thing\.git$/],
      [{ ...links, repository: { type: 'git' } }, origin, /names no repository/],
      [{ ...links, repository: 'https://example.org/other/thing' }, origin, /other\/thing: set "repository"/],
      [{ repository }, origin, /names no homepage and no bugs/],
    ];
    for (const [manifest, url, reason] of refused)
      expect(script.whyNotPublish(manifest, url)).to.match(reason);
    expect(script.whyNotPublish({ ...links, repository }, origin)).to.equal(null);
    expect(script.whyNotPublish({ ...links, repository: repository.url }, origin)).to.equal(null);
  });
});
