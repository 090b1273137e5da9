import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { readLines } from './batch-lines.js';
import { BATCH_OPS } from './batch-ops.js';

/** Bytes of the longest request; longer ones are answered with an error. */
const MAX_LINE = 1 << 24;

/**
 * Answers requests read from `input`, one JSON object a line, with one JSON object a line on `output`, in order. Whatever
 * is wrong with a request, its answer is {"error": …} and the next one is read. Reads no faster than answers are taken. Ends
 * with the input, or quietly when nobody reads the output any more.
 */
export async function batch(input: Readable, output: Writable): Promise<void> {
  let failure: NodeJS.ErrnoException | null = null;
  output.on('error', (error) => {
    failure ??= error;
  });
  for await (const line of readLines(input, MAX_LINE)) {
    const text = line === null ? problem(`a request has at most ${MAX_LINE} bytes`) : answerLine(line);
    // A failed write also ends the wait; what failed is looked at below.
    if (!output.write(`${text}\n`)) await once(output, 'drain').catch(() => undefined);
    if (failure !== null) break;
  }
  endOfOutput(failure);
}

/** Throws what went wrong with writing, except that the reader left. */
function endOfOutput(failure: NodeJS.ErrnoException | null): void {
  if (failure !== null && failure.code !== 'EPIPE') throw failure;
}

/** The answer to one line, as JSON on one line. */
export function answerLine(line: string): string {
  try {
    return JSON.stringify(answer(JSON.parse(line)));
  } catch (error) {
    return problem(error instanceof Error ? error.message : String(error));
  }
}

/** Characters of a message: what it quotes may be as long as a request. */
const MAX_MESSAGE = 1000;

function problem(message: string): string {
  const error = message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message;
  return JSON.stringify({ error });
}

function answer(request: unknown): object {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    throw new TypeError('a request is a JSON object with a member "op"');
  }
  const { op } = request as { op?: unknown };
  const handler = typeof op === 'string' ? BATCH_OPS.get(op) : undefined;
  if (handler === undefined) {
    throw new TypeError(`"op" is none of ${[...BATCH_OPS.keys()].join(', ')}`);
  }
  return handler(request as Record<string, unknown>);
}
