import { SlowpathError } from '../errors/index.js';
import {
  type Action,
  OFPP_ALL,
  OFPP_FLOOD,
  OFPP_IN_PORT,
  OFPP_LOCAL,
  OFPP_NORMAL,
} from '../openflow/index.js';
import type { ActionLists, ActionPath } from './action-lists.js';
import { ActionTexts } from './act-values.js';
import {
  type ControllerOptions,
  controllerText,
  type CtOptions,
  ctText,
  type PushMplsOptions,
  type PushVlanOptions,
  pushMplsText,
  pushVlanText,
  type SampleOptions,
  sampleText,
} from './act-options.js';
import type { PortNames, PortRef } from './in-port.js';
import { type FieldSetters, makeSetters } from './setters.js';

/** Where a policy counts. */
export interface CountSink {
  /** The packet is counted under this name. */
  count(name: string): void;
  /** The packet is dropped for this reason. */
  drop(reason: string): void;
}

/** Actions that a number tells: one object for each number. */
class Numbered {
  readonly #make: (number: number) => Action;
  readonly #known = new Map<number, Action>();

  constructor(make: (number: number) => Action) {
    this.#make = make;
  }

  get(number: number): Action {
    let action = this.#known.get(number);
    if (action === undefined) {
      action = this.#make(number);
      this.#known.set(number, action);
    }
    return action;
  }
}

const outputs = new Numbered((port) => ({ type: 'output', port, maxLen: 0 }));
const tables = new Numbered((table) => ({ type: 'resubmit', port: OFPP_IN_PORT, table }));
const groups = new Numbered((group) => ({ type: 'group', group }));
const meters = new Numbered((meter) => ({ type: 'meter', meter }));
const queues = new Numbered((queue) => ({ type: 'set_queue', queue }));

function whole(what: string, number: number, max: number): number {
  if (Number.isInteger(number) && number >= 0 && number <= max) return number;
  throw new SlowpathError(
    'ERR_POLICY_ACTION',
    `${what}: expected a whole number from 0 to ${max}, not ${number}`,
  );
}

/**
 * What a policy decides: actions, done in the order of the calls when the policy has returned. Without any the packet drops. Each call gives
 * the object back, for more.
 */
export class PolicyActions {
  /** Writes fields of the packet. */
  readonly set: FieldSetters<PolicyActions> = makeSetters((action) => this.add(action));
  readonly #lists: ActionLists;
  readonly #ports: PortNames;
  readonly #texts: ActionTexts;
  readonly #sink: CountSink;
  readonly #table: number;
  /** The decision so far; null when nothing is being decided. */
  #path: ActionPath | null = null;

  constructor(lists: ActionLists, ports: PortNames, sink: CountSink, table: number) {
    this.#lists = lists;
    this.#ports = ports;
    this.#texts = new ActionTexts(table);
    this.#sink = sink;
    this.#table = table;
  }

