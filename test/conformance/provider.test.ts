import { expect } from 'chai';
import {
  type Datapath,
  type DatapathOptions,
  openDatapath,
  PER_CPU_PID,
  type PortEvent,
  type UpcallChannel,
} from '../../ts/datapath/index.js';
import * as f from '../../ts/fields/index.js';
import { eventually } from '../support/eventually.js';
import { failure } from '../support/failure.js';
import { udpFrame } from '../support/frames.js';
import { Lab, type Namespace } from '../support/netns.js';
import { action, udpKey } from '../support/odp.js';
import { needsRoot } from '../support/skip.js';
import { datapathType, hasPsample } from '../support/test-datapath.js';
import { sendFrames } from '../support/traffic.js';

const until = (done: () => boolean) => eventually('what is waited for', done);

/** Datapath ports of the upcalls that come in on a handler, in order. */
function collect({ channel, batch }: UpcallChannel): number[] {
  const ports: number[] = [];
  channel.startUpcalls(batch, (count) => {
    for (let i = 0; i < count; i++) ports.push(batch.keys[i * f.FLOW_WORDS + f.F_IN_PORT]);
  });
  return ports;
}

/** A flow id of 16 bytes that says `n`. */
function ufid(n: number): Uint8Array {
  const bytes = new Uint8Array(16).fill(0xa5);
  new DataView(bytes.buffer).setUint32(0, n, true);
  return bytes;
}

