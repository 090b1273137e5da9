import { SlowpathError } from '../errors/index.js';
import { type Action, parseFlow, type TlvMap } from '../openflow/index.js';

/** Texts remembered; then all are forgotten. */
const CAPACITY = 4096;
/** Actions that are about the rule that they stand in, which a policy has none of. */
const REFUSED: ReadonlySet<Action['type']> = new Set<Action['type']>([
  'conjunction',
  'fin_timeout',
  'unroll',
]);

/** Actions in the words of ovs-actions(7), read once. Equal texts give the same objects. */
export class ActionTexts {
  readonly #table: number;
  readonly #byText = new Map<string, readonly Action[]>();
  #portNames: ReadonlyMap<string, number> = new Map();
  #tlvMap: TlvMap | undefined;
  #version = 0;

  constructor(table: number) {
    this.#table = table;
  }

  /** The bridge has these ports and options of tunnels; texts are read again when they are others. */
  use(portNames: ReadonlyMap<string, number>, tlvMap: TlvMap | undefined): void {
    const version = tlvMap?.version ?? 0;
    if (portNames === this.#portNames && version === this.#version) return;
    this.#portNames = portNames;
    this.#tlvMap = tlvMap;
    this.#version = version;
    this.#byText.clear();
  }

  /** Throws ERR_POLICY_ACTION. */
  read(text: string): readonly Action[] {
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const actions = this.#parse(text);
    if (this.#byText.size >= CAPACITY) this.#byText.clear();
    this.#byText.set(text, actions);
    return actions;
  }

  #parse(text: string): readonly Action[] {
    let actions: readonly Action[];
    try {
      actions = parseFlow(`table=${this.#table} actions=${text}`, {
        version: 'OpenFlow15',
        loose: true,
        portNames: this.#portNames,
        ...(this.#tlvMap === undefined ? {} : { tlvMap: this.#tlvMap }),
      }).actions;
    } catch (error) {
      throw new SlowpathError('ERR_POLICY_ACTION', `${text}: ${(error as Error).message}`, { cause: error });
    }
    const refused = actions.find(({ type }) => REFUSED.has(type));
    if (refused !== undefined)
      throw new SlowpathError(
        'ERR_POLICY_ACTION',
        `${text}: a policy has no rule that ${refused.type} could be about`,
      );
    return actions;
  }
}
