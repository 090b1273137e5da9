import { SlowpathError, SyntaxProblem } from '../errors/index.js';

/** Runs `work`; a syntax error of it becomes ERR_TRACE that says of what, or where: `place` is FILE:LINE. */
export function about<T>(what: string, work: () => T, place?: string): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof SyntaxProblem)) throw cause;
    const where = place === undefined ? `${what}: column ${cause.column}` : `${place}:${cause.column}`;
    throw new SlowpathError('ERR_TRACE', `${where}: ${cause.message}`, { cause });
  }
}
