import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Scratch folder for everything that is fetched or built for tests and benches; may be deleted at any time. */
export const cache = join(root, '.cache');
