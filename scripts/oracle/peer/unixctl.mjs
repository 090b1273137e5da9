// The control socket of an OVS daemon: JSON-RPC, one request at a time (ovs-appctl(8)).
import { connect } from 'node:net';

/** Ends of the top-level JSON object that begins `text`, or -1 while it is not all there. */
function objectEnd(text) {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c === '\\') i += 1;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === '{') depth += 1;
    else if (c === '}' && --depth === 0) return i + 1;
  }
  return -1;
}

/** Longest answer that is read; a trace that prints more has exploded. */
const MAX_ANSWER = 1 << 25;

/**
 * Asks the daemon whose control socket is `path`. Rejects when the daemon refuses, closes, says nothing for `timeoutMs` or too much.
 *
 * @returns {Promise<string>}
 */
export function ask(path, method, params, timeoutMs) {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const parts = [];
    let size = 0;
    const settle = (act) => {
      clearTimeout(timer);
      socket.destroy();
      act();
    };
    const fail = (reason, gone = false) =>
      settle(() => reject(Object.assign(new Error(`${method}: ${reason}`), { gone })));
    const timer = setTimeout(() => fail(`no answer in ${timeoutMs} ms`, true), timeoutMs);
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(JSON.stringify({ id: 0, method, params })));
    socket.on('error', (error) => fail(error.message, true));
    socket.on('close', () => fail('the daemon closed the connection', true));
    socket.on('data', (chunk) => {
      parts.push(chunk);
      size += chunk.length;
      if (size > MAX_ANSWER) return fail('the answer is too long', true);
      // An answer ends with its object; looking for that end at every chunk would cost the square of a long one.
      if (!chunk.trimEnd().endsWith('}')) return;
      const text = parts.join('');
      const end = objectEnd(text);
      if (end < 0) return;
      const { result, error } = JSON.parse(text.slice(0, end));
      if (error !== null) fail(String(error).trim());
      else settle(() => resolve(result ?? ''));
    });
  });
}
