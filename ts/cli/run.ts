import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { type DatapathType, type DispatchMode, dumpFlowLines, showText } from '../datapath/index.js';
import { SlowpathError, SyntaxProblem } from '../errors/index.js';
import { Switch } from '../switch/index.js';
import { ControlServer } from './control.js';
import { DEFAULT_NAMES } from './query.js';
import { socketPath } from './rundir.js';

export interface RunOptions {
  readonly datapath: DatapathType;
  readonly name?: string;
  readonly bridge: string;
  readonly port: readonly string[];
  readonly flows?: string;
  readonly failMode: 'standalone' | 'secure';
  readonly dispatch: DispatchMode;
  readonly flowLimit?: number;
  readonly maxIdle?: number;
  /** Leave the datapath with its ports and flows behind. */
  readonly keep?: boolean;
}

/** Runs a switch until SIGINT or SIGTERM. */
export async function run(options: RunOptions, log: Logger): Promise<void> {
  const flows = options.flows === undefined ? null : readFlows(options.flows);
  const name = options.name ?? DEFAULT_NAMES[options.datapath];
  const theSwitch = Switch.open({
    datapath: { type: options.datapath, name, dispatch: options.dispatch },
    ...(options.flowLimit === undefined ? {} : { flowLimit: options.flowLimit }),
    ...(options.maxIdle === undefined ? {} : { policy: { maxIdle: options.maxIdle } }),
    onWarning: (message) => log.warn(message),
    onPacketIn: (packetIn) =>
      log.info(
        {
          bridge: packetIn.bridge,
          inPort: packetIn.inPort,
          bytes: packetIn.totalLength,
          cookie: packetIn.cookie,
        },
        'packet-in',
      ),
  });
  let control: ControlServer | null = null;
  try {
    configure(theSwitch, options, flows);
    control = await ControlServer.listen(socketPath(options.datapath, name), {
      'dpctl/dump-flows': async ({ more, names }) =>
        (await dumpFlowLines(theSwitch.datapath, { verbose: more === true, names: names === true })).join(
          '\n',
        ),
      'dpctl/show': () => showText(theSwitch.datapath),
      'upcall/show': () => JSON.stringify(theSwitch.stats()),
    });
    log.info(
      { datapath: `${options.datapath}@${name}`, bridge: options.bridge, ports: options.port },
      'running',
    );
    log.info({ signal: await untilSignal() }, 'stopping');
  } finally {
    await control?.close();
    await theSwitch.close({ keep: options.keep ?? false });
  }
}

function configure(theSwitch: Switch, options: RunOptions, flows: string | null): void {
  const bridge = theSwitch.addBridge(options.bridge, { failMode: options.failMode });
  for (const port of options.port) theSwitch.addPort(bridge, { name: port });
  if (flows === null) return;
  try {
    theSwitch.addFlows(bridge, flows);
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    const where = `${options.flows}:${error.line}:${error.column}`;
    throw new SlowpathError('ERR_BAD_FLOW', `${where}: ${error.message}`, { cause: error });
  }
}

function readFlows(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SlowpathError('ERR_FLOWS_FILE', `cannot read flows: ${reason}`, { cause });
  }
}

function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    // The slow path's own handles do not keep the process alive; this does.
    const alive = setInterval(() => {}, 0x7fffffff);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        clearInterval(alive);
        resolve(signal);
      });
    }
  });
}
