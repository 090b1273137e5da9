import { expect } from 'chai';
import fc from 'fast-check';
import { Bridge } from '../../ts/bridge/index.js';
import { F_TUN_OPTS, F_TUN_OPTS_LEN } from '../../ts/fields/index.js';
import { formatActions } from '../../ts/flow/index.js';
import { buildCase } from '../../ts/trace/case.js';
import { Translator } from '../../ts/xlate/index.js';
import { makeKey } from '../support/xlate.js';

const TLV_MAP =
  '{class=0xffff,type=0,len=4}->tun_metadata0,{class=0xffff,type=1,len=8}->tun_metadata1,{class=0x102,type=0x83,len=4}->tun_metadata40';
/** Headers of options: mapped ones, one that is not, one that is critical and not mapped, one of another length. */
const OPTIONS: readonly (readonly [header: number, words: number])[] = [
  [0xffff0001, 1],
  [0xffff0102, 2],
  [0x01028301, 1],
  [0xffff7701, 1],
  [0xffff8700, 0],
  [0xffff0002, 2],
];

/** Its buckets change options each for itself. */
const GROUP = 'group_id=1,type=all,bucket=set_field:1->tun_metadata0,output:3,bucket=output:3';

const one = <T>(...items: T[]): fc.Arbitrary<T> => fc.constantFrom(...items);
const matches = one(
  '',
  'tun_metadata0',
  'tun_metadata0=1',
  'tun_metadata1=0x3/0xff',
  'tun_metadata40=0x10000/0xf0000',
);
const actions = one(
  'in_port',
  'output:2',
  'set_field:5->tun_metadata0',
  'set_field:0x1/0xff->tun_metadata1',
  'delete_field:tun_metadata0',
  'delete_field:tun_metadata40',
  'move:NXM_NX_TUN_METADATA0[0..7]->NXM_NX_REG0[0..7]',
  'move:NXM_NX_TUN_METADATA40[]->NXM_NX_TUN_METADATA1[0..31]',
  'push:NXM_NX_TUN_METADATA0[],pop:NXM_NX_REG1[]',
  'output:NXM_NX_REG0[0..15]',
  'clone(delete_field:tun_metadata1,in_port)',
  'output:3',
  'output:4',
  'output:3,set_field:1->tun_metadata0,output:3',
  'output:3,delete_field:tun_metadata0,output:3',
  'output:3,clone(delete_field:tun_metadata0,output:3),output:3',
  'group:1,output:3',
  'clone(set_field:5->tun_metadata0,output:3)',
  'clone(output(port=2,max_len=64),set_field:5->tun_metadata0,output:4)',
  'group:1',
  'resubmit(,1)',
);
const flow = fc
  .tuple(
    one(0, 1),
    fc.integer({ min: 0, max: 9 }),
    matches,
    fc.array(actions, { minLength: 1, maxLength: 4 }),
  )
  .map(
    ([table, priority, match, list]) =>
      `table=${table},priority=${priority},${match} actions=${list.join(',')}`,
  );
const packet = fc.array(
  fc.tuple(
    one(...OPTIONS.slice(0, 4), ...OPTIONS),
    fc.array(one(0, 1, 3, 0x10003), { minLength: 2, maxLength: 2 }),
  ),
  { maxLength: 4 },
);

function makeTunnelKey(
  options: readonly (readonly [readonly [number, number], readonly number[]])[],
): Int32Array {
  const key = makeKey('in_port=77,tun_id=0,tun_src=1.1.1.1,tun_dst=1.1.1.2,ip,nw_proto=17');
  const words = options.flatMap(([[header, size], content]) => [header, ...content.slice(0, size)]);
  key.set(words, F_TUN_OPTS);
  key[F_TUN_OPTS_LEN] = words.length * 4;
  return key;
}

describe('mask oracle: tun_metadata', () => {
  it('bits of options that the mask leaves free change nothing', () => {
    fc.assert(
      fc.property(
        fc.array(flow, { minLength: 1, maxLength: 8 }),
        packet,
        fc.nat(),
        (flows, options, seed) => {
          const { snapshot, model } = buildCase({
            topology: {
              vsctl:
                'add-br br0 -- add-port br0 p1 -- set interface p1 type=geneve options:remote_ip=1.1.1.1 -- add-port br0 p2 -- add-port br0 p3 -- set interface p3 type=gre options:remote_ip=1.1.1.1 -- add-port br0 p4 -- set interface p4 type=vxlan options:remote_ip=1.1.1.1'.split(
                  ' ',
                ),
              bridges: [
                {
                  name: 'br0',
                  ports: [
                    { name: 'p1', ofport: 1, odpPort: 77 },
                    { name: 'p2', ofport: 2, odpPort: 2 },
                    { name: 'p3', ofport: 3, odpPort: 78 },
                    { name: 'p4', ofport: 4, odpPort: 79 },
                  ],
                },
              ],
            },
            tlvMap: TLV_MAP,
            groups: [GROUP],
            flows,
            traces: [],
          });
          expect(model.bridges.get('br0')).to.be.instanceOf(Bridge);
          const translator = new Translator();
          const answer = (key: Int32Array<ArrayBufferLike>) => {
            const { error, actions: bytes, actionsLength } = translator.translate(snapshot, key, 0);
            return `${error} ${formatActions(bytes.subarray(0, actionsLength))}`;
          };
          const key = makeTunnelKey(options);
          const first = answer(key);
          const mask = translator.translate(snapshot, key, 0).mask.slice();
          expect(mask[F_TUN_OPTS_LEN] === 0 && key[F_TUN_OPTS_LEN] !== 0).to.equal(false);
          const others: Int32Array[] = [0, 1, 2].map((i) =>
            key.map((word, w) =>
              w >= F_TUN_OPTS && w < F_TUN_OPTS + key[F_TUN_OPTS_LEN] / 4
                ? word ^ (~mask[w] & Math.imul(seed + i + w, 0x9e3779b1))
                : word,
            ),
          );
          if (mask[F_TUN_OPTS_LEN] === 0) others.push(makeTunnelKey([[OPTIONS[0], [1]]]));
          for (const other of others) expect(answer(other), flows.join('\n')).to.equal(first);
        },
      ),
      { numRuns: Number(process.env.FC_RUNS ?? 400) },
    );
  });
});
