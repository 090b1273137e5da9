import type { Command, Option } from 'commander';
import { SlowpathError } from '../errors/index.js';

/** What of an option completion needs. */
interface Completed {
  /** `--datapath`, and `-d` where it has one. */
  readonly words: readonly string[];
  readonly description: string;
  /** It takes a value; one of these where they are known. */
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

function describe(option: Option): Completed {
  const words = [option.long, option.short].filter((word): word is string => typeof word === 'string');
  const takesValue = option.required || option.optional;
  return { words, description: option.description, takesValue, choices: option.argChoices ?? [] };
}

const optionsOf = (command: Command) => command.createHelp().visibleOptions(command).map(describe);
const commandsOf = (root: Command) =>
  root
    .createHelp()
    .visibleCommands(root)
    .map((command) => ({
      name: command.name(),
      description: command.description(),
      options: optionsOf(command),
    }));

/** Text between single quotation marks of a shell. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function bash(root: Command): string {
  const name = root.name();
  const commands = commandsOf(root);
  const options = commands.map(
    (command) =>
      `    ${command.name}) words=${quoted(command.options.flatMap(({ words }) => words).join(' '))} ;;`,
  );
  const choices = new Map(
    commands.flatMap((command) =>
      command.options
        .filter((one) => one.choices.length > 0)
        .map((one) => [one.words.join('|'), one.choices.join(' ')]),
    ),
  );
  return [
    `# bash completion of ${name}: source <(${name} completion bash)`,
    `_${name}() {`,
    '  local current=$2 before=$3 words',
    '  case $before in',
    ...[...choices].map(
      ([words, values]) =>
        `    ${words}) COMPREPLY=($(compgen -W ${quoted(values)} -- "$current")); return ;;`,
    ),
    '  esac',
    '  local command="$' + '{COMP_WORDS[1]}"',
    '  case $command in',
    ...options,
    `    *) words=${quoted(commands.map((command) => command.name).join(' '))} ;;`,
    '  esac',
    `  if [ "$COMP_CWORD" -eq 1 ]; then words=${quoted([...commands.map((one) => one.name), '--help', '--version'].join(' '))}; fi`,
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '  [[ $current == -* ]] || COMPREPLY+=($([ "$COMP_CWORD" -gt 1 ] && compgen -f -- "$current"))',
    '}',
    `complete -o filenames -F _${name} ${name}`,
  ].join('\n');
}

function zsh(root: Command): string {
  const name = root.name();
  const commands = commandsOf(root);
  const colons = (text: string) => text.replaceAll(':', '\\:').replaceAll('[', '\\[').replaceAll(']', '\\]');
  const argument = ({ words, description, takesValue, choices }: Completed) =>
    words.map((word) => {
      const value = !takesValue ? '' : choices.length > 0 ? `:value:(${choices.join(' ')})` : ':value:_files';
      return `      ${quoted(`${word}[${colons(description)}]${value}`)}`;
    });
  return [
    `#compdef ${name}`,
    `# zsh completion of ${name}: ${name} completion zsh > "\${fpath[1]}/_${name}"`,
    `_${name}() {`,
    '  local -a commands',
    `  commands=(${commands.map((one) => quoted(`${one.name}:${colons(one.description)}`)).join(' ')})`,
    '  if (( CURRENT == 2 )); then _describe command commands; return; fi',
    '  case $words[2] in',
    ...commands.flatMap((command) => [
      `    ${command.name}) shift words; (( CURRENT-- )); _arguments -s \\`,
      `${[...command.options.flatMap(argument), "      '*:file:_files'"].join(' \\\n')} ;;`,
    ]),
    '  esac',
    '}',
    `if [ "$funcstack[1]" = "_${name}" ]; then _${name} "$@"; else compdef _${name} ${name}; fi`,
  ].join('\n');
}

function fish(root: Command): string {
  const name = root.name();
  const lines = commandsOf(root).flatMap((command) => [
    `complete -c ${name} -n __fish_use_subcommand -f -a ${command.name} -d ${quoted(command.description)}`,
    ...command.options.map(({ words, description, takesValue, choices }) => {
      const flags = words.map((word) =>
        word.startsWith('--') ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`,
      );
      const value = choices.length > 0 ? ` -x -a ${quoted(choices.join(' '))}` : takesValue ? ' -r' : '';
      return `complete -c ${name} -n ${quoted(`__fish_seen_subcommand_from ${command.name}`)} ${flags.join(' ')}${value} -d ${quoted(description)}`;
    }),
  ]);
  return [`# fish completion of ${name}: ${name} completion fish | source`, ...lines].join('\n');
}

const SHELLS: Readonly<Record<string, (root: Command) => string>> = { bash, zsh, fish };

export const SHELL_NAMES = Object.keys(SHELLS);

/** A script that completes the command line of `root` in a shell. Throws ERR_USAGE for others than SHELL_NAMES. */
export function completionScript(root: Command, shell: string): string {
  if (!Object.hasOwn(SHELLS, shell)) {
    throw new SlowpathError(
      'ERR_USAGE',
      `completion: "${shell}" is no shell that is known: give ${SHELL_NAMES.join(', ')}`,
    );
  }
  return SHELLS[shell](root);
}
