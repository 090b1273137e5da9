// Brings a running switch to what a file says, by what differs from the one before.
import { statSync } from 'node:fs';
import { Texts } from './config.mjs';

const NOTHING = {
  flows: new Texts('', []),
  groups: new Texts('', []),
  meters: new Texts('', []),
  tlvMap: '',
};

/** Lines that say something, by the number that `pattern` finds in them. */
function byNumber(text, pattern) {
  const lines = text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
  return new Map(lines.map((line, i) => [pattern.exec(line)?.[1] ?? `line ${i}`, line]));
}

/** Runs `work`, which reads `texts`; a problem of syntax names the file. */
function reading(texts, work) {
  try {
    return work();
  } catch (error) {
    throw texts.locate(error);
  }
}

/** Puts the groups or meters that are new or other into the switch; what takes away those that are gone. */
function changeNumbered(before, after, pattern, set, remove) {
  const old = byNumber(before.text, pattern);
  const now = byNumber(after.text, pattern);
  for (const [number, line] of now) if (old.get(number) !== line) set(line);
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
    (line) => reading(after.meters, () => sw.setMeter(bridge, line)),
    (number) => sw.deleteMeter(bridge, number),
  );
  const dropGroups = changeNumbered(
    ...[before.groups, after.groups, /\bgroup_id=(\d+)/],
    (line) => reading(after.groups, () => sw.setGroup(bridge, line)),
    (number) => sw.deleteGroup(bridge, number),
  );
  // Only flows of the files come and go: what was learned, or added by others, stays.
  const among = before.flows.text;
  const result = reading(after.flows, () => sw.replaceFlows(bridge, after.flows.text, { among }));
  dropGroups();
  dropMeters();
  return result;
}

/** The policies of one bridge, by table. */
class Policies {
  #loaded = new Map();

  /** Attaches, loads again and detaches what differs; a module differs when its file was written since. */
  async change(bridge, wanted) {
    for (const [table, { file }] of this.#loaded) {
      if (wanted.has(table)) continue;
      file.policy.remove();
      this.#loaded.delete(table);
    }
    for (const [table, path] of wanted) {
      const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
      const before = this.#loaded.get(table);
      if (before?.path === path && before.written === written) continue;
      const file = await bridge.policyFile(path, { table });
      this.#loaded.set(table, { path, written, file });
    }
  }
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

  /** Applies a file. What of it cannot be done is told and left as it was; returns those errors. */
  async apply(config) {
    const before = this.#config;
    this.#config = config;
    const errors = [];
    const attempt = async (what, work) => {
      try {
        await work();
      } catch (error) {
        errors.push(error);
        this.#log.error(`${what}: ${error.message}`);
      }
    };
    if (before !== null && JSON.stringify(before.datapath) !== JSON.stringify(config.datapath))
      this.#log.warn('datapath: a change takes effect at the next start');
    await attempt('configuration', () => this.#sw.configure(config.configuration));
    if (before !== null) this.#sw.cache.setLimits(config.limits);
    for (const bridge of this.#sw.bridges.values()) {
      await attempt(`bridge ${bridge.name}`, () => this.#applyBridge(bridge, config));
    }
    for (const bridge of this.#given.keys())
      if (this.#sw.bridges.get(bridge.name) !== bridge) this.#given.delete(bridge);
    return errors;
  }

  async #applyBridge(bridge, config) {
    const given = this.#given.get(bridge) ?? { openflow: NOTHING, policies: new Policies() };
    const after = config.openflow.get(bridge.name) ?? NOTHING;
    const changes = changeBridge(this.#sw, bridge, given.openflow, after);
    this.#given.set(bridge, { ...given, openflow: after });
    await given.policies.change(bridge, config.policies.get(bridge.name) ?? new Map());
    if (changes.added + changes.modified + changes.removed > 0)
      this.#log.info({ bridge: bridge.name, ...changes }, 'flows changed');
  }
}
