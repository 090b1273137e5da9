import { expect } from 'chai';
import { floodOrder } from '../../ts/bridge/flood-order.js';

const LOCAL = 65534;
const order = (ofports: readonly number[]) =>
  floodOrder(ofports.map((ofport) => ({ ofport }))).map((port) => port.ofport);
const upTo = (n: number) => [LOCAL, ...Array.from({ length: n }, (_, i) => i + 1)];

/** Orders that ovs-vswitchd 3.1.0 floods in, with ports that were added one by one. */
describe('order of FLOOD and ALL', () => {
  it('is that of the hash table of ports', () => {
    expect(order(upTo(12))).to.deep.equal([11, 10, 8, LOCAL, 9, 5, 12, 1, 4, 6, 7, 2, 3]);
  });

  it('depends on when ports were added where hashes fall together', () => {
    // 1, 4, 6 and 7 are in one chain of eight.
    expect(order([LOCAL, 7, 4, 6, 1, 2, 3, 5])).to.deep.equal([LOCAL, 5, 7, 4, 6, 1, 2, 3]);
  });

  it('has every port once, however many there are', () => {
    for (const n of [0, 1, 2, 3, 7, 8, 15, 16, 100, 1000]) {
      expect(order(upTo(n)).toSorted((a, b) => a - b)).to.deep.equal(upTo(n).toSorted((a, b) => a - b));
    }
  });
});
