import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { expect } from 'chai';
import { readLines } from '../../ts/cli/batch-lines.js';
import { answerLine, batch } from '../../ts/cli/index.js';
import { root } from '../support/processes.js';

const OUTPUT_1 = '{"op":"actions.decode","actions":"0800010001000000"}';

async function lines(chunks: readonly (string | Buffer)[], most = 100): Promise<(string | null)[]> {
  const out: (string | null)[] = [];
  for await (const line of readLines(Readable.from(chunks), most)) out.push(line);
  return out;
}

describe('slowpath batch: lines', () => {
  it('come out however they are cut into chunks', async () => {
    const text = 'one\n\ntwo\r\nthree \u2028 é\nfour';
    const expected = ['one', '', 'two', 'three \u2028 é', 'four'];
    const bytes = Buffer.from(text);
    for (let size = 1; size <= bytes.length; size++) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      expect(await lines(chunks), `${size}`).to.deep.equal(expected);
    }
    expect(await lines([])).to.deep.equal([]);
    expect(await lines(['a\n'])).to.deep.equal(['a']);
  });

  it('that are too long are one null, and those behind are read', async () => {
    const chunks = ['x'.repeat(60), 'x'.repeat(60), 'x\nshort\n', 'y'.repeat(101), '\n', 'z'.repeat(100)];
    expect(await lines(chunks)).to.deep.equal([null, 'short', null, 'z'.repeat(100)]);
  });
});

describe('slowpath batch: answers', () => {
  const error = (line: string) => (JSON.parse(answerLine(line)) as { error?: string }).error;

  it('are one error for whatever is no request', () => {
    for (const line of ['', ' ', 'x', '\0', '1', 'null', '[]', '"op"', '{', '{"op":1}', '{}']) {
      expect(error(line), line).to.be.a('string');
    }
    expect(error('{"op":"constructor"}')).to.match(/^"op" is none of key\.decode, /);
  });

  it('name what is missing or of the wrong type', () => {
    expect(error('{"op":"key.decode"}')).to.equal('"key" must be a string');
    expect(error('{"op":"key.decode","key":"0"}')).to.match(/"key" must be pairs of hex/);
    expect(error('{"op":"key.decode","key":"","mask":{}}')).to.equal('"mask" must be a string');
    expect(error('{"op":"packet.extract","packet":""}')).to.equal('"flow" must be a string');
    expect(error('{"op":"flow.key","flow":"tcp,nonsense=1"}')).to.match(/nonsense/);
    expect(error('{"op":"actions.encode","text":"1,flood"}')).to.equal(
      "line 1, column 3: unknown action 'flood'",
    );
  });

  it('of a malformed key name the attribute and still show it', () => {
    const answer = JSON.parse(answerLine('{"op":"key.decode","key":"08000300010000000800030001000000"}'));
    expect(answer).to.deep.equal({
      text: 'in_port(1),in_port(1)',
      fitness: 'error',
      error: 'in_port: there twice',
    });
  });

  it('tell upcalls apart, and what is none', () => {
    const classify = (message: string) =>
      JSON.parse(answerLine(JSON.stringify({ op: 'upcall.classify', message })));
    const header = (length: number, cmd: number) =>
      `${Buffer.from(Uint32Array.of(length).buffer).toString('hex')}2200000000000000000000000${cmd}01000000000000`;
    const packet = `12000100${'00'.repeat(14)}0000`;
    const key = '0c0002000800030001000000';
    expect(classify(header(24 + 20 + 12, 1) + packet + key)).to.deep.equal({ class: 'miss' });
    expect(classify(header(24 + 20 + 12, 2) + packet + key)).to.deep.equal({
      class: 'bad',
      reason: 'action upcall without a cookie',
    });
    expect(classify(header(24 + 12, 1) + key).reason).to.match(/no packet/);
    expect(classify(header(24 + 20, 1) + packet).reason).to.match(/no flow key/);
    expect(classify(header(24, 3)).reason).to.match(/neither a miss nor an action/);
    expect(classify(header(25, 1)).reason).to.match(/25 bytes, 24 are there/);
    expect(classify('00').class).to.equal('bad');
  });
});

describe('slowpath batch: the stream', () => {
  it('is answered in order, and read no faster than answers are taken', async () => {
    let read = 0;
    async function* requests() {
      for (read = 0; read < 5000; read++) yield `${OUTPUT_1}\n`;
    }
    const output = new PassThrough({ highWaterMark: 64 });
    const done = batch(Readable.from(requests(), { highWaterMark: 1 }), output);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(read).to.be.lessThan(100);
    let text = '';
    output.on('data', (chunk) => {
      text += chunk;
    });
    await done;
    expect(text).to.equal('{"text":"1"}\n'.repeat(5000));
  });

  it('ends quietly when nobody reads the answers any more', async () => {
    const child = spawn(process.execPath, [join(root, 'out/ts/cli/main.js'), 'batch']);
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.stdin.on('error', () => undefined);
    child.stdout.destroy();
    child.stdin.write(`${OUTPUT_1}\n`.repeat(20_000));
    const [code] = await once(child, 'close');
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
  });
});
