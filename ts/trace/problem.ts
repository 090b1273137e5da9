import { SlowpathError, SyntaxProblem } from '../errors/index.js';

/** Runs `work`; a syntax error of it becomes ERR_TRACE that says of what. */
export function about<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof SyntaxProblem)) throw cause;
    throw new SlowpathError('ERR_TRACE', `${what}: column ${cause.column}: ${cause.message}`, { cause });
  }
}
