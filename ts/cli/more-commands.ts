import { Argument, type Command, InvalidArgumentError, type Option } from 'commander';
import { completionScript, SHELL_NAMES } from './completion.js';
import type { MonitorOptions } from './monitor.js';
import type { PcapOptions } from './pcap.js';

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('give a whole number from 1 on.');
  return value;
}

/** `slowpath monitor`. */
export function addMonitor(root: Command, datapath: Option, print: (text: string) => void): void {
  root
    .command('monitor')
    .description(
      'follow the upcalls of the running switch: packets that no flow matched, and what was decided',
    )
    .addOption(datapath)
    .option('-n, --name <name>', 'name of the datapath')
    .option('-b, --bridge <name>', 'only packets that came in by this bridge')
    .option('-m, --match <match>', 'only packets that match, in the syntax of ovs-ofctl')
    .option('-c, --count <upcalls>', 'end after so many', count)
    .option('--json', 'print JSON, one object a line')
    .addHelpText(
      'after',
      `
Each line has the time, the class (miss, slow_path, sflow, flow_sample, ipfix, controller, bad), bridge and port, the bytes of the
packet, its key as ovs-dpctl writes it, and for misses the datapath actions and the megaflow that was installed.

Example:
  slowpath monitor -d netdev --match tcp,nw_dst=10.0.0.0/8,tp_dst=80`,
    )
    .action(async (options: MonitorOptions) => {
      await (await import('./monitor.js')).monitor(options, print);
    });
}

/** `slowpath pcap`. */
export function addPcap(root: Command, print: (text: string) => void): void {
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
    .option('--config <file>', 'configuration, JSON')
    .option('--vsctl <words>', 'configuration as ovs-vsctl words, after that of --config')
    .option('-b, --bridge <name>', 'bridge that the rules are for (default: the first)')
    .option('-i, --in-port <port>', 'name or OpenFlow number of the port that packets come in by')
    .option('-o, --out <folder>', 'write what leaves by each port to PORT.pcapng in this folder')
    .option('--json', 'print JSON, one object a line')
    .addHelpText(
      'after',
      `
Without a configuration there is a bridge br0 with ports port1 to port16. A packet comes in by the port of --in-port; else by the port that has the
name of the interface that it was captured on; else by the first port for the first interface of the file, and so on.

Actions are carried out by the embedded datapath, with its connection tracking; this takes CAP_NET_ADMIN. What is learned stays learned. Progress
is shown on a terminal.

Example:
  slowpath pcap in.pcapng --flows rules.txt --out ports/`,
    )
    .action(async (file: string, options: PcapOptions) => {
      const { pcapCommand } = await import('./pcap.js');
      await pcapCommand(file, options, (line) => print(line === '' ? '\n' : line));
    });
}

/** `slowpath completion`. */
export function addCompletion(root: Command, print: (text: string) => void): void {
  root
    .command('completion')
    .description('print a script that completes this command line in a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELL_NAMES))
    .addHelpText(
      'after',
      `
  bash: source <(slowpath completion bash)
  zsh:  slowpath completion zsh > "\${fpath[1]}/_slowpath"
  fish: slowpath completion fish | source`,
    )
    .action((shell: string) => print(completionScript(root, shell)));
}
