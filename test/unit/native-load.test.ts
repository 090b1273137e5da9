import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';

import { FLOW_WORDS, LAYOUT_HASH } from '../../ts/fields/index.js';
import { native } from '../../ts/native/index.js';
import { checkLayout, load } from '../../ts/native/load.js';
import { root } from '../support/processes.js';

describe('finding the addon', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slowpath-load-'));
    mkdirSync(join(folder, 'dist', 'native'), { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const from = () => join(folder, 'dist', 'native', 'load.js');
  const build = (kind: string) => {
    const target = join(folder, 'build', kind);
    mkdirSync(target, { recursive: true });
    return join(target, 'slowpath.node');
  };

  it('loads it once', () => {
    expect(native()).to.equal(native());
    expect(native()).to.include({ layoutHash: LAYOUT_HASH, FLOW_WORDS });
  });

  it('says how to build it when it is not built', () => {
    writeFileSync(join(folder, 'binding.gyp'), '');
    expect(() => load(from()))
      .to.throw(/npm rebuild slowpath.*python3, make and g\+\+/)
      .that.includes({ code: 'ERR_ADDON_MISSING' });
  });

  it('finds the debug build when there is no other', () => {
    writeFileSync(join(folder, 'binding.gyp'), '');
    copyFileSync(join(root, 'build', 'Release', 'slowpath.node'), build('Debug'));
    expect(load(from()).layoutHash).to.equal(LAYOUT_HASH);
  });

  it('takes the one that the package brought for this host when nothing was built', () => {
    writeFileSync(join(folder, 'binding.gyp'), '');
    const names = join('scripts', 'package', 'platform.cjs');
    mkdirSync(join(folder, 'scripts', 'package'), { recursive: true });
    copyFileSync(join(root, names), join(folder, names));
    const { prebuiltPath } = createRequire(import.meta.url)(join(root, names)) as { prebuiltPath(): string };
    mkdirSync(dirname(join(folder, prebuiltPath())), { recursive: true });
    copyFileSync(join(root, 'build', 'Release', 'slowpath.node'), join(folder, prebuiltPath()));
    expect(load(from()).layoutHash).to.equal(LAYOUT_HASH);
  });

  it('names the file and the reason when it cannot be loaded', () => {
    writeFileSync(join(folder, 'binding.gyp'), '');
    writeFileSync(build('Release'), 'no object file');
    expect(() => load(from()))
      .to.throw(/build\/Release\/slowpath\.node \(.*\)/)
      .that.includes({ code: 'ERR_ADDON_MISSING' });
  });

  it('refuses an addon of other sources', () => {
    const code = { code: 'ERR_ADDON_LAYOUT' };
    expect(() => checkLayout({ layoutHash: LAYOUT_HASH ^ 1, FLOW_WORDS }, 'x.node'))
      .to.throw(/x\.node.*npm rebuild/)
      .that.includes(code);
    expect(() => checkLayout({ layoutHash: LAYOUT_HASH, FLOW_WORDS: FLOW_WORDS + 1 }, 'x.node'))
      .to.throw()
      .that.includes(code);
  });
});
