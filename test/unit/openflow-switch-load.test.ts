import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { Bridge } from '../../ts/bridge/index.js';
import { emptyConfiguration, vsctl } from '../../ts/config/index.js';
import type { Datapath } from '../../ts/datapath/index.js';
import { FLOW_WORDS } from '../../ts/fields/index.js';
import { parseFlow } from '../../ts/openflow/index.js';
import { BridgeTables } from '../../ts/switch/bridge-tables.js';
import { OpenFlowSwitch } from '../../ts/switch/openflow-switch.js';
import { DUMMY_SUPPORT } from '../../ts/trace/index.js';
import { makeModel } from '../support/configurations.js';

/** A hundred thousand, and more than a call takes as arguments. */
const RULES = 130_000;

/** The OpenFlow half of a switch alone, over a datapath that is not there. */
class Tables extends OpenFlowSwitch {
  readonly datapath = null as unknown as Datapath;
  private readonly only: BridgeTables;

  constructor(bridge: Bridge) {
    super();
    this.only = new BridgeTables(bridge, DUMMY_SUPPORT, null);
  }

  override tables(): BridgeTables {
    return this.only;
  }

  protected override changed(): void {}
}

const address = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
/** Rule `i`, of one of five masks, which match packet `i` alone. */
const rule = (i: number) => {
  const kinds = [
    `ip,nw_dst=${address(i)}`,
    `tcp,nw_dst=${address(i)},tp_dst=80`,
    `tcp,nw_src=192.168.0.0/16,nw_dst=${address(i)}`,
    `in_port=1,ip,nw_dst=${address(i)}`,
    `dl_vlan=10,ip,nw_dst=${address(i)}`,
  ];
  return `priority=${1 + (i % 100)},${kinds[i % kinds.length]},actions=output:${1 + (i % 9)}`;
};
const packet = (i: number) =>
  parseFlow(
    `tcp,in_port=1,dl_vlan=10,nw_src=192.168.0.1,nw_dst=${address(i)},tp_src=1,tp_dst=80 actions=drop`,
  ).match.key;

describe('OpenFlow: a hundred thousand flows', function () {
  this.timeout(300_000);

  it('come, are changed and go while packets are translated, each by the flows that there are then', async () => {
    const { model, configurator } = makeModel();
    configurator.takeOver(vsctl(emptyConfiguration(), ['add-br', 'br0']).configuration);
    const bridge = model.bridges.get('br0')!;
    const openflow = new Tables(bridge);
    const mask = new Int32Array(FLOW_WORDS);
    const isThere = (i: number) => {
      const found = bridge.flowTables.tables[0]?.lookup(packet(i), 0, mask, 0) ?? null;
      if (found !== null) expect(found.priority).to.equal(1 + (i % 100));
      return found !== null;
    };
    let loading = true;
    const lines = Array.from({ length: RULES }, (_, i) => rule(i)).join('\n');
    const load = openflow.loadFlows(bridge, lines).finally(() => {
      loading = false;
    });
    const seen = { before: 0, between: 0 };
    let asked = 0;
    while (loading) {
      const { size } = bridge.flowTables;
      // Flows come in order: those up to now are there, and no others.
      const i = (asked++ * 7919) % RULES;
      expect(isThere(i), `packet ${i}, ${size} flows`).to.equal(i < size);
      if (size === 0) seen.before++;
      else if (size < RULES) seen.between++;
      await nextTurn();
    }
    await load;
    expect(bridge.flowTables.size).to.equal(RULES);
    expect(seen.before, 'while the lines were read').to.be.above(10);
    expect(seen.between, 'while flows were added').to.be.above(10);
    for (let i = 0; i < RULES; i += 997) expect(isThere(i)).to.equal(true);
    expect(isThere(RULES)).to.equal(false);
    await changeAll(openflow, bridge);
  });

  /** Modifies and then deletes all flows in one line each, while one is deleted and one added by others. */
  async function changeAll(openflow: Tables, bridge: Bridge): Promise<void> {
    const { flowTables } = bridge;
    const found = (i: number) =>
      flowTables.tables[0]?.lookup(packet(i), 0, new Int32Array(FLOW_WORDS), 0) ?? null;
    const isModified = (i: number) => found(i)?.actions.length === 2;
    const modified = await turnsOf(openflow.loadFlows(bridge, 'modify actions=output:1,output:2'), (turn) => {
      if (turn === 1) openflow.deleteFlows(bridge, rule(100).replace(/priority=\d+,|,actions.*/g, ''));
    });
    expect(modified, 'turns of others while flows are modified').to.be.above(10);
    expect(flowTables.size, 'flows, without that which was deleted meanwhile').to.equal(RULES - 1);
    for (let i = 0; i < RULES; i += 997) expect(isModified(i)).to.equal(true);

    const late = `priority=5,ip,nw_dst=${address(RULES)},actions=output:1`;
    const deleted = await turnsOf(openflow.loadFlows(bridge, 'delete'), (turn) => {
      if (turn === 1) openflow.addFlows(bridge, late);
    });
    expect(deleted, 'turns of others while flows are deleted').to.be.above(10);
    expect(flowTables.size, 'flows, those that came meanwhile').to.equal(1);
    expect(found(RULES)).to.not.equal(null);
  }

  /** Has a turn whenever `work` rests; how many there were. */
  async function turnsOf(work: Promise<void>, take: (turn: number) => void): Promise<number> {
    let done = false;
    const end = work.finally(() => {
      done = true;
    });
    let turns = 0;
    for (; !done; await nextTurn()) if (!done) take(turns++);
    await end;
    return turns;
  }

  it('change nothing when a line is wrong', async () => {
    const { model, configurator } = makeModel();
    configurator.takeOver(vsctl(emptyConfiguration(), ['add-br', 'br0']).configuration);
    const bridge = model.bridges.get('br0')!;
    const load = new Tables(bridge).loadFlows(bridge, 'actions=drop\nactions=nonsense');
    const error = await load.then(
      () => null,
      (problem: Error) => problem,
    );
    expect(error?.message).to.match(/nonsense/);
    expect(bridge.flowTables.size).to.equal(0);
  });
});
