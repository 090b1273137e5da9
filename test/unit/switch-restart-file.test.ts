import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Bridge } from '../../ts/bridge/index.js';
import { decodeFrozen, encodeFrozen } from '../../ts/switch/frozen-codec.js';
import { type RestartEntry, RestartFile } from '../../ts/switch/restart-file.js';
import { parseFlow } from '../../ts/openflow/index.js';
import { RecircRegistry } from '../../ts/xlate/index.js';
import { makeState, makeSwitch } from '../support/xlate.js';

const ACTIONS =
  'set_field:1->reg0,move:NXM_OF_ETH_SRC[0..7]->NXM_NX_REG0[0..7],output:NXM_NX_REG0[0..15],' +
  'ct(commit,table=2,zone=NXM_NX_REG0[0..15],nat(src=10.0.0.9-10.0.0.12:100-200),exec(set_field:0x7->ct_label)),' +
  'controller(userdata=01.02,id=3),learn(table=3,cookie=0x100000002,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:5->NXM_NX_REG1[]),' +
  'push_vlan:0x8100,check_pkt_larger(100)->NXM_NX_REG0[0],multipath(eth_src,0,modulo_n,4,0,NXM_NX_REG1[]),output(port=3,max_len=64)';

describe('restart file', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slowpath-'));
    path = join(folder, 'state');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const warnings: string[] = [];
  const open = (identity = 'dp 1', current: () => Iterable<RestartEntry> = () => []) => {
    warnings.length = 0;
    return new RestartFile(path, identity, current, (message) => warnings.push(message));
  };
  const entries = [
    { bridge: 'br0', uuid: '0'.repeat(32) },
    { id: 7, state: { table: 1 } },
  ];
  const write = () => {
    const file = open();
    for (const entry of entries) file.add(entry);
    file.flush();
    return file;
  };

  it('tells the next process what was flushed, without being closed; only its owner reads it', () => {
    write();
    expect(open().found).to.deep.equal(entries);
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    expect(warnings).to.deep.equal([]);
  });

  it('half a line at the end is ignored, others that are damaged are told', () => {
    write();
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, `${text}1234abcd {"id":8,`);
    expect(open().found).to.deep.equal(entries);
    expect(warnings).to.deep.equal([]);
    writeFileSync(path, text.replace('"br0"', '"br1"'));
    expect(open().found).to.deep.equal([entries[1]]);
    expect(warnings).to.have.length(1);
  });

  it('of another datapath tells nothing, of another version neither, and says so', () => {
    write();
    expect(open('dp 2').found).to.deep.equal([]);
    expect(warnings).to.deep.equal([]);
    writeFileSync(path, 'something else\n');
    expect(open().found).to.deep.equal([]);
    expect(warnings[0]).to.match(/cannot be used: it is not of version 1/);
  });

  it('stays bounded: it is written anew with what counts', () => {
    const file = open('dp 1', () => entries);
    for (let i = 0; i < 20_000; i++) {
      file.add({ id: 1, state: { table: i } });
      file.flush();
    }
    expect(readFileSync(path, 'utf8').split('\n').length).to.be.lessThan(1100);
  });

  it('goes when it is not kept; a folder that is not there is told once', () => {
    write().close({ keep: false });
    expect(() => statSync(path)).to.throw(/ENOENT/);
    path = join(folder, 'absent', 'state');
    const file = open();
    file.add(entries[0]);
    file.flush();
    file.rewrite();
    expect(warnings).to.have.length(1);
  });
});

describe('frozen states as JSON', () => {
  const { bridge } = makeSwitch({ ports: [{ ofport: 1 }] });
  const bridges = new Map([['br0', bridge as Bridge]]);
  const { actions } = parseFlow(`actions=${ACTIONS}`, { version: 'OpenFlow15', loose: true });
  const state = makeState(bridge, {
    actions,
    actionSet: actions.slice(0, 2),
    tunnel: Int32Array.of(-1, 5),
    stack: Int32Array.of(1),
    userdata: Uint8Array.of(1, 2, 255),
  });
  const roundTrip = (change: object = {}) =>
    decodeFrozen({ ...(JSON.parse(JSON.stringify(encodeFrozen(state))) as object), ...change }, bridges);

  it('come back the same, so that they get their id back', () => {
    const registry = new RecircRegistry();
    expect(registry.restore(9, roundTrip()!)).to.equal(true);
    expect(registry.idFor(state)).to.equal(9);
    expect(registry.restore(10, roundTrip()!), 'one state, one id').to.equal(false);
    registry.reserve(20);
    expect(registry.idFor({ ...state, table: 3 })).to.equal(21);
  });

  it('of bridges that are gone are none; what is no state is refused', () => {
    expect(roundTrip({ bridge: 'br1' })).to.equal(null);
    expect(roundTrip({ bond: 'bond0' })).to.equal(null);
    for (const change of [{ table: 'x' }, { registers: [] }, { actions: [5] }, { conntracked: 1 }])
      expect(() => roundTrip(change), JSON.stringify(change)).to.throw(/state of the pipeline/);
    expect(() => decodeFrozen(null, bridges)).to.throw(/no object/);
    expect(() => roundTrip({ actions: [{ type: 'x', field: { $f: 'nonsense' } }] })).to.throw(/no field/);
  });
});
