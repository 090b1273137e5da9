import type { Datapath, DatapathType } from '../datapath/index.js';
import { SlowpathError } from '../errors/index.js';
import { ask } from './control.js';
import { DEFAULT_NAMES, socketPath } from './rundir.js';

export interface QueryOptions {
  readonly datapath: DatapathType;
  readonly name?: string;
  readonly more?: boolean;
  readonly names?: boolean;
  readonly json?: boolean;
}

/** Flows of the datapath, one a line. Asks the switch that runs on it, else the kernel itself. */
export function dumpFlows(options: QueryOptions): Promise<string> {
  const { more = false, names = false, json = false } = options;
  return query(options, 'dpctl/dump-flows', { more, names, json }, async (datapath, of) =>
    json
      ? JSON.stringify(await of.dumpFlowRecords(datapath, { verbose: more, names }), null, 2)
      : (await of.dumpFlowLines(datapath, { verbose: more, names })).join('\n'),
  );
}

/** Counters and ports of the datapath. */
export function show(options: QueryOptions): Promise<string> {
  const { json = false } = options;
  return query(options, 'dpctl/show', { json }, async (datapath, of) =>
    json ? JSON.stringify(of.showRecord(datapath), null, 2) : of.showText(datapath),
  );
}

async function query(
  options: QueryOptions,
  method: string,
  params: Readonly<Record<string, unknown>>,
  direct: (datapath: Datapath, of: typeof import('../datapath/index.js')) => Promise<string>,
): Promise<string> {
  const name = options.name ?? DEFAULT_NAMES[options.datapath];
  const answer = await ask(socketPath(options.datapath, name), { method, params });
  if (answer !== null) return answer;
  if (options.datapath === 'netdev') {
    throw new SlowpathError(
      'ERR_NOT_RUNNING',
      `no switch runs on netdev@${name}: start one with slowpath run --datapath netdev, or ask another with --name`,
    );
  }
  const datapaths = await import('../datapath/index.js');
  const datapath = datapaths.inspectDatapath({ name });
  try {
    return await direct(datapath, datapaths);
  } finally {
    datapath.close({ keep: true });
  }
}
