import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { once } from 'node:events';
import { BATCH_OPS } from './batch-ops.js';

/** Longest request line, in UTF-16 units; longer ones are answered with an error. */
const MAX_LINE = 1 << 24;

/**
 * Answers requests read from `input`, one JSON object a line, with one JSON object a line on `output`, in order. Whatever
 * is wrong with a request, its answer is {"error": …} and the next one is read. Ends with the input, or when nobody
 * reads the output any more.
 */
export async function batch(input: Readable, output: Writable): Promise<void> {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) {
    if (!output.write(`${answerLine(line)}\n`)) await once(output, 'drain');
  }
}

/** The answer to one line, as JSON on one line. */
export function answerLine(line: string): string {
  try {
    if (line.length > MAX_LINE) return problem(`a request has at most ${MAX_LINE} characters`);
    return JSON.stringify(answer(JSON.parse(line)));
  } catch (error) {
    return problem(error instanceof Error ? error.message : String(error));
  }
}

function problem(message: string): string {
  return JSON.stringify({ error: message });
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