  /** Sends the packet to a port of the bridge; `maxLen` cuts it to so many bytes. Not to the port that it came by (`inPort` does). */
  output(port: PortRef, options?: { readonly maxLen?: number }): this {
    const ofport = whole('output', this.#ports.resolve(port), 0xffff);
    if (options?.maxLen !== undefined)
      return this.openflow(`output(port=${ofport},max_len=${options.maxLen})`);
    return this.add(outputs.get(ofport));
  }

  /** Sends the packet back to the port that it came by. */
  inPort(): this {
    return this.add(outputs.get(OFPP_IN_PORT));
  }

  /** Sends the packet to the bridge's own port. */
  local(): this {
    return this.add(outputs.get(OFPP_LOCAL));
  }

  /** Forwards as the bridge would without a policy: by learned addresses, VLANs, bonds. */
  normal(): this {
    return this.add(outputs.get(OFPP_NORMAL));
  }

  /** Sends the packet to all ports but that it came by; `flood` leaves out those that do not take floods. */
  all(): this {
    return this.add(outputs.get(OFPP_ALL));
  }

  flood(): this {
    return this.add(outputs.get(OFPP_FLOOD));
  }

  /** Looks the packet up in another table, of rules or of another policy; then goes on here. */
  table(number: number): this {
    return this.add(tables.get(whole('table', number, 253)));
  }

  /** Drops the packet, whatever was called before. It is counted under the reason, if there is one. */
  drop(reason?: string): this {
    this.#need();
    this.#path = this.#lists.root;
    if (reason !== undefined) this.#sink.drop(reason);
    return this;
  }

  /** Counts the packet, and all others that are decided alike, under a name (`Policy.counters`). */
  count(name: string): this {
    this.#need();
    this.#sink.count(name);
    return this;
  }

  /** Puts a tag on. */
  pushVlan(options: PushVlanOptions = {}): this {
    return this.openflow(pushVlanText(options));
  }

  /** Takes the outer tag off. */
  popVlan(): this {
    return this.openflow('pop_vlan');
  }

  /** Puts a label on. */
  pushMpls(options: PushMplsOptions = {}): this {
    return this.openflow(pushMplsText(options));
  }

  /** Takes the outer label off; `ethType` is what lies under it. */
  popMpls(ethType: number): this {
    return this.openflow(`pop_mpls:0x${whole('popMpls', ethType, 0xffff).toString(16)}`);
  }

  /** Lowers the TTL; packets whose TTL has come to its end go to the controller and no further. */
  decTtl(): this {
    return this.openflow('dec_ttl');
  }

  decMplsTtl(): this {
    return this.openflow('dec_mpls_ttl');
  }

  /**
   * Sends the packet through the connection tracker. With `resume` the packet comes to this policy again, with the state in `pkt.ctState`, and what
   * follows here is done on the packet as it was; without, what is committed is committed, and the packet goes on here.
   */
  ct(options: CtOptions = {}): this {
    return this.openflow(ctText(options, this.#table));
  }

  /** Forgets what the connection tracker found. */
  ctClear(): this {
    return this.openflow('ct_clear');
  }

  /** Sends the packet to a group of the bridge. */
  group(number: number): this {
    return this.add(groups.get(whole('group', number, 0xffffff00)));
  }

  /** The packet goes on only as far as the meter lets it. */
  meter(number: number): this {
    return this.add(meters.get(whole('meter', number, 0xffffffff)));
  }

  /** The queue of ports that the packet goes to from here on. */
  setQueue(queue: number): this {
    return this.add(queues.get(whole('setQueue', queue, 0xffffffff)));
  }

  /** Sends a copy to a controller: to `onPacketIn`. */
  controller(options: ControllerOptions = {}): this {
    return this.openflow(controllerText(options));
  }

  /** Samples packets for the bridge's flow-based IPFIX. */
  sample(options: SampleOptions): this {
    return this.openflow(sampleText(options, (port) => this.#ports.resolve(port)));
  }

  /** Does what `build` decides on a copy of the packet; the packet goes on as it was. */
  clone(build: (act: PolicyActions) => void): this {
    const path = this.#need();
    this.#path = this.#lists.root;
    build(this);
    const inner = this.#path;
    this.#path = path;
    return inner.isEmpty ? this : this.add(inner.clone);
  }

  /** Actions in the words of ovs-actions(7), for what has no call: `move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]`. */
  openflow(text: string): this {
    this.#texts.use(this.#ports.names, this.#ports.tlvMap);
    for (const action of this.#texts.read(text)) this.add(action);
    return this;
  }

  /** One action. Equal actions must be one object. */
  private add(action: Action): this {
    this.#path = this.#need().with(action);
    return this;
  }

  #need(): ActionPath {
    if (this.#path === null)
      throw new SlowpathError(
        'ERR_POLICY_OVER',
        'the decision was made already: actions belong before the policy returns, or before the promise of an async one settles',
      );
    return this.#path;
  }

  /** Begins a decision. For the owner. */
  static begin(act: PolicyActions): void {
    act.#path = act.#lists.root;
  }

  /** What was decided; nothing more is taken. For the owner. */
  static end(act: PolicyActions): ActionPath {
    const path = act.#path ?? act.#lists.root;
    act.#path = null;
    return path;
  }
}
