import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './processes.js';

/** A command of a document, with what it says that it prints. */
export interface ConsoleCommand {
  readonly command: string;
  /** Lines; `…` stands for any text within a line, and a line of `…` alone for any lines. */
  readonly expected: readonly string[];
  /** Line in the document. */
  readonly line: number;
}

/** The commands (`$ …`) of the ```console blocks of a Markdown file, in order. A command goes on in the next line after a backslash. */
export function consoleCommands(path: string): ConsoleCommand[] {
  const found: { command: string; expected: string[]; line: number }[] = [];
  let inside = false;
  for (const [i, text] of readFileSync(path, 'utf8').split('\n').entries()) {
    if (text.startsWith('```')) inside = text === '```console';
    else if (!inside) continue;
    else if (text.startsWith('$ ')) found.push({ command: text.slice(2), expected: [], line: i + 1 });
    else if (found.at(-1)!.command.endsWith('\\'))
      found.at(-1)!.command = `${found.at(-1)!.command.slice(0, -1)}${text.trim()}`;
    else found.at(-1)!.expected.push(text);
  }
  return found;
}

/** Whether what was printed is what is expected; both without blanks at line ends. */
export function matchesConsole(printed: string, expected: readonly string[]): boolean {
  const pattern = expected
    .map((line) => (line.trim() === '…' ? '(?:.*\\n)*?' : `${escaped(line.trimEnd())}\\n`))
    .join('');
  const lines = printed.split('\n').map((line) => line.trimEnd());
  return new RegExp(`^${pattern}$`).test(`${lines.join('\n').replace(/\n+$/, '')}\n`.replace(/^\n$/, ''));
}

function escaped(line: string): string {
  return line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '.*');
}

/** The commands of a section of a document: what is set in by four spaces; a line set in by more goes on with the one before. */
export function commandsOf(document: string, heading: string): string[] {
  const text = readFileSync(join(root, document), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  const section = text.slice(text.indexOf(`\n## ${heading}\n`) + 4).split('\n## ')[0];
  const lines = [...section.matchAll(/^ {4}(.*)$/gm)].map(([, line]) => line);
  const commands: string[] = [];
  for (const line of lines) {
    if (line.startsWith(' ')) commands.push(`${commands.pop()} ${line.trim()}`);
    else commands.push(line);
  }
  if (commands.length === 0) throw new Error(`${document} has no commands under ${heading}`);
  return commands;
}
