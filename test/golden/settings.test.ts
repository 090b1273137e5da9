import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Bridge, modPort, modTable, setFragments } from '../../ts/bridge/index.js';
import { SlowpathError } from '../../ts/errors/index.js';
import { buildCase, parsePacketFlow, requireBridge, trace, traceText } from '../../ts/trace/index.js';
import type { TableMiss } from '../../ts/xlate/index.js';
import { root } from '../support/processes.js';

/** What ovs-ofctl changed of a bridge br0 (the bridge's name left out), and what ofproto/trace printed then. */
interface Recorded {
  readonly name: string;
  readonly vsctl: readonly string[];
  readonly groups: readonly string[];
  readonly flows: readonly string[];
  readonly cmds: readonly (readonly string[])[];
  readonly traces: readonly (readonly [flow: string, text: string])[];
}

const recorded: readonly Recorded[] = JSON.parse(
  readFileSync(join(root, 'test/fixtures/settings-ovs310.json'), 'utf8'),
);

/** OVS tells STP's messages by their address without matching it; we match it. */
const BY_ADDRESS = /(?<=Megaflow: recirc_id=0,eth,)(in_port=1,)dl_dst=01:80:c2:00:00:0[09],/;

function change(bridge: Bridge, [command, ...words]: readonly string[]): void {
  const [first, second] = words;
  if (command === 'set-frags') setFragments(bridge, first);
  else if (command === 'mod-port') modPort(bridge.ports.get(Number(first))!, second);
  else modTable(bridge, first === 'all' ? 'all' : Number(first), second as TableMiss);
}

describe('golden: what ovs-ofctl changes besides flows', () => {
  for (const { name, traces, cmds, ...entry } of recorded) {
    it(name, () => {
      const { model, snapshot } = buildCase({ ...entry, topology: entry, traces: [] });
      const bridge = requireBridge(model, 'br0');
      for (const words of cmds) change(bridge, words);
      for (const [flow, text] of traces) {
        const result = trace(snapshot, { bridge, flow: parsePacketFlow(bridge, flow), ctNext: [] });
        const ours = traceText(result)
          .replace(/recirc_id=[1-9]\d*/g, 'recirc_id=R')
          .replace(BY_ADDRESS, '$1');
        expect(ours.trim()).to.equal(text.trim());
      }
    });
  }
});

describe('settings of bridges and ports', () => {
  const bridge = requireBridge(
    buildCase({ topology: { vsctl: ['add-br', 'br0', '--', 'add-port', 'br0', 'p1'] }, traces: [] }).model,
    'br0',
  );
  const port = bridge.portByName('p1')!;

  it('are refused when they are none', () => {
    for (const wrong of [
      () => modPort(port, 'sideways'),
      () => setFragments(bridge, 'reassemble'),
      () => modTable(bridge, 254, 'drop'),
      () => modTable(bridge, 0, 'maybe' as TableMiss),
    ]) {
      expect(wrong).to.throw(SlowpathError).with.property('code', 'ERR_SETTING');
    }
  });

  it('can be taken back', () => {
    for (const word of ['down', 'no-receive', 'no-receive-stp', 'no-flood', 'no-forward', 'no-packet-in']) {
      modPort(port, word);
      modPort(port, word === 'down' ? 'up' : word.slice('no-'.length));
    }
    const { mayForward, noRecv, noRecvStp, noFlood, noFwd, noPacketIn } = port;
    expect(mayForward).to.equal(true);
    expect([noRecv, noRecvStp, noFlood, noFwd, noPacketIn]).to.deep.equal(Array(5).fill(false));
    modTable(bridge, 'all', 'controller');
    expect(bridge.tableMiss.size).to.equal(254);
    modTable(bridge, 'all', 'default');
    expect(bridge.tableMiss.size).to.equal(0);
  });
});
