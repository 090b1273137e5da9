/** One command of an ovs-vsctl command line. */
export interface VsctlCommand {
  readonly name: string;
  /** Options before the name: `may-exist`, `if-exists`, `id` with its value; '' for an option without one. */
  readonly options: ReadonlyMap<string, string>;
  readonly args: readonly string[];
}

/** Splits words at `--` into commands; empty ones are left out. Global options of ovs-vsctl itself have no place here. */
export function splitCommands(words: readonly string[]): VsctlCommand[] {
  const commands: VsctlCommand[] = [];
  let current: string[] = [];
  for (const word of [...words, '--']) {
    if (word !== '--') {
      current.push(word);
      continue;
    }
    const command = parseCommand(current);
    if (command !== null) commands.push(command);
    current = [];
  }
  return commands;
}

function parseCommand(words: readonly string[]): VsctlCommand | null {
  const options = new Map<string, string>();
  let at = 0;
  for (; at < words.length && words[at].startsWith('--'); at++) {
    const [, name, value = ''] = /^--([^=]*)(?:=(.*))?$/s.exec(words[at])!;
    options.set(name, value);
  }
  if (at >= words.length) return options.size === 0 ? null : { name: '', options, args: [] };
  return { name: words[at], options, args: words.slice(at + 1) };
}

/** Splits a command line as a shell does: blanks separate, quotes and backslashes protect. */
export function splitShellWords(text: string): string[] {
  const words: string[] = [];
  const pattern = /\s*((?:[^\s'"\\]+|'[^']*'|"(?:[^"\\]|\\.)*"|\\.)+)/gsy;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    words.push(
      match[1].replace(/'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/gs, (_, single, double, escaped) =>
        single !== undefined ? single : double !== undefined ? double.replace(/\\(["\\$`])/g, '$1') : escaped,
      ),
    );
  }
  return words;
}
