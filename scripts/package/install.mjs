// npm's install script: takes the addon that came with the package, or compiles it where that does not fit.
//   npm install slowpath --build-from-source        compiles in any case
// Needs nothing but Node; a checkout, which has no prebuilt addon, always compiles.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prebuiltPath } from './platform.cjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** What is wrong with the prebuilt addon; '' when it can be used. */
function whyNotPrebuilt() {
  if (['true', '1', 'slowpath'].includes(process.env.npm_config_build_from_source))
    return 'asked to build from source';
  const path = join(root, prebuiltPath());
  if (!existsSync(path)) return `none for ${prebuiltPath().split('/')[1]}`;
  // In a process of its own: a binary for another C library may end the process that loads it.
  const tried = spawnSync(process.execPath, ['-e', 'require(process.argv[1])', path], { encoding: 'utf8' });
  if (tried.status === 0) return '';
  return tried.stderr.match(/^Error: (.*)$/m)?.[1] ?? 'it cannot be loaded';
}

/** Programs without which nothing compiles, of those that are missing. */
function missingTools() {
  const has = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
  const python = process.env.npm_config_python ?? process.env.PYTHON ?? 'python3';
  const tools = [
    [python, 'python3'],
    ['make', 'make'],
    [process.env.CXX ?? 'c++', 'g++'],
  ];
  return tools.filter(([command]) => !has(command)).map(([, name]) => name);
}

/** node-gyp: npm names the one that it brings along; in a checkout it is a dependency. */
function nodeGyp() {
  const named = process.env.npm_config_node_gyp;
  if (named && existsSync(named)) return [process.execPath, named];
  try {
    return [process.execPath, createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')];
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    return ['node-gyp'];
  }
}

/** Headers that came with this Node make a download of them needless. */
function headerArguments() {
  const prefix = dirname(dirname(process.execPath));
  const asked = process.env.npm_config_nodedir;
  return !asked && existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

function compile(why) {
  const missing = missingTools();
  if (missing.length > 0) {
    console.error(
      `slowpath: the native addon has to be compiled (${why}), but ${missing.join(', ')} cannot be found.\n` +
        'Install python3, make and g++ (Debian: apt-get install python3 make g++), then install slowpath again.',
    );
    return 1;
  }
  console.log(`slowpath: compiling the native addon (${why})`);
  const [command, ...first] = nodeGyp();
  const { status, error } = spawnSync(command, [...first, 'rebuild', ...headerArguments()], {
    cwd: root,
    stdio: 'inherit',
  });
  if (error) console.error(`slowpath: cannot run node-gyp: ${error.message}`);
  return status ?? 1;
}

const why = whyNotPrebuilt();
process.exitCode = why === '' ? 0 : compile(why);
