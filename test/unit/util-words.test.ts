import { expect } from 'chai';
import { fnv1a, sameWords } from '../../ts/util/index.js';

describe('words', () => {
  it('are the same by length and value; what is not there is like itself only', () => {
    const words = Int32Array.of(1, -2);
    expect(sameWords(words, Int32Array.of(1, -2))).to.equal(true);
    expect(sameWords(words, Int32Array.of(1, 2))).to.equal(false);
    expect(sameWords(words, Int32Array.of(1))).to.equal(false);
    expect(sameWords(Int32Array.of(1), words)).to.equal(false);
    expect(sameWords(words, null)).to.equal(false);
    expect(sameWords(null, words)).to.equal(false);
    expect(sameWords(null, null)).to.equal(true);
  });

  it('have the published FNV-1a of bytes, and take all of a word', () => {
    const ofText = (text: string): number => fnv1a(Buffer.from(text)) >>> 0;
    expect(ofText('')).to.equal(0x811c9dc5);
    expect(ofText('a')).to.equal(0xe40c292c);
    expect(ofText('foobar')).to.equal(0xbf9cf968);
    expect(fnv1a(Int32Array.of(0x10000))).not.to.equal(fnv1a(Int32Array.of(0)));
  });
});
