import { expect } from 'chai';
import { F_IN_PORT, F_RECIRC_ID, F_SKB_MARK, F_SKB_PRIORITY, FLOW_WORDS } from '../../ts/fields/index.js';
import { FITNESS, KEY_FORM, native } from '../../ts/native/index.js';
import { fromHexText, type OdpCase, odpCases, suiteCases } from './odp-cases.js';

/** What only the suite's cases have. */
interface MaskedCase extends OdpCase {
  readonly maskFitness?: string;
  readonly maskFromFlow?: string;
}

const cases: readonly MaskedCase[] = [...odpCases, ...suiteCases()];
const key = new Int32Array(FLOW_WORDS);
const mask = new Int32Array(FLOW_WORDS);
const room = new Uint8Array(4096);
const hex = (length: number) => Buffer.from(room.subarray(0, length)).toString('hex');
const encodeFull = (row: Int32Array) => hex(native().encodeKey(row, 0, room, 0, KEY_FORM.full));

describe('golden: keys between bytes and rows, natively', () => {
  it('encodes decoded keys in the form of OVS', () => {
    const keys = cases.filter((c) => c.keyFromFlow !== undefined && c.kind !== 'packet');
    expect(keys.length).to.be.greaterThan(580);
    for (const c of keys) {
      native().decodeKey(fromHexText(c.key ?? c.keyFromFlow!), key, 0);
      expect(encodeFull(key), c.in).to.equal(c.keyFromFlow);
    }
  });

  it('extracts from packets what OVS extracts', () => {
    const packets = cases.filter((c) => c.kind === 'packet');
    expect(packets.length).to.be.greaterThan(380);
    for (const c of packets) {
      native().decodeKey(fromHexText(c.keyFromFlow!), key, 0);
      // Of the key only metadata is kept; extraction has to find the rest.
      const row = new Int32Array(FLOW_WORDS);
      for (const word of [F_IN_PORT, F_RECIRC_ID, F_SKB_MARK, F_SKB_PRIORITY]) row[word] = key[word];
      native().extractPacket(fromHexText(c.packet!), row, 0, KEY_FORM.full);
      expect(encodeFull(row), c.in).to.equal(c.keyFromFlow);
    }
  });

  it('judges keys and masks of the suite, and encodes masks in the form of OVS', () => {
    for (const c of cases.filter((c) => c.fitness !== undefined)) {
      expect(FITNESS[native().decodeKey(fromHexText(c.key!), key, 0)], c.in).to.equal(c.fitness);
      const fitness = FITNESS[native().decodeMask(fromHexText(c.mask!), key, 0, mask, 0)];
      expect(fitness, c.in).to.equal(c.maskFitness);
      if (c.maskFromFlow === undefined) continue;
      expect(hex(native().encodeMask(key, 0, mask, 0, room, 0, KEY_FORM.full)), c.in).to.equal(
        c.maskFromFlow,
      );
    }
  });
});
