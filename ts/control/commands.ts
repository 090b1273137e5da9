import { SlowpathError } from '../errors/index.js';
import { COVERAGE_COMMANDS } from './counters.js';
import { DPCTL_COMMANDS } from './dpctl.js';
import { FDB_COMMANDS } from './fdb.js';
import { LACP_COMMANDS } from './lacp.js';
import { OFCTL_COMMANDS } from './ofctl.js';
import type { Command, ControlContext } from './types.js';
import { UPCALL_COMMANDS } from './upcall.js';

const LIST: Command = {
  name: 'list-commands',
  usage: '',
  help: 'list the commands',
  least: 0,
  most: 0,
  run: () => commandList(),
};

/** All commands, in order of name. */
export const COMMANDS: readonly Command[] = [
  ...COVERAGE_COMMANDS,
  ...DPCTL_COMMANDS,
  ...FDB_COMMANDS,
  ...LACP_COMMANDS,
  ...OFCTL_COMMANDS,
  ...UPCALL_COMMANDS,
  LIST,
].sort((a, b) => (a.name < b.name ? -1 : 1));

const BY_NAME = new Map(COMMANDS.map((command) => [command.name, command]));

/** `ovs-appctl list-commands`. */
export function commandList(): string {
  const lines = COMMANDS.map(({ name, usage }) => `  ${name.padEnd(23)} ${usage}`);
  return ['The available commands are:', ...lines].join('\n');
}

/** The commands with what they do, for help. */
export function commandHelp(): string {
  const entries = COMMANDS.map(({ name, usage, help }) => [`${name} ${usage}`.trimEnd(), help] as const);
  return entries.map(([words, help]) => `  ${words}\n      ${help}`).join('\n');
}

/**
 * Does what a command with arguments says; what it prints. Throws ERR_USAGE, in the words of ovs-appctl, for a command that is none and for too few
 * or too many arguments, else what the command throws.
 */
export async function runCommand(
  context: ControlContext,
  name: string,
  args: readonly string[],
): Promise<string> {
  const command = BY_NAME.get(name);
  if (command === undefined) {
    throw usage(`"${name}" is not a valid command (use "list-commands" to see a list of valid commands)`);
  }
  const { least, most } = command;
  if (args.length < least) throw usage(`"${name}" command requires at least ${least} arguments`);
  if (args.length > most) throw usage(`"${name}" command takes at most ${most} arguments`);
  return await command.run(context, args);
}

function usage(message: string): SlowpathError {
  return new SlowpathError('ERR_USAGE', message);
}
