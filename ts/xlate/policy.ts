import type { Rule, TlvMap } from '../openflow/index.js';

/** What a policy may see and say of the packet that is being translated; a part of `Pass`. */
export interface PolicyHost {
  /** The packet as it stands, and the mask earned so far. */
  readonly flow: Int32Array;
  readonly mask: Int32Array;
  readonly bridge: PolicyBridge;
  /** Notes what the decision depends on besides the packet; null when nobody wants to know. */
  readonly trail: { tag(tag: number): void } | null;
  readonly tracer: PolicyTeller | null;
  /** Nothing will be sent: nobody outside is to be asked. */
  readonly dontSend: boolean;
  /** Set when what is decided stands in for a decision that is being made. */
  provisional: boolean;
  /** The rule is credited with the packet. */
  credit(rule: Rule): void;
  report(effect: StateEffect): void;
}

/** What a policy may know of the bridge. */
export interface PolicyBridge {
  readonly name: string;
  readonly uuid: Int32Array;
  readonly ports: ReadonlyMap<number, { readonly name: string }>;
  /** Made anew when ports change. */
  readonly portList: readonly { readonly name: string; readonly ofport: number }[];
  /** Geneve options by number; undefined for none. */
  readonly tlvMap?: TlvMap | undefined;
}

/** Takes down what is said about a decision; a part of `Tracer`. */
export interface PolicyTeller {
  note(text: string, level: 'detail'): void;
}

/** Decides about packets in place of the rules of a table. */
export interface XPolicy {
  /**
   * What becomes of the packet: a rule with the actions, which is credited with it. Every bit that was looked at is marked in the mask, and
   * what else was asked for in the trail. Never throws, and changes nothing.
   */
  decide(host: PolicyHost): Rule;
  /** Tells how the last decision came about. */
  explain(teller: PolicyTeller): void;
}

/** An entry of a policy's state is to be written. Equal effects are one object. */
export interface StateEffect {
  readonly type: 'state';
  readonly table: { apply(effect: StateEffect): void };
  readonly key: string | number;
  /** undefined to delete it. */
  readonly value: unknown;
}
