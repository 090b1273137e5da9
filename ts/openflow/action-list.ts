import { F_ETH_TYPE, F_NW_PROTO, F_PACKET_TYPE, F_VLAN1_TCI, F_VLAN_TCI } from '../fields/index.js';
import {
  matchesConnection,
  matchEthType,
  matchHasVlan,
  matchNwProto,
  PREREQUISITE_HINTS,
  prerequisiteHolds,
  toWords,
  VLAN_CFI,
} from './match.js';
import { fail, type Item, requireValue, slice, splitItems, type Token } from './syntax.js';
import type { Action, FlowMatch, MatchField, Prerequisite } from './types.js';
import type { MaskedValue } from './values.js';

/** What the actions of a flow depend on. */
export interface ActionContext {
  readonly match: FlowMatch;
  /** Table that the flow is in; goto_table must name a higher one. */
  readonly table: number;
  readonly portNames: ReadonlyMap<string, number> | undefined;
  readonly tableNames?: ReadonlyMap<string, number> | undefined;
  /** OpenFlow 1.5 refuses what OpenFlow 1.0 leaves without effect, such as mod_nw_src in a flow that does not match ip. */
  readonly openFlow15: boolean;
  /** Does not ask whether all packets have what the actions touch: in buckets OVS does not either. */
  readonly unchecked?: boolean;
}

/** Where a list of actions stands; not every action may stand everywhere. */
export type ActionPlace = 'flow' | 'clone' | 'write_actions' | 'ct' | 'bucket';

/** Parses the items of a nested action list into `list`. */
export type NestedParser = (list: ActionList, items: readonly Item[]) => void;

/**
 * The action list being parsed, with what is known of the packet where the next action stands: the match of the flow and
 * what the actions before have made of it.
 */
export class ActionList {
  readonly actions: Action[] = [];
  /** The match as the actions so far have changed it; the flow's own until one does. */
  private packet: FlowMatch;
  private owned = false;

  constructor(
    readonly context: ActionContext,
    readonly place: ActionPlace,
    private readonly nestedParser: NestedParser,
    packet: FlowMatch = context.match,
  ) {
    this.packet = packet;
  }

  get portNames(): ReadonlyMap<string, number> | undefined {
    return this.context.portNames;
  }

  push(action: Action): void {
    this.actions.push(action);
  }

  /** set_field with a value of the field's width. */
  pushSet(field: MatchField, { value, mask }: MaskedValue, form?: 'mod' | 'load'): void {
    const words = { field, value: toWords(field, value & mask), mask: toWords(field, mask) };
    this.actions.push(
      form === undefined ? { type: 'set_field', ...words } : { type: 'set_field', ...words, form },
    );
  }

  /** Actions between the parentheses of clone, write_actions or exec. What they do to the packet stays in there. */
  nested(value: Token, place: ActionPlace): Action[] {
    return this.nestedItems(splitItems(value), place);
  }

  nestedItems(items: readonly Item[], place: ActionPlace): Action[] {
    const list = new ActionList(this.context, place, this.nestedParser, this.packet);
    this.nestedParser(list, items);
    return list.actions;
  }

  get hasVlan(): boolean {
    return matchHasVlan(this.packet);
  }

  /** Whether the packet surely has as many tags as a flow key has room for. */
  get hasTwoVlans(): boolean {
    return this.hasVlan && (this.packet.key[F_VLAN1_TCI] & VLAN_CFI) !== 0;
  }

  get ethType(): number {
    return matchEthType(this.packet);
  }

  get nwProto(): number {
    return matchNwProto(this.packet);
  }

  get packetType(): number {
    return this.packet.key[F_PACKET_TYPE];
  }

  holds(prerequisite: Prerequisite): boolean {
    return prerequisiteHolds(this.packet, prerequisite);
  }

  /** After an action that sets the outermost tag: there is one. */
  setVlan(): void {
    this.own();
    this.packet.key[F_VLAN_TCI] |= VLAN_CFI;
    this.packet.mask[F_VLAN_TCI] |= VLAN_CFI;
  }

  /** After push_vlan: what was the outermost tag is behind the new one. */
  pushVlan(): void {
    this.own();
    const { key, mask } = this.packet;
    key[F_VLAN1_TCI] = key[F_VLAN_TCI];
    mask[F_VLAN1_TCI] = mask[F_VLAN_TCI];
    key[F_VLAN_TCI] = VLAN_CFI;
    mask[F_VLAN_TCI] = 0xffff;
  }

  /** After pop_vlan: the inner tag, if the packet surely has one, is the outermost. */
  popVlan(): void {
    this.own();
    const { key, mask } = this.packet;
    key[F_VLAN_TCI] = key[F_VLAN1_TCI];
    mask[F_VLAN_TCI] = key[F_VLAN1_TCI] === 0 ? 0xffff : mask[F_VLAN1_TCI];
    key[F_VLAN1_TCI] = 0;
    mask[F_VLAN1_TCI] = 0xffff;
  }

  /** After an action that changes the Ethernet type: nothing is known of what follows it. */
  setEthType(type: number): void {
    this.own();
    this.packet.key[F_ETH_TYPE] = type;
    this.packet.mask[F_ETH_TYPE] = 0xffff;
    this.packet.key[F_NW_PROTO] = 0;
    this.packet.mask[F_NW_PROTO] = 0;
  }

