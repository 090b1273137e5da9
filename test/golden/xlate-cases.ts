import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type Action, parseFlow, type Rule, toRule } from '../../ts/openflow/index.js';
import type { VlanMode } from '../../ts/xlate/index.js';
import { makeSwitch, type PortSetup, type TestSwitch } from '../support/xlate.js';
import { repositoryRoot } from './odp-cases.js';

/** One translation by real Open vSwitch 3.1. */
export interface XlateTrace {
  readonly bridge: string;
  readonly flow: string;
  readonly datapathActions: string;
  readonly megaflow: string;
  readonly slow?: readonly string[];
  readonly translationError?: string;
  /** One for each pass through the pipeline. */
  readonly steps: readonly unknown[];
  /** Whether the order of actions is defined. */
  readonly compare: 'exact' | 'multiset';
}

/** A switch configuration and what became of packets in it. */
export interface XlateCase {
  readonly id: string;
  readonly features: readonly string[];
  readonly topology: {
    readonly name: string;
    readonly vsctl: readonly string[];
    readonly bridges: readonly {
      readonly name: string;
      readonly ports: readonly {
        readonly name: string;
        readonly ofport: number;
        readonly odpPort: number | null;
      }[];
    }[];
  };
  readonly flows: readonly string[];
  /** In ovs-ofctl syntax, as given. */
  readonly flowsOf10: readonly string[];
  /** As the switch lists them. */
  readonly dumpFlows: readonly string[];
  readonly fdb: readonly (readonly [string, number, string])[];
  readonly traces: readonly XlateTrace[];
}

export function xlateCases(): XlateCase[] {
  const text = gunzipSync(
    readFileSync(join(repositoryRoot(), 'test/fixtures/xlate-dev.jsonl.gz')),
  ).toString();
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as XlateCase);
}

/** Port settings of `set port NAME column=value…` in ovs-vsctl words. */
function portColumns(vsctl: readonly string[], name: string): Map<string, string> {
  const columns = new Map<string, string>();
  for (let i = 0; i + 2 < vsctl.length; i++) {
    if (vsctl[i] !== 'set' || vsctl[i + 1].toLowerCase() !== 'port' || vsctl[i + 2] !== name) continue;
    for (let j = i + 3; j < vsctl.length && vsctl[j] !== '--'; j++) {
      const [key, value] = vsctl[j].split('=');
      columns.set(key, value);
    }
  }
  return columns;
}

function portSetup(vsctl: readonly string[], name: string, ofport: number, odpPort: number): PortSetup {
  const columns = portColumns(vsctl, name);
  const tag = Number(columns.get('tag') ?? 0);
  const vlanMode = (columns.get('vlan_mode') ?? (columns.has('tag') ? 'access' : 'trunk')) as VlanMode;
  const trunks = columns.get('trunks')?.split(',').map(Number);
  const base = { name, ofport, odpPort, vlanMode, tag };
  return trunks === undefined ? base : { ...base, trunks };
}

/** Configuration words that name something outside the translator's present reach. */
const OUT_OF_REACH =
  /protected|forward-bpdu|mirror|netflow|ipfix|sflow|bond|patch|mcast|dot1q|qos|priority-tags/i;

/** Whether ports and bridge settings are within reach; decided from the configuration alone. */
export function inReach(entry: XlateCase): boolean {
  const { vsctl, bridges } = entry.topology;
  return (
    bridges.length === 1 &&
    bridges[0].ports.every((port) => port.odpPort !== null) &&
    !OUT_OF_REACH.test(vsctl.join(' ')) &&
    !vsctl.some((word) => /^type=(?!dummy)/.test(word))
  );
}

/** Actions that the translator has. */
const TRANSLATED = new Set<Action['type']>([
  'output',
  'output_reg',
  'controller',
  'resubmit',
  'goto_table',
  'set_field',
  'move',
  'push_vlan',
  'pop_vlan',
  'set_vlan_vid',
  'set_vlan_pcp',
  'dec_ttl',
  'multipath',
]);

function isTranslated(action: Action): boolean {
  return TRANSLATED.has(action.type) && !(action.type === 'controller' && action.pause === true);
}

