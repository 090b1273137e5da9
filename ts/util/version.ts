import { readFileSync } from 'node:fs';

/** The folder of the package: where its package.json and binding.gyp are, however deep the compiled code lies in it. */
export function packageRoot(from: string = import.meta.url): URL {
  for (let folder = new URL('.', from); ; folder = new URL('..', folder)) {
    const manifest = readManifest(folder);
    if (manifest?.name === 'slowpath') return folder;
    if (folder.pathname === '/')
      throw new Error(`no package.json of slowpath above ${from}: the installation is incomplete`);
  }
}

/** Version of the package, from its package.json. */
export function version(): string {
  return readManifest(packageRoot())?.version ?? 'unknown';
}

function readManifest(folder: URL): { name?: string; version?: string } | null {
  try {
    return JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
