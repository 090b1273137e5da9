import { expect } from 'chai';
import { DELETE_REASONS, type DeleteReason, UKEY_OPERATIONAL } from '../../ts/ukey/index.js';
import { FlowModel, type OpName, type Verdict } from '../support/flow-model.js';
import { SlowPathRig } from '../support/slow-path-rig.js';

const CONFIGURATION = 'add-br br0 -- set-fail-mode br0 secure -- add-port br0 p1 -- add-port br0 p2';
const packet = (id: number) => `udp,in_port=1,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_dst=${id}`;

describe('flows that a datapath does not take', () => {
  let rig: SlowPathRig;
  let model: FlowModel;
  let verdicts: [OpName, Verdict][];
  beforeEach(() => {
    verdicts = [];
    model = new FlowModel();
    model.refuse = (op) => (verdicts[0]?.[0] === op ? verdicts.shift()![1] : null);
    rig = new SlowPathRig(model, CONFIGURATION);
    rig.changeFlows(
      rig.bridge('br0'),
      'add udp,tp_dst=1 actions=output:2\nadd udp,tp_dst=2 actions=output:2',
    );
  });
  const miss = (...ids: number[]) => rig.miss(ids.map((id) => ({ id, packet: packet(id), bytes: 100 })));
  const ended = (reason: DeleteReason) => rig.ukeys.ends[DELETE_REASONS.indexOf(reason)];

  for (const errno of ['EEXIST', 'ENOSPC', 'ENODEV', 'EINVAL', 'ENOMEM'] as const) {
    it(`${errno}: is counted, its packet goes on, and the next packet tries again`, () => {
      verdicts.push(['put', { errno }]);
      miss(1, 2);
      expect(rig.ukeys.countByState()).to.deep.equal({ operational: 2 });
      rig.handler.drain();
      expect(rig.ukeys.countByState()).to.deep.equal({ operational: 1 });
      const { install_overlaps, install_failures, executes } = rig.handler.counters;
      expect([install_overlaps, install_failures]).to.deep.equal(errno === 'EEXIST' ? [1, 0] : [0, 1]);
      expect([ended('failed_install'), executes]).to.deep.equal([1, 2]);
      miss(1);
      rig.handler.drain();
      expect(rig.ukeys.countByState()).to.deep.equal({ operational: 2 });
      expect(model.flows.size).to.equal(2);
    });
  }

  it('one that was refused and deleted before that was heard does not take the next one of its id with it', async () => {
    verdicts.push(['put', { errno: 'ENOSPC' }]);
    miss(1);
    await rig.revalidator.purge();
    expect(ended('removed_by_others'), 'the datapath does not have it').to.equal(1);
    rig.now += 1;
    miss(1);
    rig.handler.drain();
    expect(rig.handler.counters.install_failures).to.equal(1);
    expect(rig.ukeys.state.get(rig.ukeys.find(model.flows.get(1)!.ufid, 0))).to.equal(UKEY_OPERATIONAL);
    expect(ended('failed_install')).to.equal(0);
  });

  it('a modification that is refused, for any reason, ends in a deletion', async () => {
    const change = (to: number) =>
      rig.changeFlows(rig.bridge('br0'), `add priority=${to},udp,tp_dst=1 actions=output:${1 + (to % 2)}`);
    miss(1, 2);
    verdicts.push(['modify', { errno: 'EINVAL' }]);
    change(40000);
    await rig.revalidator.round();
    expect(rig.revalidator.counters).to.include({ modify_failures: 1, modified: 0 });
    expect([ended('changed_translation'), model.flows.size]).to.deep.equal([1, 1]);
    miss(1);
    model.flows.delete(1);
    change(40001);
    await rig.revalidator.round();
    expect(rig.revalidator.counters).to.include({ modify_failures: 2, modified: 0, delete_failures: 0 });
    expect(ended('removed_by_others'), 'as it was gone').to.equal(1);
    expect(rig.ukeys.countByState()).to.deep.equal({ operational: 1 });
  });

  it('deletions: what is gone anyway is no failure, what stays is found again and deleted', async () => {
    miss(1, 2);
    model.flows.delete(1);
    verdicts.push(['delete', { errno: 'ENOENT' }], ['delete', { errno: 'EIO' }]);
    await rig.revalidator.purge();
    expect(rig.revalidator.counters.delete_failures).to.equal(1);
    expect([ended('removed_by_others'), ended('purge'), rig.ukeys.count]).to.deep.equal([1, 1, 0]);
    expect(model.flows.size).to.equal(1);
    await rig.revalidator.round();
    expect(model.flows.size).to.equal(0);
    expect(rig.revalidator.counters.deleted.unknown_flow).to.equal(1);
  });

  it('an unknown flow that is gone before it is deleted is not counted as deleted', async () => {
    miss(1);
    model.flows.set(9, { ...model.flows.get(1)!, ufid: Int32Array.of(9, 1, 2, 3) });
    model.scripts.push({ early: true, between: () => model.flows.delete(9) });
    await rig.revalidator.round();
    expect(rig.revalidator.counters.deleted).to.deep.equal({});
  });

  it('what is slow and what is not is known after a change and after adoption, too', async () => {
    miss(1);
    const ukey = rig.ukeys.find(model.flows.get(1)!.ufid, 0);
    expect(rig.ukeys.slow[ukey]).to.equal(0);
    rig.changeFlows(rig.bridge('br0'), 'modify udp,tp_dst=1 actions=debug_slow,output:2');
    await rig.revalidator.round();
    expect(rig.ukeys.slow[ukey]).not.to.equal(0);
    const next = new SlowPathRig(model, CONFIGURATION);
    next.changeFlows(next.bridge('br0'), 'add udp,tp_dst=1 actions=debug_slow,output:2');
    await next.revalidator.adopt();
    await next.revalidator.stop();
    await next.revalidator.round();
    expect(next.revalidator.counters).to.include({ adopted: 1, modified: 0 });
    expect(next.ukeys.slow[0]).not.to.equal(0);
  });
});
