import { messageOf } from '../errors/index.js';

/** Where output goes that cannot be written: a user can mend it. */
const EXIT_USER = 2;

/** What happens when standard output takes no more. */
let onFailure: (error: NodeJS.ErrnoException) => void = endWithReader;

/** Answers go to standard output, ended by a line end. */
export function print(text: string): void {
  if (text !== '') process.stdout.write(`${text}\n`);
}

/** A command ends in peace when who reads has seen enough; a full disk is told. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit();
  console.error(`slowpath: cannot write to standard output: ${messageOf(error)}`);
  process.exit(EXIT_USER);
}

/** Hears what becomes of standard output, from the start. */
export function watchOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => onFailure(error));
}

/** From now on the command outlives who reads, which `tell` is told once: a switch is more than its reader. */
export function outliveReader(tell: (message: string) => void): void {
  onFailure = (error) => {
    onFailure = () => {};
    tell(`standard output: ${messageOf(error)}: nobody is told there any more`);
  };
}
