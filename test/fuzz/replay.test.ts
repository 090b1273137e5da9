import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { root } from '../support/processes.js';
import { mutateBytes, mutateText, Random } from './mutate.js';
import { targets } from './targets.js';

/** Inputs of a target in test/fuzz/`kind`; none when there is no folder. */
function inputs(kind: string, name: string): { title: string; bytes: Uint8Array }[] {
  const folder = join(root, 'test', 'fuzz', kind, name);
  const files = existsSync(folder) ? readdirSync(folder).sort() : [];
  return files.map((file) => ({ title: `${kind}/${name}/${file}`, bytes: readFileSync(join(folder, file)) }));
}

describe('fuzz: inputs of keys and actions in text and bytes', () => {
  for (const [name, target] of Object.entries(targets)) {
    it(`${name}: corpus, what was found before, and some mutations`, () => {
      const corpus = inputs('corpus', name);
      expect(corpus.length).to.be.greaterThan(5);
      const all = [...corpus, ...inputs('regressions', name)];
      for (const { title, bytes } of all) expect(() => target.run(bytes), title).not.to.throw();
      const seeds = corpus.map(({ bytes }) => bytes);
      const random = new Random(7);
      for (let i = 0; i < 2000; i++) {
        const input = target.mutate(random.pick(seeds), random, seeds);
        expect(() => target.run(input), Buffer.from(input).toString('latin1')).not.to.throw();
      }
    });
  }

  it('mutates the same way for the same seed', () => {
    const seeds = [new TextEncoder().encode('set(ipv4(ttl=64)),2'), Uint8Array.of(8, 0, 1, 0, 2, 0, 0, 0)];
    for (const mutate of [mutateText, mutateBytes]) {
      const run = () => {
        const random = new Random(3);
        return Array.from({ length: 50 }, () =>
          Buffer.from(mutate(random.pick(seeds), random, seeds)).toString('hex'),
        );
      };
      expect(run()).to.deep.equal(run());
      expect(new Set(run()).size).to.be.greaterThan(30);
    }
  });
});
