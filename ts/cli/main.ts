#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { SlowpathError } from '../errors/index.js';
import { version } from '../util/index.js';
import type { CtlOptions, FlowEventsOptions } from './ctl.js';
import { EXIT_HELP, HELP } from './help.js';
import { addCompletion, addMonitor, addPcap } from './more-commands.js';
import type { QueryOptions } from './query.js';
import type { RunOptions } from './run.js';
import type { TraceOptions } from './trace.js';

// What a command needs is loaded when it runs: most ask a running switch something, and need little of the package.

/** Exit codes: 0 done; 1 something unforeseen; 2 the user can mend it (arguments, interfaces, privileges, flows). */
const EXIT_UNFORESEEN = 1;
const EXIT_USER = 2;

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('give a whole number from 1 on.');
  return value;
}

function interfaceName(text: string): string {
  if (text === '' || Buffer.byteLength(text) > 15 || /[\s/]/.test(text)) {
    throw new InvalidArgumentError('an interface name has 1 to 15 bytes, no space and no slash.');
  }
  return text;
}

function collect(text: string, before: readonly string[]): string[] {
  const name = interfaceName(text);
  if (before.includes(name)) throw new InvalidArgumentError(`${name} is given twice.`);
  return [...before, name];
}

const append = (text: string, before: readonly string[]) => [...before, text];

/** A message of commander's, which puts its suggestions on a line of their own. */
function oneLine(text: string): string {
  return `${text
    .trim()
    .replace(/^error: /, 'slowpath: ')
    .replaceAll('\n', ' ')}\n`;
}

const datapathOption = () =>
  new Option('-d, --datapath <type>', 'system: the kernel module; netdev: the embedded datapath').choices([
    'system',
    'netdev',
  ]);

