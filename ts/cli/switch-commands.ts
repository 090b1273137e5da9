import { type Command, Option } from 'commander';
import { SlowpathError } from '../errors/index.js';
import type { CtlOptions, FlowEventsOptions } from './ctl.js';
import { HELP } from './help.js';
import type { MonitorOptions } from './monitor.js';
import { collect, datapathOption, interfaceName, positive } from './options.js';
import { outliveReader, print } from './output.js';
import type { QueryOptions } from './query.js';
import type { RunOptions } from './run.js';

// What a command needs is loaded when it runs: most ask a running switch something, and need little of the package.

/** Commands that run a switch, or ask the one that runs. `controlHelp` lists the commands of `ctl`. */
export function addSwitchCommands(root: Command, controlHelp: string): void {
  addRun(root);
  addDumpFlows(root);
  addShow(root);
  addCtl(root, controlHelp);
  addFlowEvents(root);
  addMonitor(root);
}

function addRun(root: Command): void {
  root
    .command('run')
    .description('run a switch until SIGINT, SIGTERM or SIGHUP')
    .addOption(datapathOption().makeOptionMandatory())
    .option('-n, --name <name>', 'name of the datapath (default: ovs-system or ovs-netdev)', interfaceName)
    .option(
      '-b, --bridge <name>',
      'name of the bridge and of its local device; with --config or --vsctl: the bridge that --flows is for (default: the first)',
      interfaceName,
    )
    .option('--config <file>', 'configuration, YAML or JSON, instead of --port and --fail-mode')
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
    .action(async (options: RunOptions, command: Command) => {
      refuseBesideConfiguration(command);
      const [{ run }, { pino }] = await Promise.all([import('./run.js'), import('pino')]);
      const log = pino(
        { base: null, timestamp: pino.stdTimeFunctions.isoTime },
        pino.destination({ dest: 2, sync: true }),
      );
      outliveReader((message) => log.warn(message));
      const tell = (event: string, about: object) => print(JSON.stringify({ event, ...about }));
      await run(options, log, options.json === true ? tell : () => {});
    });
}

/** What a configuration says is not said besides. */
function refuseBesideConfiguration(command: Command): void {
  const isGiven = (name: string) => command.getOptionValueSource(name) === 'cli';
  const by = ['config', 'vsctl'].find(isGiven);
  const besides = Object.entries({ port: '--port', failMode: '--fail-mode' }).find(([name]) => isGiven(name));
  if (by === undefined || besides === undefined) return;
  throw new SlowpathError('ERR_USAGE', `${besides[1]} is for a switch without --${by}: say it in there`);
}

function addDumpFlows(root: Command): void {
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
}

function addShow(root: Command): void {
  root
    .command('show')
    .description("print the datapath's counters and ports as ovs-dpctl show does")
    .addOption(datapathOption().default('system'))
    .option('-n, --name <name>', 'name of the datapath')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP.show)
    .action(async (options: QueryOptions) => print(await (await import('./query.js')).show(options)));
}

function addCtl(root: Command, controlHelp: string): void {
  root
    .command('ctl')
    .description('give the running switch a command, as ovs-appctl does')
    .argument('<command>', 'what to do')
    .argument('[arguments...]', 'arguments and options of the command')
    .addOption(datapathOption().default('system'))
    .option('-n, --name <name>', 'name of the datapath')
    .addHelpText('after', `${controlHelp}\n${HELP.ctl}`)
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (command: string, args: string[], options: CtlOptions) =>
      print(await (await import('./ctl.js')).ctl(command, args, options)),
    );
}

function addFlowEvents(root: Command): void {
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
}

function addMonitor(root: Command): void {
  root
    .command('monitor')
    .description(
      'follow the upcalls of the running switch: packets that no flow matched, and what was decided',
    )
    .addOption(datapathOption().default('system'))
    .option('-n, --name <name>', 'name of the datapath')
    .option('-b, --bridge <name>', 'only packets that came in by this bridge')
    .option('-m, --match <match>', 'only packets that match, in the syntax of ovs-ofctl')
    .option('-c, --count <upcalls>', 'end after so many', positive)
    .option('--json', 'print JSON, one object a line')
    .addHelpText('after', HELP.monitor)
    .action(async (options: MonitorOptions) => {
      await (await import('./monitor.js')).monitor(options, print);
    });
}
