// Loaded into a switch with --import: has the addon time its receiving, and writes what it measured to the file that
// SLOWPATH_BENCH_TIMES names, on SIGUSR2.
import { renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

// The same path as the package loads, and so the same instance.
const addon = createRequire(import.meta.url)(
  fileURLToPath(new URL('../../../build/Release/slowpath.node', import.meta.url)),
);
addon.measureReceive();
const file = process.env.SLOWPATH_BENCH_TIMES;
process.on('SIGUSR2', () => {
  writeFileSync(`${file}.part`, JSON.stringify(addon.measureReceive()));
  renameSync(`${file}.part`, file);
});
