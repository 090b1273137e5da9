import { SlowpathError } from '../errors/index.js';
import type { Configuration } from './configuration.js';
import { Draft } from './draft.js';
import { BRIDGE_COMMANDS } from './vsctl-bridges.js';
import { RECORD_COMMANDS } from './vsctl-records.js';
import { Session } from './vsctl-session.js';
import { SETTING_COMMANDS } from './vsctl-settings.js';
import { splitCommands } from './vsctl-words.js';

const COMMANDS = { ...BRIDGE_COMMANDS, ...SETTING_COMMANDS, ...RECORD_COMMANDS };

/** What a list of ovs-vsctl commands came to. */
export interface VsctlResult {
  readonly configuration: Configuration;
  /** What each command printed, without the last newline; '' for nothing. */
  readonly outputs: readonly string[];
}

/**
 * Carries out ovs-vsctl words (`add-br br0 -- set bridge br0 fail-mode=secure -- …`, ovs-vsctl(8)) on a configuration, as one
 * transaction: all or none. Throws SlowpathError: ERR_VSCTL for wrong commands, ERR_CONFIG_* for what the schema refuses.
 */
export function vsctl(base: Configuration, words: readonly string[]): VsctlResult {
  const session = new Session(new Draft(base));
  const outputs = splitCommands(words).map((command) => {
    if (!Object.hasOwn(COMMANDS, command.name)) {
      throw new SlowpathError(
        'ERR_VSCTL',
        `"${command.name}" is no command: expected one of ${Object.keys(COMMANDS).join(', ')}`,
      );
    }
    const { min, max, options, run } = COMMANDS[command.name];
    if (command.args.length < min || command.args.length > max) {
      throw new SlowpathError(
        'ERR_VSCTL',
        `${command.name}: ${command.args.length} arguments given, expected ${min}${max === min ? '' : max === Infinity ? ' or more' : ` to ${max}`}`,
      );
    }
    for (const option of command.options.keys()) {
      if (!options.includes(option)) {
        throw new SlowpathError('ERR_VSCTL', `${command.name} has no option --${option}`);
      }
    }
    return run(session, command) ?? '';
  });
  session.finish();
  return { configuration: session.draft.commit(), outputs };
}