function program(controlHelp: string): Command {
  const root = new Command('slowpath')
    .description("The userspace half of Open vSwitch's Linux datapath")
    .version(version(), '-V, --version')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(oneLine(text)) });

  root
    .command('run')
    .description('run a switch until SIGINT or SIGTERM')
    .addOption(datapathOption().makeOptionMandatory())
    .option('-n, --name <name>', 'name of the datapath (default: ovs-system or ovs-netdev)', interfaceName)
    .option('-b, --bridge <name>', 'name of the bridge and of its local device', interfaceName)
    .option('--config <file>', 'configuration, JSON, instead of --bridge and --port')
    .option('--vsctl <words>', 'configuration as ovs-vsctl words, after that of --config')
    .option('-p, --port <interface>', 'network device to add to the bridge; may be repeated', collect, [])
    .option('-f, --flows <file>', 'OpenFlow rules in ovs-ofctl syntax, one a line')
    .addOption(
      new Option('--fail-mode <mode>', 'what happens to packets that no rule matches')
        .choices(['standalone', 'secure'])
        .default('standalone', 'standalone: as a learning switch'),
    )
    .addOption(
      new Option(
        '--dispatch <mode>',
        'who receives upcalls (default: per-cpu where the kernel has it, as running ovs-dpctl turns it on)',
      ).choices(['per-vport', 'per-cpu']),
    )
    .option('--flow-limit <flows>', 'most flows to install', positive)
    .option('--max-idle <ms>', 'milliseconds after which unused flows go', positive)
    .option(
      '--check-soundness <flows>',
      'check one of so many installed flows for packets that it should not take (default: none)',
      positive,
    )
    .option('--metrics <address>', 'serve metrics for Prometheus at PORT of 127.0.0.1, or at ADDRESS:PORT')
    .addOption(
      new Option(
        '--keep [what]',
        'leave the datapath behind at the end, with its ports and flows, which the next run takes over; or with its ports alone',
      )
        .choices(['flows', 'ports'])
        .preset('flows'),
    )
    .option('--flush', 'begin without the flows that an earlier run left')
    .option('--json', 'print what happens as JSON, one object a line')
    .addHelpText('after', HELP.run)
    .action(async (options: RunOptions) => {
      const [{ run }, { pino }] = await Promise.all([import('./run.js'), import('pino')]);
      const log = pino(
        { base: null, timestamp: pino.stdTimeFunctions.isoTime },
        pino.destination({ dest: 2, sync: true }),
      );
      const tell = (event: string, about: object) => print(JSON.stringify({ event, ...about }));
      await run(options, log, options.json === true ? tell : () => {});
    });

  root
    .command('dump-flows')
    .description("print the datapath's flows as ovs-dpctl dump-flows does")
    .addOption(datapathOption().default('system'))
    .option('-n, --name <name>', 'name of the datapath')
    .option('-m, --more', 'print flow ids and every field')
    .option('--names', 'print port names')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP.dumpFlows)
    .action(async (options: QueryOptions) => print(await (await import('./query.js')).dumpFlows(options)));

  root
    .command('show')
    .description("print the datapath's counters and ports as ovs-dpctl show does")
    .addOption(datapathOption().default('system'))
    .option('-n, --name <name>', 'name of the datapath')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP.show)
    .action(async (options: QueryOptions) => print(await (await import('./query.js')).show(options)));

  root
    .command('trace')
    .description(
      'say what a packet becomes, as ovs-appctl ofproto/trace does: in the switch that runs, or in one described here',
    )
    .argument('<bridge>', 'name of the bridge')
    .argument('<flow>', "the packet: a flow in OpenFlow's syntax, or a datapath key")
    .option('--config <file>', 'configuration, JSON')
    .option('--vsctl <words>', 'configuration as ovs-vsctl words, after that of --config')
    .option('--flows <file>', 'OpenFlow rules of the bridge, one a line')
    .option('--groups <file>', 'groups, one a line')
    .option('--meters <file>', 'meters, one a line')
    .option(
      '--policy <file>',
      'module whose policy decides in place of the rules of table 0, or TABLE=FILE; may be repeated',
      append,
      [],
    )
    .option('--ct-next <state>', 'what the next connection tracking finds; may be repeated', append, [])
    .option('--names', 'print names of ports in place of numbers')
    .option('--json', 'print JSON')
    .addOption(datapathOption().default('system'))
    .option('-n, --name <name>', 'name of the datapath of the switch that runs')
    .addHelpText('after', HELP.trace)
    .action(async (bridge: string, flow: string, options: TraceOptions) =>
      print(await (await import('./trace.js')).traceCommand(bridge, flow, options)),
    );

  root
    .command('ctl')
    .description('give the running switch a command, as ovs-appctl does')
    .argument('<command>', 'what to do')
    .argument('[arguments...]', 'arguments and options of the command')
    .addOption(datapathOption().default('system'))
    .option('-n, --name <name>', 'name of the datapath')
    .addHelpText('after', controlHelp)
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (command: string, args: string[], options: CtlOptions) =>
      print(await (await import('./ctl.js')).ctl(command, args, options)),
    );

  root
    .command('flow-events')
    .description('follow the flows of the running switch: installed, modified, deleted')
    .addOption(datapathOption().default('system'))
    .option('-n, --name <name>', 'name of the datapath')
    .option('--rules', 'follow rules with send_flow_rem instead: those that went, why, and what they counted')
    .option('--json', 'print JSON, one object a line')
    .addHelpText('after', HELP.flowEvents)
    .action(async (options: FlowEventsOptions) => {
      await (await import('./ctl.js')).flowEvents(options, print);
    });

  addMonitor(root, datapathOption().default('system'), print);
  addPcap(root, print);
  addCompletion(root, print);

  root
    .command('batch')
    .description(
      'answer requests on standard input, one JSON object a line, with one a line on standard output',
    )
    .addHelpText('after', HELP.batch)
    .action(async () => (await import('./batch.js')).batch(process.stdin, process.stdout));

  for (const command of [root, ...root.commands]) command.addHelpText('after', EXIT_HELP);
  return root;
}

function print(text: string): void {
  if (text !== '') process.stdout.write(`${text}\n`);
}

/** Every command ends in peace when who reads has seen enough. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
}

/** The commands of `slowpath ctl`, where somebody asks for help. */
async function helpOfControl(): Promise<string> {
  if (!process.argv.some((word) => ['-h', '--help', 'help'].includes(word))) return '';
  return `\nCommands:\n${(await import('../control/index.js')).commandHelp()}`;
}

async function main(): Promise<void> {
  process.stdout.on('error', endWithReader);
  try {
    if (process.argv.length <= 2) {
      throw new SlowpathError(
        'ERR_USAGE',
        'which command? run, ctl, monitor, flow-events, dump-flows, show, trace, pcap, completion or batch; slowpath --help tells more',
      );
    }
    await program(await helpOfControl()).parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_USER;
    } else if (error instanceof SlowpathError) {
      console.error(`slowpath: ${error.message}`);
      process.exitCode = EXIT_USER;
    } else {
      console.error(error);
      process.exitCode = EXIT_UNFORESEEN;
    }
  }
}

await main();
