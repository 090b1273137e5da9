#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { SlowpathError } from '../errors/index.js';
import { version } from '../util/index.js';
import { addFileCommands } from './file-commands.js';
import { EXIT_HELP } from './help.js';
import { watchOutput } from './output.js';
import { addSwitchCommands } from './switch-commands.js';

/** Exit codes: 0 done; 1 something unforeseen; 2 the user can mend it (arguments, interfaces, privileges, flows). */
const EXIT_UNFORESEEN = 1;
const EXIT_USER = 2;

/** A message of commander's, which puts its suggestions on a line of their own. */
function oneLine(text: string): string {
  return `${text
    .trim()
    .replace(/^error: /, 'slowpath: ')
    .replaceAll('\n', ' ')}\n`;
}

function program(controlHelp: string): Command {
  const root = new Command('slowpath')
    .description("The userspace half of Open vSwitch's Linux datapath")
    .version(version(), '-V, --version')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(oneLine(text)) });

  addSwitchCommands(root, controlHelp);
  addFileCommands(root);
  for (const command of [root, ...root.commands]) command.addHelpText('after', EXIT_HELP);
  return root;
}

/** The commands of `slowpath ctl`, where somebody asks for help. */
async function helpOfControl(): Promise<string> {
  if (!process.argv.some((word) => ['-h', '--help', 'help'].includes(word))) return '';
  return `\nCommands:\n${(await import('../control/index.js')).commandHelp()}`;
}

async function main(): Promise<void> {
  watchOutput();
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
