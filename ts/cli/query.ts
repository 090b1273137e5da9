import {
  type DatapathType,
  dumpFlowLines,
  dumpFlowRecords,
  inspectDatapath,
  showRecord,
  showText,
} from '../datapath/index.js';
import { SlowpathError } from '../errors/index.js';
import { ask } from './control.js';
import { socketPath } from './rundir.js';

export interface QueryOptions {
  readonly datapath: DatapathType;
  readonly name?: string;
  readonly more?: boolean;
  readonly names?: boolean;
  readonly json?: boolean;
}

export const DEFAULT_NAMES: Readonly<Record<DatapathType, string>> = {
  system: 'ovs-system',
  netdev: 'ovs-netdev',
};

/** Flows of the datapath, one a line. Asks the switch that runs on it, else the kernel itself. */
export function dumpFlows(options: QueryOptions): Promise<string> {
  const { more = false, names = false, json = false } = options;
  return query(options, 'dpctl/dump-flows', { more, names, json }, async (datapath) =>
    json
      ? JSON.stringify(await dumpFlowRecords(datapath, { verbose: more, names }), null, 2)
      : (await dumpFlowLines(datapath, { verbose: more, names })).join('\n'),
  );
}

/** Counters and ports of the datapath. */
export function show(options: QueryOptions): Promise<string> {
  const { json = false } = options;
  return query(options, 'dpctl/show', { json }, async (datapath) =>
    json ? JSON.stringify(showRecord(datapath), null, 2) : showText(datapath),
  );
}

async function query(
  options: QueryOptions,
  method: string,
  params: Readonly<Record<string, unknown>>,
  direct: (datapath: ReturnType<typeof inspectDatapath>) => Promise<string>,
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
  const datapath = inspectDatapath({ name });
  try {
    return await direct(datapath);
  } finally {
    datapath.close({ keep: true });
  }
}
