// Modules of policies: read before anything changes, so that bridges, rules and policies change in one turn of the event loop.
import { statSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { problem } from './config.mjs';

/** Makes each load a module of its own, for the loader keeps what it has loaded. */
let loads = 0;

async function load(path) {
  const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  try {
    const { default: source } = await import(`${pathToFileURL(path).href}?load=${++loads}`);
    return { written, source };
  } catch (cause) {
    return { error: problem(`${path}: ${cause.message}`, cause) };
  }
}

/** What the files of policies export, each read again when it was written since. */
export class PolicyModules {
  #known = new Map();

  /** Reads what a file asks for and is not known. */
  async read({ policies }) {
    const paths = new Set([...policies.values()].flatMap((byTable) => [...byTable.values()]));
    for (const path of this.#known.keys()) if (!paths.has(path)) this.#known.delete(path);
    await Promise.all(
      [...paths].map(async (path) => {
        const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
        if (written === undefined || this.#known.get(path)?.written !== written)
          this.#known.set(path, await load(path));
      }),
    );
  }

  /** The default export of a file that was read: the same as long as the file is. Throws what was wrong with it. */
  get(path) {
    const { error, source } = this.#known.get(path);
    if (error !== undefined) throw error;
    return source;
  }
}

/** The policies of one bridge, by table. */
export class BridgePolicies {
  #attached = new Map();

  /** Attaches, replaces and detaches what differs. */
  change(bridge, wanted, modules) {
    for (const [table, { policy }] of this.#attached) {
      if (wanted.has(table)) continue;
      policy.remove();
      this.#attached.delete(table);
    }
    for (const [table, path] of wanted) {
      const source = modules.get(path);
      if (this.#attached.get(table)?.source === source) continue;
      this.#attached.set(table, { source, policy: attach(bridge, table, path, source) });
    }
  }
}

function attach(bridge, table, path, source) {
  try {
    return bridge.policy(source, { table });
  } catch (cause) {
    throw problem(`${path}: ${cause.message}`, cause);
  }
}
