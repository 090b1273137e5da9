import { expect } from 'chai';
import {
  OVS_PACKET_CMD_ACTION,
  OVS_PACKET_CMD_MISS,
  UPCALL_CMD,
  UPCALL_FITNESS,
  UPCALL_ROW_WORDS,
  UPCALL_UFID,
  UPCALL_USERDATA_LEN,
  UPCALL_USERDATA_OFF,
} from '../../ts/fields/index.js';
import { COOKIE_BYTES, CookieWriter } from '../../ts/flow/index.js';
import { BAD_REASONS, classifyUpcall, UPCALL_CLASSES } from '../../ts/upcall/index.js';
import { BatchIndex } from '../../ts/upcall/batch-index.js';

const uuid = new Int32Array([1, 2, 3, 4]);

function classify(cmd: number, cookie: Uint8Array, fitness = 0): number {
  const rows = new Int32Array(2 * UPCALL_ROW_WORDS);
  const slab = new Uint8Array(200);
  slab.set(cookie, 40);
  rows[UPCALL_ROW_WORDS + UPCALL_CMD] = cmd;
  rows[UPCALL_ROW_WORDS + UPCALL_FITNESS] = fitness;
  rows[UPCALL_ROW_WORDS + UPCALL_USERDATA_OFF] = 40;
  rows[UPCALL_ROW_WORDS + UPCALL_USERDATA_LEN] = cookie.length;
  return classifyUpcall(rows, 1, slab);
}

function cookie(write: (writer: CookieWriter) => void): Uint8Array {
  const writer = new CookieWriter();
  write(writer);
  return writer.bytes.slice();
}

describe('classify', () => {
  const cookies: Record<string, Uint8Array> = {
    sflow: cookie((w) => w.putSflow(1, uuid, 0x1005, 7)),
    slow_path: cookie((w) => w.putSlowPath(1, uuid, 32)),
    flow_sample: cookie((w) => w.putFlowSample(1, uuid, 100, 1, 2, 3, 4, 1)),
    ipfix: cookie((w) => w.putIpfix(1, uuid, 4)),
    controller: cookie((w) => w.putController(1, uuid, 1, 9, 0, 5, 0, 128)),
  };

  it('takes a miss by its command, whatever else it carries', () => {
    expect(UPCALL_CLASSES[classify(OVS_PACKET_CMD_MISS, new Uint8Array(0))]).to.equal('miss');
    expect(UPCALL_CLASSES[classify(OVS_PACKET_CMD_MISS, cookies.sflow)]).to.equal('miss');
  });

  for (const [name, bytes] of Object.entries(cookies)) {
    it(`knows the cookie of ${name}`, () => {
      expect(UPCALL_CLASSES[classify(OVS_PACKET_CMD_ACTION, bytes)]).to.equal(name);
    });
    it(`does not take the cookie of ${name} in another size`, () => {
      for (const size of [1, 8, COOKIE_BYTES - 1, COOKIE_BYTES + 1]) {
        const resized = new Uint8Array(size);
        resized.set(bytes.subarray(0, size));
        const kind = classify(OVS_PACKET_CMD_ACTION, resized);
        expect([UPCALL_CLASSES[kind], BAD_REASONS[kind]]).to.deep.equal(['bad', 'cookie of unexpected size']);
      }
    });
  }

  it('says why an upcall is bad', () => {
    const reason = (kind: number) => [UPCALL_CLASSES[kind], BAD_REASONS[kind]];
    expect(reason(classify(OVS_PACKET_CMD_ACTION, new Uint8Array(0)))).to.deep.equal([
      'bad',
      'action upcall without a cookie',
    ]);
    expect(reason(classify(OVS_PACKET_CMD_ACTION, new Uint8Array(COOKIE_BYTES)))).to.deep.equal([
      'bad',
      'cookie of unknown type',
    ]);
    const later = cookies.sflow.slice();
    later[0] = 6;
    expect(reason(classify(OVS_PACKET_CMD_ACTION, later))).to.deep.equal(['bad', 'cookie of unknown type']);
    expect(reason(classify(OVS_PACKET_CMD_MISS, new Uint8Array(0), 3))).to.deep.equal([
      'bad',
      'malformed flow key',
    ]);
  });
});

describe('batch index', () => {
  it('finds the first row with the same flow id, in this batch only', () => {
    const rows = new Int32Array(64 * UPCALL_ROW_WORDS);
    const set = (row: number, id: number[]) => rows.set(id, row * UPCALL_ROW_WORDS + UPCALL_UFID);
    for (let row = 0; row < 64; row++) set(row, [row & 3, row >> 3, 0, 0]);
    const index = new BatchIndex();
    for (let batch = 0; batch < 3; batch++) {
      index.clear();
      const first = new Map<string, number>();
      for (let row = 0; row < 64; row++) {
        const id = `${row & 3}/${row >> 3}`;
        expect(index.findOrAdd(rows, UPCALL_ROW_WORDS, UPCALL_UFID, row)).to.equal(first.get(id) ?? -1);
        if (!first.has(id)) first.set(id, row);
      }
    }
  });
});
