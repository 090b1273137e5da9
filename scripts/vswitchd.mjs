#!/usr/bin/env node
// A switch from one file, in the place of ovs-vswitchd: docs/guides/replace-ovs-vswitchd.md.
//   node vswitchd.mjs [--pidfile FILE] [--check] CONFIG
// Uses the public API alone. SIGHUP: read the file again and change what differs. SIGTERM, SIGINT: end.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command, CommanderError } from 'commander';
import { pino } from 'pino';
import { MetricsServer, serveControl, SlowpathError, Switch, version } from 'slowpath';
import { Applied } from './vswitchd/apply.mjs';
import { problem, readConfig } from './vswitchd/config.mjs';
import { notify, refuseBesideVswitchd, writePidfile } from './vswitchd/host.mjs';
import { PolicyModules } from './vswitchd/policies.mjs';

/** Exit status: 0 ended by a signal; 1 something unforeseen; 2 what the user can mend. */
const EXIT_UNFORESEEN = 1;
const EXIT_USER = 2;

const log = pino(
  { base: null, timestamp: pino.stdTimeFunctions.isoTime },
  pino.destination({ dest: 2, sync: true }),
);

/** Signals, heard from the start and taken one at a time. */
class Signals {
  #queue = [];
  #wake = () => {};
  // The slow path's own handles do not keep the process alive; this does.
  #alive = setInterval(() => {}, 0x7fffffff);

  constructor() {
    for (const name of ['SIGHUP', 'SIGTERM', 'SIGINT']) process.on(name, () => this.#push(name));
  }

  #push(name) {
    // Once more is as good as many times more.
    if (!this.#queue.includes(name)) this.#queue.push(name);
    this.#wake();
  }

  async next() {
    while (this.#queue.length === 0) await new Promise((resolve) => (this.#wake = resolve));
    return this.#queue.shift();
  }

  close() {
    clearInterval(this.#alive);
  }
}

function makeFolder(path) {
  try {
    mkdirSync(path, { recursive: true, mode: 0o750 });
  } catch (cause) {
    throw problem(`cannot make ${path} for the state file: ${cause.message}`, cause);
  }
}

function openSwitch({ datapath, limits, stateFile }) {
  if (stateFile !== undefined) makeFolder(dirname(stateFile));
  return Switch.open({
    datapath,
    ...limits,
    ...(stateFile === undefined ? {} : { stateFile }),
    onWarning: (message) => log.warn(message),
    onPacketIn: ({ bridge, inPort, totalLength, cookie }) =>
      log.debug({ bridge, inPort, bytes: totalLength, cookie }, 'packet-in'),
  });
}

/** Reads the file again and applies what differs; a file that is wrong changes nothing. It is done when installed flows do what it says. */
async function reload(file, sw, applied, modules) {
  notify('RELOADING=1');
  try {
    const config = readConfig(file);
    log.level = config.level;
    await modules.read(config);
    const errors = applied.apply(config, modules);
    await sw.revalidate().catch((error) => log.warn(`revalidation: ${error.message}`));
    log.info({ errors: errors.length }, 'reloaded');
    return config;
  } catch (error) {
    if (!(error instanceof SlowpathError)) throw error;
    for (const line of error.message.split('\n')) log.error(line);
    return null;
  } finally {
    notify('READY=1');
  }
}

/** Runs the switch until a signal ends it. */
async function serve(file, first, signals, cleanups) {
  let config = first;
  // Flows that are taken over are judged as soon as there is a switch.
  const modules = new PolicyModules();
  await modules.read(config);
  const sw = openSwitch(config);
  // In order: who asks must not find a switch that is closed.
  cleanups.push(() => sw.close({ keep: config.keep }));
  const applied = new Applied(sw, log);
  const [error] = applied.apply(config, modules);
  if (error !== undefined) {
    config = { ...config, keep: sw.datapath.adopted };
    throw error;
  }
  if (config.control) {
    const control = await serveControl(sw);
    cleanups.push(() => control.close());
  }
  if (config.metrics !== null) {
    const metrics = await MetricsServer.listen(sw, config.metrics);
    cleanups.push(() => metrics.close());
    log.info({ url: metrics.url }, 'metrics');
  }
  const { type, name } = sw.datapath;
  log.info({ datapath: `${type}@${name}`, bridges: [...sw.bridges.keys()] }, 'running');
  notify('READY=1', `STATUS=${type}@${name}`);
  for (;;) {
    const signal = await signals.next();
    if (signal === 'SIGHUP') {
      config = (await reload(file, sw, applied, modules)) ?? config;
      continue;
    }
    log.info({ signal, keep: config.keep }, 'stopping');
    notify('STOPPING=1');
    return;
  }
}

async function main(file, { pidfile, check }) {
  const config = readConfig(file);
  log.level = config.level;
  if (check) return;
  const signals = new Signals();
  const cleanups = [() => signals.close()];
  try {
    refuseBesideVswitchd(config.datapath);
    if (pidfile !== undefined) cleanups.push(writePidfile(pidfile));
    await serve(file, config, signals, cleanups);
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

/** A message of commander's, which puts its suggestions on a line of their own. */
function oneLine(text) {
  return `${text
    .trim()
    .replace(/^error: /, 'vswitchd: ')
    .replaceAll('\n', ' ')}\n`;
}

const program = new Command('slowpath-vswitchd')
  .description('Runs the switch that a file describes, in the place of ovs-vswitchd.')
  .argument('<config>', 'the file, YAML or JSON')
  .option('--pidfile <file>', 'write the number of this process there')
  .option('--check', 'only say whether the file is right')
  .version(version(), '-V, --version')
  .addHelpText(
    'after',
    '\nSIGHUP reads the file again and changes what differs.\nExit status: 0 ended by a signal, 2 something to mend, 1 something unforeseen.',
  )
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(oneLine(text)) })
  .action(main);

// Help that nobody reads to its end is no failure.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error;
});
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_USER;
  } else if (error instanceof SlowpathError) {
    for (const line of error.message.split('\n')) console.error(`vswitchd: ${line}`);
    process.exitCode = EXIT_USER;
  } else {
    console.error(error);
    process.exitCode = EXIT_UNFORESEEN;
  }
}
