import type { Readable } from 'node:stream';

const NEWLINE = 0x0a;

/**
 * The lines of a stream, without their ends (`\n` or `\r\n`), as UTF-8; bytes that are none become U+FFFD. A line of more than
 * `most` bytes comes out as null: what does not fit is thrown away while it is read. A last line need not have an end.
 */
export async function* readLines(input: Readable, most: number): AsyncGenerator<string | null> {
  let parts: Buffer[] = [];
  let length = 0;
  const take = () => {
    const text = length > most ? null : Buffer.concat(parts).toString('utf8').replace(/\r$/, '');
    parts = [];
    length = 0;
    return text;
  };
  const keep = (part: Buffer) => {
    length += part.length;
    if (length <= most) parts.push(part);
    else parts = [];
  };
  for await (const chunk of input) {
    const bytes: Buffer = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      keep(bytes.subarray(from, end));
      yield take();
      from = end + 1;
    }
    if (from < bytes.length) keep(bytes.subarray(from));
  }
  if (length > 0) yield take();
}
