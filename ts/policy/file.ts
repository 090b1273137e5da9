import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, SlowpathError } from '../errors/index.js';
import { completePolicy, type PolicySource } from './definition.js';
import type { Policy } from './policy.js';

/** Milliseconds that a file must have been left alone before it is loaded again: editors write in several steps. */
const SETTLE_MS = 100;
/** Makes each load a module of its own, for the loader keeps what it has loaded. */
let loads = 0;

export interface PolicyFileOptions {
  /** Loads the file again when it changes. Default false. */
  readonly watch?: boolean;
}

/** A policy that came from a file. To dispose of it is to close it. */
export interface PolicyFile extends Disposable {
  readonly policy: Policy;
  readonly path: string;
  /** Loads the file again and replaces the policy. Rejects with ERR_POLICY_FILE when that fails; the policy there was goes on. */
  reload(): Promise<void>;
  /** Watches no more. The policy stays. Idempotent. */
  close(): void;
}

/** What the module exports as its default. Modules that it imports are not loaded again. */
async function importPolicy(path: string): Promise<PolicySource> {
  try {
    const module = (await import(`${pathToFileURL(path).href}?load=${++loads}`)) as {
      readonly default?: unknown;
    };
    completePolicy(module.default);
    return module.default as PolicySource;
  } catch (error) {
    throw new SlowpathError('ERR_POLICY_FILE', `${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Loads a module of ECMAScript and attaches the policy that it exports, by `attach`. `warn` is told when a watched file cannot be loaded. */
export async function loadPolicy(
  file: string,
  options: PolicyFileOptions,
  attach: (source: PolicySource) => Policy,
  warn: (text: string) => void,
): Promise<PolicyFile> {
  const path = resolve(file);
  const policy = attach(await importPolicy(path));
  const reload = async () => {
    policy.replace(await importPolicy(path));
  };
  const watcher =
    options.watch === true ? watchFile(path, () => reload().catch((error) => warn(messageOf(error)))) : null;
  const close = () => watcher?.close();
  return { policy, path, reload, close, [Symbol.dispose]: close };
}

/** The folder is watched, for editors put a new file in the place of the old one. */
function watchFile(path: string, changed: () => void): FSWatcher {
  let timer: NodeJS.Timeout | null = null;
  const watcher = watch(dirname(path), { persistent: false }, (_event, name) => {
    if (name !== basename(path)) return;
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(changed, SETTLE_MS);
    timer.unref();
  });
  watcher.on('close', () => {
    if (timer !== null) clearTimeout(timer);
  });
  return watcher;
}
