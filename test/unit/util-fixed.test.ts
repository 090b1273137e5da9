import { expect } from 'chai';
import { formatFixed } from '../../ts/util/index.js';

describe('util: numbers with decimals', () => {
  it('are rounded as printf rounds them, halfway cases to an even digit', () => {
    // What printf of the GNU C library makes of them.
    for (const [value, digits, text] of [
      [2.25, 1, '2.2'],
      [1.75, 1, '1.8'],
      [0.125, 2, '0.12'],
      [0.375, 2, '0.38'],
      [2.5, 0, '2'],
      [3.5, 0, '4'],
      // Not halfway: the number next to it in binary is larger, or smaller.
      [0.15, 1, '0.1'],
      [0.35, 1, '0.3'],
      [0.45, 1, '0.5'],
      [2.26, 1, '2.3'],
      [0, 2, '0.00'],
      [99.995, 2, '100.00'],
      [1023.95, 1, '1024.0'],
    ] as const)
      expect(formatFixed(value, digits), `${value}`).to.equal(text);
  });
});
