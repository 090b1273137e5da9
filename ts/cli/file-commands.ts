import { Argument, type Command } from 'commander';
import { completionScript, SHELL_NAMES } from './completion.js';
import { HELP } from './help.js';
import { append, datapathOption } from './options.js';
import { print } from './output.js';
import type { PcapOptions } from './pcap.js';
import type { TraceOptions } from './trace.js';

/** Commands that answer from what they are given: a description of a switch, a capture, requests. */
export function addFileCommands(root: Command): void {
  addTrace(root);
  addPcap(root);
  addBatch(root);
  addCompletion(root);
}

function addTrace(root: Command): void {
  root
    .command('trace')
    .description(
      'say what a packet becomes, as ovs-appctl ofproto/trace does: in the switch that runs, or in one described here',
    )
    .argument('<bridge>', 'name of the bridge')
    .argument('<flow>', "the packet: a flow in OpenFlow's syntax, or a datapath key")
    .option('--config <file>', 'configuration, YAML or JSON')
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
}

function addPcap(root: Command): void {
  root
    .command('pcap')
    .description(
      'run a capture through the rules: per packet its actions, per megaflow its packets, per port a capture',
    )
    .argument('<file>', 'pcap or pcapng, of Ethernet')
    .option(
      '-f, --flows <file>',
      'OpenFlow rules in ovs-ofctl syntax, one a line; without: a learning switch',
    )
    .option('--groups <file>', 'groups, one a line')
    .option('--meters <file>', 'meters, one a line; they let all packets pass')
    .option('--config <file>', 'configuration, YAML or JSON')
    .option('--vsctl <words>', 'configuration as ovs-vsctl words, after that of --config')
    .option('-b, --bridge <name>', 'bridge that the rules are for (default: the first)')
    .option('-i, --in-port <port>', 'name or OpenFlow number of the port that packets come in by')
    .option('-o, --out <folder>', 'write what leaves by each port to PORT.pcapng in this folder')
    .option('--json', 'print JSON, one object a line')
    .addHelpText('after', HELP.pcap)
    .action(async (file: string, options: PcapOptions) => {
      const { pcapCommand } = await import('./pcap.js');
      await pcapCommand(file, options, (line) => process.stdout.write(`${line}\n`));
    });
}

function addBatch(root: Command): void {
  root
    .command('batch')
    .description(
      'answer requests on standard input, one JSON object a line, with one a line on standard output',
    )
    .addHelpText('after', HELP.batch)
    .action(async () => (await import('./batch.js')).batch(process.stdin, process.stdout));
}

function addCompletion(root: Command): void {
  root
    .command('completion')
    .description('print a script that completes this command line in a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELL_NAMES))
    .addHelpText('after', HELP.completion)
    .action((shell: string) => print(completionScript(root, shell)));
}
