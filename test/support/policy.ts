import type { Bridge } from '../../ts/bridge/index.js';
import { F_CT_STATE, F_RECIRC_ID } from '../../ts/fields/index.js';
import { parseFlowKey } from '../../ts/openflow/index.js';
import type { Policy, PolicySource, TableDeclarations } from '../../ts/policy/index.js';
import {
  buildCase,
  formatDatapathActions,
  formatMegaflow,
  runTrace,
  type TraceCase,
  traceText,
} from '../../ts/trace/index.js';
import { type Snapshot, Trail, type Translation, Translator } from '../../ts/xlate/index.js';

/** What became of a packet. */
export interface Decided {
  /** Datapath actions; ports have the numbers of their names. */
  readonly actions: string;
  readonly megaflow: string;
  readonly translation: Translation;
}

/** Megaflows of untagged IPv4, always in what tests expect. */
const ALWAYS = /recirc_id=0,|,?nw_frag=no/g;

/** Policies may look at the second tag. */
const TWO_TAGS = ['set', 'Open_vSwitch', '.', 'other_config:vlan-limit=2', '--'];

/** A bridge br0 with ports p1 to p3 and a policy, without a datapath. */
export class PolicyBench<T extends TableDeclarations = Readonly<Record<never, never>>> {
  readonly bridge: Bridge;
  readonly policy: Policy<T>;
  /** What the bridge was told: tags of state that changed, and tables whose policy is another. */
  readonly changes: (number | string)[] = [];
  readonly warnings: string[] = [];
  readonly trail = new Trail();
  readonly snapshot: Snapshot;
  readonly #switch: ReturnType<typeof buildCase>;
  readonly #translator = new Translator();

  constructor(source: PolicySource<T>, given: Partial<TraceCase> = {}, table = 0) {
    const ports = ['p1', 'p2', 'p3'].flatMap((name) => ['--', 'add-port', 'br0', name]);
    this.#switch = buildCase({
      topology: { vsctl: [...TWO_TAGS, 'add-br', 'br0', ...ports] },
      traces: [],
      ...given,
    });
    this.snapshot = this.#switch.snapshot;
    this.bridge = this.#switch.model.bridges.get('br0')!;
    this.bridge.watcher = {
      rule: (_, rule) => this.changes.push(`table ${rule.table}`),
      tag: (tag) => this.changes.push(tag),
      everything: () => this.changes.push('everything'),
      hold: () => () => {},
      warn: (text) => this.warnings.push(text),
    };
    this.policy = this.bridge.policy(source, { table });
    this.#translator.trail = this.trail;
  }

  /** Translates a packet in OpenFlow's words, from p1 unless it says another in_port. */
  decide(packet: string): Decided {
    const text = packet.includes('in_port') ? packet : `in_port=1,${packet}`;
    return this.decideKey(parseFlowKey(text, this.bridge.portNames(), this.bridge.tlvMap));
  }

  decideKey(key: Int32Array): Decided {
    const translation = this.#translator.translateAt(this.snapshot, this.bridge, key[0], key, 0);
    return {
      actions: formatDatapathActions(translation.actions.subarray(0, translation.actionsLength)),
      megaflow: formatMegaflow(key, translation.mask).replace(ALWAYS, ''),
      translation,
    };
  }

  /** The packet as it comes again from the tracker. */
  decideAgain(packet: string, id: number, ctState: number): Decided {
    const key = parseFlowKey(`in_port=1,${packet}`);
    key[F_RECIRC_ID] = id;
    key[F_CT_STATE] = ctState;
    return this.decideKey(key);
  }

  /** Names that the last packet counts for. */
  credits({ translation }: Decided): string[] {
    return translation.rules.slice(0, translation.ruleCount).map(({ origin = '' }) => origin);
  }

  /** Does what the translation wants done besides. */
  apply({ translation }: Decided): void {
    for (const effect of translation.effects.slice(0, translation.effectCount))
      if (effect.type === 'state') effect.table.apply(effect);
  }

  trace(packet: string): string {
    return traceText(runTrace(this.#switch, { bridge: 'br0', flow: packet }));
  }

  /** Whether the last decision depends on the tag. */
  dependsOn(tag: number): boolean {
    return [...this.trail.words.subarray(0, this.trail.length)].includes(tag);
  }
}