describe(`datapath provider [${datapathType}]`, () => {
  const lab = new Lab();
  const opened: Datapath[] = [];
  let inside: Namespace;
  let outside: Namespace;

  before(function () {
    needsRoot(this);
    inside = lab.namespace('dp');
    outside = lab.namespace('hosts');
    for (const i of [1, 2]) {
      lab.veth(inside, `p${i}`, outside, `h${i}`);
      inside.up(`p${i}`);
      outside.up(`h${i}`);
    }
  });
  afterEach(() => {
    for (const datapath of opened.splice(0)) datapath.close();
  });
  after(() => lab.remove());

  function open(options: Partial<DatapathOptions> = {}): Datapath {
    const datapath = openDatapath({ type: datapathType, name: 'dp0', netns: inside.path, ...options });
    opened.push(datapath);
    return datapath;
  }

  it('makes the datapath, and deletes it when closed', () => {
    const datapath = open();
    expect(datapath).to.include({
      type: datapathType,
      name: 'dp0',
      adopted: false,
      // OVS's tools turn per-CPU dispatch of the kernel on, whoever runs there.
      ...(datapathType === 'system'
        ? { dispatch: 'per-cpu', features: 9 }
        : { dispatch: 'per-vport', features: 3 }),
    });
    expect(datapath.support).to.include({
      ufid: true,
      recirc: true,
      clone: true,
      truncate: true,
      maskedSet: true,
      setNsh: false,
      maxVlanHeaders: 2,
      maxMplsDepth: 3,
      sampleNesting: 10,
      ctClear: true,
      checkPktLen: true,
      ctState: true,
      ctStateNat: true,
      ctZone: true,
      ctMark: true,
      ctLabel: true,
      ctOrigTuple: true,
      ctOrigTuple6: true,
      ctTimeout: true,
      addMpls: true,
      psample: hasPsample,
      ctEventmask: true,
    });
    expect(datapath.meters).not.to.equal(null);
    expect(datapath.ports()).to.have.lengthOf(1);
    expect(datapath.ports()[0]).to.deep.include({
      name: 'dp0',
      type: 'internal',
      portNo: 0,
      ifindex: datapath.ifindex,
    });
    expect(datapath.route.link('dp0').ifindex).to.equal(datapath.ifindex);
    expect(datapath.stats()).to.include({ hit: 0, missed: 0, flows: 0 });
    datapath.close();
    datapath.close();
    expect(inside.ip('-br link')).not.to.include('dp0');
  });

  it('adds and deletes ports', () => {
    const datapath = open();
    const first = datapath.addPort({ name: 'p1', type: 'system' });
    const chosen = datapath.addPort({ name: 'p2', type: 'system', portNo: 77 });
    const internal = datapath.addPort({ name: 'br0', type: 'internal' });
    expect([first.portNo, chosen.portNo, internal.type]).to.deep.equal([1, 77, 'internal']);
    expect(first.ifindex).to.equal(datapath.route.link('p1').ifindex);
    expect(datapath.ports().map((port) => port.name)).to.deep.equal(['dp0', 'p1', 'br0', 'p2']);
    datapath.delPort(77);
    datapath.delPort(internal.portNo);
    expect(datapath.ports().map((port) => port.name)).to.deep.equal(['dp0', 'p1']);
    expect(datapath.route.findLink('br0')).to.equal(null);
  });

  it('says why a port cannot be', () => {
    const datapath = open();
    datapath.addPort({ name: 'p1', type: 'system', portNo: 5 });
    const add = (name: string, type: 'system' | 'internal', portNo?: number): string =>
      failure(() => datapath.addPort({ name, type, ...(portNo !== undefined && { portNo }) }));
    expect(add('p1', 'system')).to.equal('ERR_PORT_BUSY');
    expect(add('p2', 'system', 5)).to.equal('ERR_PORT_BUSY');
    expect(add('p2', 'internal')).to.equal('ERR_PORT_BUSY');
    expect(add('nowhere', 'system')).to.equal('ERR_NO_INTERFACE');
    expect(add('lo', 'system')).to.equal('ERR_PORT_UNSUITABLE');
    expect(add('p2', 'system', 65535)).to.equal('ERR_BAD_PORT_NO');
    expect(add('more than 15 bytes', 'internal')).to.equal('ERR_BAD_INTERFACE_NAME');
    expect(failure(() => datapath.delPort(6))).to.equal('ERR_NO_PORT');
    expect(failure(() => datapath.delPort(0))).to.equal('ERR_LOCAL_PORT');
    expect(failure(() => open({ name: 'p2' }))).to.equal('ERR_NAME_TAKEN');
    expect(datapath.ports()).to.have.lengthOf(2);
  });

  for (const dispatch of ['per-vport', 'per-cpu'] as const) {
    it(`brings upcalls to its handlers, ${dispatch}`, async () => {
      const datapath = open({ dispatch });
      expect(datapath.dispatch).to.equal(dispatch);
      const before = datapath.addPort({ name: 'p1', type: 'system' });
      const handlers = [datapath.openHandler(), datapath.openHandler()];
      const seen = handlers.map(collect);
      const count = (): number => seen[0].length + seen[1].length;
      sendFrames(outside, 'h1', [udpFrame()]);
      await until(() => datapath.stats().missed > 0);
      expect(count(), 'nobody is named yet').to.equal(0);
      expect(datapath.stats()).to.include({ missed: 1, lost: 1 });

      datapath.setUpcallPids(handlers.map((handler) => handler.portId));
      const after = datapath.addPort({ name: 'p2', type: 'system' });
      sendFrames(outside, 'h1', [udpFrame()]);
      sendFrames(outside, 'h2', [udpFrame()]);
      await until(() => count() === 2);
      expect([...seen[0], ...seen[1]].sort()).to.deep.equal([before.portNo, after.portNo]);
      const pids = handlers.map((handler) => handler.portId);
      if (dispatch === 'per-cpu') expect(datapath.upcallPid(1)).to.equal(PER_CPU_PID);
      else expect(pids).to.include(datapath.upcallPid(before.portNo));

      datapath.setUpcallPids([]);
      handlers[0].close();
      sendFrames(outside, 'h1', [udpFrame()]);
      await until(() => datapath.stats().missed === 4);
      expect(count()).to.equal(2);
      expect(datapath.stats()).to.include({ missed: 4, lost: 2 });
    });
  }

  it('dumps all flows, full and terse, also after a dump that was given up', async () => {
    const datapath = open();
    const flows = 700;
    for (let i = 0; i < flows; i++)
      datapath.flows.put({ ufid: ufid(i), key: udpKey(9, 1, i), actions: action.output(1) });
    expect(datapath.stats().flows).to.equal(flows);

    const given = datapath.openDump();
    expect(given.next()).to.be.greaterThan(0);
    given.close();
    for (const terse of [false, true]) {
      const seen = new Set<number>();
      let keys = 0;
      for await (const { batch, count } of datapath.dumpFlows({ terse })) {
        for (let i = 0; i < count; i++) {
          seen.add(batch.rows[i * f.FLOW_ROW_WORDS + f.FLOW_UFID]);
          if (batch.rows[i * f.FLOW_ROW_WORDS + f.FLOW_KEY_LEN] > 0) keys++;
        }
      }
      expect(seen.size, `terse ${terse}`).to.equal(flows);
      expect(keys, `terse ${terse}`).to.equal(terse ? 0 : flows);
    }
    const both = [datapath.openDump(), datapath.openDump({ terse: true })];
    const totals = both.map((dump) => {
      let total = 0;
      for (let n = dump.next(); n >= 0; n = dump.next()) total += n;
      return total;
    });
    expect(totals).to.deep.equal([flows, flows]);
    datapath.flush();
    expect(datapath.stats().flows).to.equal(0);
  });

  it('installs, changes, shows and deletes a single flow', () => {
    const datapath = open();
    const name = { ufid: ufid(1) };
    datapath.flows.put({ ...name, key: udpKey(9), actions: action.output(1) });
    expect(
      failure(() => datapath.flows.put({ ...name, key: udpKey(9), actions: action.output(1) })),
    ).to.equal('EEXIST');
    datapath.flows.modify({ ...name, key: udpKey(9) }, action.output(2));
    expect(Buffer.from(datapath.flows.get(name).actions ?? [])).to.deep.equal(action.output(2));
    expect(datapath.flows.remove(name)).to.include({ packets: 0, bytes: 0 });
    expect(failure(() => datapath.flows.get(name))).to.equal('ENOENT');
  });

  it('reports ports that come, go and lose their carrier', async () => {
    lab.veth(inside, 'p9', outside, 'h9');
    inside.up('p9');
    outside.up('h9');
    const datapath = open();
    const events: PortEvent[] = [];
    const stop = datapath.portEvents((event) => events.push(event));
    const seen = async (wanted: Partial<PortEvent>): Promise<void> => {
      const found = (): boolean =>
        events.some((event) =>
          Object.entries(wanted).every(([k, v]) => (event as Record<string, unknown>)[k] === v),
        );
      await until(found).catch(() => expect.fail(`${JSON.stringify(wanted)} in ${JSON.stringify(events)}`));
      events.length = 0;
    };
    datapath.addPort({ name: 'p9', type: 'system', portNo: 9 });
    await seen({ type: 'added', portNo: 9, name: 'p9' });
    outside.ip('link set h9 down');
    await seen({ type: 'link', portNo: 9, up: true, running: false });
    outside.ip('link set h9 up');
    await seen({ type: 'link', portNo: 9, up: true, running: true });
    outside.ip('link del h9');
    await seen({ type: 'removed', portNo: 9, name: 'p9' });
    expect(datapath.ports().map((port) => port.portNo)).to.deep.equal([0]);
    stop();
    datapath.addPort({ name: 'p1', type: 'system' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(events).to.deep.equal([]);
  });

  // The embedded datapath ends with its process: there is nothing to adopt.
  if (datapathType === 'system')
    it('leaves the datapath when told to, and adopts it; shares it with nobody', () => {
      for (const dispatch of ['per-vport', 'per-cpu'] as const) {
        const first = open({ dispatch });
        first.addPort({ name: 'p1', type: 'system' });
        const handler = first.openHandler();
        first.setUpcallPids([handler.portId]);
        expect(
          failure(() => open()),
          dispatch,
        ).to.equal('ERR_DATAPATH_BUSY');
        first.flows.put({ ufid: ufid(1), key: udpKey(1), actions: action.output(1) });
        first.close({ keep: true });
        const second = open();
        expect(second.adopted).to.equal(true);
        expect(second.ports()).to.have.lengthOf(2);
        expect(second.stats().flows).to.equal(1);
        second.close();
      }
      expect(inside.ip('-br link')).not.to.include('dp0');
    });
});