/** A rule, or one whose match counts but whose actions we do not have: then `unsupported` holds it. */
function ruleOf(text: string, version: 'OpenFlow10' | 'OpenFlow15', unsupported: Set<Rule>): Rule {
  try {
    const rule = toRule(parseFlow(text, { version }));
    if (!rule.actions.every(isTranslated)) unsupported.add(rule);
    return rule;
  } catch {
    const rule = toRule(parseFlow(text.replace(/actions=.*/, 'actions=drop'), { version }));
    unsupported.add(rule);
    return rule;
  }
}

export interface PreparedCase extends TestSwitch {
  /** Rules with actions out of reach: a packet that meets one is left out. */
  readonly unsupported: ReadonlySet<Rule>;
}

/** The case's switch, or null when a match of it is out of reach. */
export function prepare(entry: XlateCase): PreparedCase | null {
  const { vsctl, bridges } = entry.topology;
  const ports = bridges[0].ports.map((p) => portSetup(vsctl, p.name, p.ofport, p.odpPort!));
  const unsupported = new Set<Rule>();
  try {
    // What the switch says it has is what came over the wire; flows of OpenFlow 1.0 would come back translated.
    const modern = entry.flows;
    const rules = [
      ...modern.map((text) => ruleOf(text, 'OpenFlow15', unsupported)),
      ...entry.flowsOf10.map((text) => ruleOf(text, 'OpenFlow10', unsupported)),
    ];
    const fdb = entry.fdb.map(([name, vlan, mac]) => {
      const hex = mac.replaceAll(':', '');
      const port = ports.find((p) => p.name === name)!;
      return [port.ofport, vlan, Number(`0x${hex.slice(0, 4)}`), Number(`0x${hex.slice(4)}`) | 0] as const;
    });
    const failMode = vsctl.includes('fail-mode=standalone') ? 'standalone' : 'secure';
    return { ...makeSwitch({ ports, rules, fdb, failMode }), unsupported };
  } catch {
    return null;
  }
}

/**
 * Translations (case:index) that were recorded while addresses of an earlier configuration were still in the MAC table: the
 * case does not say so, and a freshly started ovs-vswitchd 3.1.0 with the case's configuration answers otherwise.
 */
export const STALE_RECORDINGS: ReadonlySet<string> = new Set(
  `
  f-00091:2 f-00095:2 f-00104:0 f-00301:1 f-00308:1 f-00315:2 f-00454:1 f-00496:2
  f-00560:0 f-00560:1 f-00583:0 f-00649:1 f-00718:0 f-00776:0 f-00918:2 f-00919:2
  f-00936:2 f-00961:0 f-00961:1 f-00961:2 f-01040:0 f-01040:1 f-01050:0 f-01070:0
  f-01084:0 f-01084:1 f-01187:0 f-01187:1 f-01187:2 f-01220:1 f-01226:0 f-01230:1
  f-01230:2 f-01231:0 f-01232:1 f-01232:2 f-01260:2 f-01262:2 f-01274:0 f-01274:1
  f-01274:2 f-01287:1 f-01327:0 f-01327:1 f-01327:2 f-01364:1 f-01390:1 f-01447:1
  f-01490:1 f-01524:1 f-01534:1 f-01545:2 f-01593:1 f-01598:0 f-01598:1 f-01598:2
  f-01606:1 f-01648:0 f-01648:1 f-01650:0 f-01650:1 f-01650:2 f-01669:2 f-01707:2
  f-01820:0 f-01841:0 f-01841:1 f-01841:2 f-01868:0 f-01869:2 f-01896:1 f-01912:2
  f-02029:0 f-02033:0 f-02034:2 f-02042:0 f-02042:2 f-02075:0 f-02101:0 f-02101:1
  f-02101:2 f-02132:0 f-02132:1 f-02132:2 f-02144:1 f-02158:0 f-02158:1 f-02158:2
  f-02190:0 f-02207:0 f-02207:1 f-02224:0 f-02256:0 f-02256:1 f-02256:2
`
    .trim()
    .split(/\s+/),
);
