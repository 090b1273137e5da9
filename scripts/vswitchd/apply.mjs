// Brings a running switch to what a file says, by what differs from the one before.
import { Texts } from './config.mjs';
import { BridgePolicies } from './policies.mjs';

const NOTHING = {
  flows: new Texts('', []),
  groups: new Texts('', []),
  meters: new Texts('', []),
  tlvMap: '',
};

/** Lines that say something, with their place in the text, by the number that `pattern` finds in them. */
function byNumber(text, pattern) {
  const lines = text
    .split('\n')
    .map((line, i) => ({ text: line.replace(/#.*/, '').trimEnd(), line: i + 1 }))
    .filter((line) => line.text !== '');
  return new Map(lines.map((line) => [pattern.exec(line.text)?.[1] ?? `line ${line.line}`, line]));
}

/** Runs `work`, which reads `texts`, or one line of it; a problem of syntax names the file. */
function reading(texts, work, line) {
  try {
    return work();
  } catch (error) {
    throw texts.locate(error, line);
  }
}

/** Puts the groups or meters that are new or other into the switch; what takes away those that are gone. */
function changeNumbered(before, after, pattern, set, remove) {
  const old = byNumber(before.text, pattern);
  const now = byNumber(after.text, pattern);
  for (const [number, { text, line }] of now)
    if (old.get(number)?.text !== text) reading(after, () => set(text), line);
  const gone = [...old.keys()].filter((number) => !now.has(number));
  return () => {
    for (const number of gone) remove(Number(number));
  };
}

/** Changes meters, groups and flows of a bridge; those go last that flows may have used. */
function changeBridge(sw, bridge, before, after) {
  if (after.tlvMap !== before.tlvMap) sw.setTlvMap(bridge, after.tlvMap);
  const dropMeters = changeNumbered(
    ...[before.meters, after.meters, /\bmeter=(\w+)/],
    (text) => sw.setMeter(bridge, text),
    (number) => sw.deleteMeter(bridge, number),
  );
  const dropGroups = changeNumbered(
    ...[before.groups, after.groups, /\bgroup_id=(\d+)/],
    (text) => sw.setGroup(bridge, text),
    (number) => sw.deleteGroup(bridge, number),
  );
  // Only flows of the files come and go: what was learned, or added by others, stays.
  const among = before.flows.text;
  const result = reading(after.flows, () => sw.replaceFlows(bridge, after.flows.text, { among }));
  dropGroups();
  dropMeters();
  return result;
}

/** A switch with the file that it was brought to. */
export class Applied {
  #sw;
  #log;
  #config = null;
  /** What each bridge was given, by the bridge itself: one that was made anew has nothing. */
  #given = new Map();

  constructor(sw, log) {
    this.#sw = sw;
    this.#log = log;
  }

  /**
   * Applies a file in one turn of the event loop: no packet meets the half of it. `modules`: the policies that it names, read. What of it cannot be done is told and left as
   * it was; returns those errors.
   */
  apply(config, modules) {
    const before = this.#config;
    this.#config = config;
    const errors = [];
    const attempt = (what, work) => {
      try {
        work();
      } catch (error) {
        errors.push(error);
        this.#log.error(`${what}: ${error.message}`);
      }
    };
    if (before !== null && JSON.stringify(before.datapath) !== JSON.stringify(config.datapath))
      this.#log.warn('datapath: a change takes effect at the next start');
    attempt('configuration', () => this.#sw.configure(config.configuration));
    if (before !== null) this.#sw.cache.setLimits(config.limits);
    for (const bridge of this.#sw.bridges.values()) {
      attempt(`bridge ${bridge.name}`, () => this.#applyBridge(bridge, config, modules));
    }
    for (const bridge of this.#given.keys())
      if (this.#sw.bridges.get(bridge.name) !== bridge) this.#given.delete(bridge);
    return errors;
  }

  #applyBridge(bridge, config, modules) {
    const given = this.#given.get(bridge) ?? { openflow: NOTHING, policies: new BridgePolicies() };
    const after = config.openflow.get(bridge.name) ?? NOTHING;
    const changes = changeBridge(this.#sw, bridge, given.openflow, after);
    this.#given.set(bridge, { ...given, openflow: after });
    given.policies.change(bridge, config.policies.get(bridge.name) ?? new Map(), modules);
    if (changes.added + changes.modified + changes.removed > 0)
      this.#log.info({ bridge: bridge.name, ...changes }, 'flows changed');
  }
}
