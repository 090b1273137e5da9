import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatapathType } from '../datapath/index.js';
import { messageOf, SlowpathError } from '../errors/index.js';

/** Names of datapaths where none is given. */
export const DEFAULT_NAMES: Readonly<Record<DatapathType, string>> = {
  system: 'ovs-system',
  netdev: 'ovs-netdev',
};

/**
 * Folder of control sockets: $SLOWPATH_RUNDIR, else /run/slowpath for root, else $XDG_RUNTIME_DIR/slowpath, else a folder of
 * the user's in /tmp.
 */
export function runDirectory(env: NodeJS.ProcessEnv = process.env): string {
  if (env.SLOWPATH_RUNDIR) return env.SLOWPATH_RUNDIR;
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) return '/run/slowpath';
  return env.XDG_RUNTIME_DIR ? join(env.XDG_RUNTIME_DIR, 'slowpath') : `/tmp/slowpath-${uid}`;
}

/** Path of the control socket of the switch on the datapath of this type and name. */
export function socketPath(type: string, name: string, env?: NodeJS.ProcessEnv): string {
  return join(runDirectory(env), `${type}@${name}.sock`);
}

/** Path of what the switch on such a datapath leaves for the next one. */
export function statePath(type: string, name: string, env?: NodeJS.ProcessEnv): string {
  return join(runDirectory(env), `${type}@${name}.state`);
}

/** Makes the folder, for its owner alone. Error: ERR_RUNDIR. */
export function makeRunDirectory(): void {
  try {
    mkdirSync(runDirectory(), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw unusable(cause);
  }
}

/** Control sockets cannot be put into the folder. */
export function unusable(cause: unknown): SlowpathError {
  return new SlowpathError(
    'ERR_RUNDIR',
    `cannot use ${runDirectory()} for the control socket: ${messageOf(cause)}; name another folder in SLOWPATH_RUNDIR`,
    { cause },
  );
}