  setPacketType(type: number): void {
    this.own();
    this.packet.key[F_PACKET_TYPE] = type;
    this.packet.mask[F_PACKET_TYPE] = -1;
  }

  /** Whether the flow matches only packets whose connection is known. */
  get tracked(): boolean {
    return matchesConnection(this.packet);
  }

  /** As ovs-ofctl, refuses to touch a field that some of the flow's packets do not have. */
  requirePrerequisite(at: Token, field: MatchField): void {
    if (this.context.unchecked) return;
    if (field.prerequisite === 'vlan') {
      if (!this.hasVlan) this.failWithoutVlan({ ...at, text: field.name });
    } else if (!this.holds(field.prerequisite)) {
      fail(at, `${field.name} needs a flow that matches ${PREREQUISITE_HINTS[field.prerequisite]}`);
    }
  }

  /** As requirePrerequisite, for what an action writes to. */
  requireTarget(at: Token, field: MatchField): void {
    if (this.place !== 'ct' && /^ct_(mark|label)$/.test(field.name)) {
      fail(at, `${field.name} can be set only inside ct(commit,exec(…))`);
    }
    this.requirePrerequisite(at, field);
  }

  /** As requireTarget, for a value that is set; checks the value too. */
  requireSettable(at: Token, field: MatchField, { value, mask }: MaskedValue): void {
    if (field.name === 'vlan_vid' && !this.hasVlan && !this.context.unchecked) {
      this.failWithoutVlan({ ...at, text: field.name });
    }
    this.requireTarget(at, field);
    if (!this.context.openFlow15) return;
    if (field.name === 'vlan_vid' && (value & mask & 0x1000n) === 0n) {
      fail(at, 'vlan_vid: expected a value with the bit 0x1000, which says that there is a tag');
    }
    if (field.name === 'nw_tos' && (value & 3n) !== 0n) {
      fail(at, 'nw_tos: expected a multiple of 4; set ECN with nw_ecn');
    }
  }

  /** For actions that OpenFlow 1.0 leaves without effect on other packets, and later versions refuse. */
  requireInOpenFlow15(at: Token, prerequisite: Prerequisite, inActionSet = false): void {
    // OVS does not look into write_actions for most of them.
    const isIgnored = this.place === 'write_actions' && !inActionSet;
    if (!this.strict || isIgnored || this.holds(prerequisite)) return;
    fail(at, `${at.text} needs a flow that matches ${PREREQUISITE_HINTS[prerequisite]}`);
  }

  /** Whether actions without effect on some packets of the flow are errors. */
  get strict(): boolean {
    return this.context.openFlow15 && !this.context.unchecked;
  }

  failWithoutVlan(at: Token): never {
    fail(at, `${at.text} needs a VLAN tag: match one (${PREREQUISITE_HINTS.vlan}) or push_vlan before`);
  }

  private own(): void {
    if (this.owned) return;
    this.owned = true;
    this.packet = { key: this.packet.key.slice(), mask: this.packet.mask.slice() };
  }
}

/** Parses one action into the list. */
export type ActionHandler = (list: ActionList, item: Item) => void;
export type ActionHandlers = Readonly<Record<string, ActionHandler>>;

/** The one of `names` that the token is. */
export function oneOf<T extends string>(token: Token, names: readonly T[]): T {
  return (
    names.find((name) => name === token.text) ?? fail(token, `"${token.text}": expected ${names.join(', ')}`)
  );
}

export function requireBare(item: Item): void {
  if (item.value !== undefined && item.value.text !== '')
    fail(item.value, `${item.key.text} takes no argument`);
}

/** `A->B` of an item. */
export function arrow(item: Item, example: string): [Token, Token] {
  const value = requireValue(item, example.slice(example.indexOf(':') + 1));
  const at = value.text.indexOf('->');
  if (at < 0) fail(value, `expected ->, as in ${example}`);
  return [slice(value, 0, at), slice(value, at + 2)];
}

/** The arguments of an item by name, in the order given; `flags` may stand without a value. */
export function namedArguments<T extends string, F extends string = never>(
  value: Token | undefined,
  names: readonly T[],
  flags: readonly F[] = [],
): { [name in T | F]?: Token } {
  const args: { [name in T | F]?: Token } = {};
  if (value === undefined) return args;
  for (const { key, value: argument } of splitItems(value)) {
    const name = key.text as T & F;
    if (flags.includes(name)) {
      args[name] = argument ?? key;
      continue;
    }
    if (!names.includes(name)) {
      fail(key, `"${key.text}": expected ${[...names, ...flags].join(', ')}`);
    }
    if (argument === undefined) fail(key, `${key.text} needs a value`);
    args[name] = argument;
  }
  return args;
}

/** Bytes in hexadecimal, with dots between them or not. */
export function parseHexBytes(token: Token, what: string): Uint8Array {
  const bytes: number[] = [];
  const pattern = /\.*([0-9a-fA-F]{2})/y;
  const text = token.text;
  while (pattern.lastIndex < text.length) {
    const from = pattern.lastIndex;
    const found = pattern.exec(text);
    if (found === null) {
      fail(slice(token, from), `${what}: expected pairs of hexadecimal digits, as in 0a.0b.0c`);
    }
    bytes.push(Number.parseInt(found[1], 16));
  }
  return Uint8Array.from(bytes);
}
