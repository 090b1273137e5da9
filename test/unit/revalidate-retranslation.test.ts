import { expect } from 'chai';
import { FLOW_WORDS, F_IN_PORT, F_RECIRC_ID } from '../../ts/fields/index.js';
import { formatActions } from '../../ts/flow/index.js';
import { native } from '../../ts/native/index.js';
import {
  Retranslation,
  VERDICT_DELETE_BAD_KEY,
  VERDICT_DELETE_MASK,
  VERDICT_DELETE_NO_PORT,
  VERDICT_DELETE_NO_RECIRC,
  VERDICT_KEEP,
  VERDICT_MODIFY,
} from '../../ts/revalidate/retranslation.js';
import { BY_INSTALL, UKEY_OPERATIONAL, UkeyTable } from '../../ts/ukey/index.js';
import { FlowRecords, SLOW_MATCH, type Snapshot, Translator } from '../../ts/xlate/index.js';
import { makeKey, makeSwitch } from '../support/xlate.js';

const PACKET = 'udp,in_port=1,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_src=1,tp_dst=2';

/** An installed flow, made by these rules, that others are asked about. */
class Rig {
  readonly #records = new FlowRecords();
  readonly ukeys = new UkeyTable(this.#records, 64);
  readonly #translator = new Translator();
  readonly retranslation = new Retranslation(this.ukeys, this.#translator, this.#records);

  snapshot(flows: readonly string[], ports = [1, 2, 3]): Snapshot {
    return makeSwitch({ ports: ports.map((ofport) => ({ ofport })), flows }).snapshot;
  }

  /** Installs what the rules make of a packet; `attributes`: the key that the datapath told, otherwise the packet's own. */
  install(flows: readonly string[], key = makeKey(PACKET), attributes?: Uint8Array): number {
    const translation = new Translator().translate(this.snapshot(flows), key, 0);
    const bytes = new Uint8Array(512);
    const told = attributes ?? bytes.subarray(0, native().encodeKey(key, 0, bytes, 0));
    const ukey = this.ukeys.add(
      {
        ...{ ufid: Int32Array.of(1, 2, 3, 4), ufidAt: 0, key: told, keyOffset: 0, keyLength: told.length },
        ...{ mask: translation.mask, maskBase: 0, actions: translation.actions },
        ...{ actionsLength: translation.actionsLength, inPort: key[F_IN_PORT], slow: 0, generation: 1 },
      },
      1,
    );
    this.ukeys.transition(ukey, UKEY_OPERATIONAL, BY_INSTALL);
    return ukey;
  }

  /** What other rules say of it. */
  ask(ukey: number, flows: readonly string[], ports?: number[]): { verdict: number; actions: string } {
    const verdict = this.retranslation.run(this.snapshot(flows, ports), ukey);
    const { actions, actionsLength } = this.retranslation;
    return { verdict, actions: formatActions(actions.subarray(0, actionsLength)) };
  }
}

describe('translating an installed flow again', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });
  const verdict = (made: readonly string[], now: readonly string[], ports?: number[]) =>
    rig.ask(rig.install(made), now, ports).verdict;

  it('the same actions by a mask that looks at no more: keep', () => {
    const made = ['udp,nw_dst=10.0.0.2 actions=output:2'];
    expect(verdict(made, made)).to.equal(VERDICT_KEEP);
    expect(verdict(made, ['udp,nw_dst=10.0.0.0/24 actions=output:2']), 'at less').to.equal(VERDICT_KEEP);
    expect(verdict(['actions=drop'], ['actions=drop'])).to.equal(VERDICT_KEEP);
  });

  it('other actions: modify, to those that it ought to have', () => {
    const ukey = rig.install(['udp,nw_dst=10.0.0.2 actions=output:2']);
    expect(rig.ask(ukey, ['udp,nw_dst=10.0.0.2 actions=output:3'])).to.deep.equal({
      verdict: VERDICT_MODIFY,
      actions: '3',
    });
    expect(rig.ask(ukey, ['actions=mod_nw_tos:4,output:2']).verdict).to.equal(VERDICT_DELETE_MASK);
    expect(rig.ask(ukey, ['actions=drop'])).to.deep.equal({ verdict: VERDICT_MODIFY, actions: 'drop' });
    expect(verdict(['actions=drop'], ['actions=output:2'])).to.equal(VERDICT_MODIFY);
  });

