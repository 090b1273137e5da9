import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { SlowpathError } from '../errors/index.js';
import { FLOW_WORDS, LAYOUT_HASH } from '../fields/index.js';
import { guardAddon } from './guard.js';
import type { Addon } from './native.js';

const require = createRequire(import.meta.url);

/** The part of the package that names the platform, for its install script as well. */
interface Platform {
  prebuiltPath(): string;
}

const REBUILD = 'run `npm rebuild slowpath`, which needs python3, make and g++';

let loaded: Addon | undefined;

/**
 * The addon, loaded at the first call: importing this package works on hosts that cannot load it. Throws a SlowpathError with
 * code ERR_ADDON_MISSING when it was not built or cannot be loaded, ERR_ADDON_LAYOUT when it was built from other sources than
 * this code. With SLOWPATH_DEBUG=1 in the environment then, stale views of batches throw (guard.ts).
 */
export function native(): Addon {
  loaded ??= forUse(load(fileURLToPath(import.meta.url)));
  return loaded;
}

function forUse(addon: Addon): Addon {
  return process.env.SLOWPATH_DEBUG === '1' ? guardAddon(addon) : addon;
}

/** Loads the addon of the package that the file `from` belongs to. */
export function load(from: string): Addon {
  const path = findAddon(from);
  if (path === undefined) {
    throw new SlowpathError('ERR_ADDON_MISSING', `the native addon of slowpath is not built: ${REBUILD}`);
  }
  let addon: Addon;
  try {
    addon = require(path) as Addon;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SlowpathError('ERR_ADDON_MISSING', `cannot load ${path} (${reason}): ${REBUILD}`, { cause });
  }
  checkLayout(addon, path);
  return addon;
}

/** Throws unless the addon has the flow key and row layouts of this code. */
export function checkLayout(addon: Pick<Addon, 'layoutHash' | 'FLOW_WORDS'>, path: string): void {
  if (addon.layoutHash === LAYOUT_HASH && addon.FLOW_WORDS === FLOW_WORDS) return;
  throw new SlowpathError(
    'ERR_ADDON_LAYOUT',
    `${path} was built from other sources than this code: ${REBUILD}`,
  );
}

/** The .node file beside the nearest binding.gyp at or above `from`: one compiled here, else the one that the package brought for this host. */
function findAddon(from: string): string | undefined {
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'binding.gyp'))) {
      const [release, debug] = ['Release', 'Debug'].map((kind) =>
        join(folder, 'build', kind, 'slowpath.node'),
      );
      if (existsSync(release)) return release;
      if (existsSync(debug)) return debug;
      // A checkout brings none.
      if (!existsSync(join(folder, 'prebuilds'))) return undefined;
      const { prebuiltPath } = require(join(folder, 'scripts', 'package', 'platform.cjs')) as Platform;
      const prebuilt = join(folder, prebuiltPath());
      return existsSync(prebuilt) ? prebuilt : undefined;
    }
    if (folder === dirname(folder)) return undefined;
  }
}