  it('a mask that looks at a bit more: delete, whatever the actions', () => {
    const made = ['udp,nw_dst=10.0.0.0/24 actions=output:2'];
    for (const to of [2, 3])
      expect(verdict(made, [`udp,nw_dst=10.0.0.0/25 actions=output:${to}`])).to.equal(VERDICT_DELETE_MASK);
    expect(verdict(made, [...made, 'priority=40000,udp,nw_src=10.0.0.9 actions=output:3'])).to.equal(
      VERDICT_DELETE_MASK,
    );
  });

  it('no bridge has its port any more: delete, unless it drops', () => {
    const made = ['actions=output:2'];
    expect(verdict(made, made, [2, 3])).to.equal(VERDICT_DELETE_NO_PORT);
    expect(verdict(['actions=drop'], made, [2, 3])).to.equal(VERDICT_KEEP);
    expect(verdict(made, made, [1, 3]), 'the port that it leaves by').to.equal(VERDICT_MODIFY);
  });

  it('a key that nobody can read: delete', () => {
    const cut = Uint8Array.of(200, 0, 3, 0, 1, 0, 0, 0);
    const ukey = rig.install(['actions=output:2'], makeKey(PACKET), cut);
    expect(rig.ask(ukey, ['actions=output:2']).verdict).to.equal(VERDICT_DELETE_BAD_KEY);
    expect(rig.retranslation.translation, 'nobody is credited').to.equal(null);
  });

  it('recirculated, and nobody knows what for: delete', () => {
    const key = makeKey(PACKET);
    key[F_RECIRC_ID] = 77;
    const ukey = rig.install(['actions=output:2'], key);
    expect(rig.ask(ukey, ['actions=output:2']).verdict).to.equal(VERDICT_DELETE_NO_RECIRC);
  });

  it('what only userspace can do becomes an upcall for each packet, and goes back', () => {
    const fast = ['udp,nw_dst=10.0.0.2 actions=output:2'];
    const slow = ['udp,nw_dst=10.0.0.2 actions=debug_slow,output:2'];
    const ukey = rig.install(fast);
    expect(rig.retranslation.run(rig.snapshot(slow), ukey)).to.equal(VERDICT_MODIFY);
    const text = rig.ask(ukey, slow).actions;
    expect(text).to.match(/userspace/);
    expect(rig.retranslation.slow).not.to.equal(0);
    const { actions, actionsLength } = rig.retranslation;
    rig.ukeys.setActions(ukey, actions, actionsLength);
    expect(rig.ask(ukey, slow).verdict, 'once it is so').to.equal(VERDICT_KEEP);
    expect(rig.ask(ukey, fast)).to.deep.equal({ verdict: VERDICT_MODIFY, actions: '2' });
    expect(rig.retranslation.slow).to.equal(0);
  });

  it('a key that leaves something out keeps its flow in the slow path', () => {
    // IPv4 whose protocol says ICMP, without a type: as kernels have it for what they cannot parse.
    const key = new Int32Array(FLOW_WORDS);
    const bytes = new Uint8Array(512);
    const whole = makeKey('icmp,in_port=1,nw_src=10.0.0.1,nw_dst=10.0.0.2,icmp_type=8,icmp_code=0');
    const length = native().encodeKey(whole, 0, bytes, 0);
    // Its last attribute is that of ICMP, 4 bytes of header and 2 of content, padded.
    const cut = bytes.subarray(0, length - 8);
    native().decodeKey(cut, key, 0);
    const ukey = rig.install(['actions=output:2'], whole, cut);
    const { verdict: said, actions } = rig.ask(ukey, ['actions=output:2']);
    expect(said).to.equal(VERDICT_MODIFY);
    expect(actions).to.match(/^userspace/);
    expect(rig.retranslation.slow & SLOW_MATCH).to.equal(SLOW_MATCH);
  });
});
