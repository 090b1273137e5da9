import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { DatapathType, DispatchMode } from '../datapath/index.js';
import { SlowpathError, SyntaxProblem } from '../errors/index.js';
import { OFPP_LOCAL } from '../openflow/index.js';
import { type Bridge, Switch } from '../switch/index.js';
import { MetricsServer, parseMetricsAddress } from '../metrics/index.js';
import { DEFAULT_NAMES, makeRunDirectory, statePath } from './rundir.js';
import { refuseIfRunning, type ServedControl, serveControl } from './serve.js';
import { readConfiguration } from './trace.js';

export interface RunOptions {
  readonly datapath: DatapathType;
  readonly name?: string;
  readonly bridge?: string;
  readonly config?: string;
  readonly vsctl?: string;
  readonly port: readonly string[];
  readonly flows?: string;
  readonly failMode: 'standalone' | 'secure';
  readonly dispatch?: DispatchMode;
  readonly flowLimit?: number;
  readonly maxIdle?: number;
  /** One of so many installed flows is checked. */
  readonly checkSoundness?: number;
  /** Where to serve metrics: PORT or ADDRESS:PORT. */
  readonly metrics?: string;
  /** What is left behind: the datapath with ports and flows, or with ports. */
  readonly keep?: 'flows' | 'ports';
  /** Flows that an earlier run left are not taken over. */
  readonly flush?: boolean;
  readonly json?: boolean;
}

/** Is told what happens. */
type Tell = (event: string, about: object) => void;

/** What the switch is told of --keep. */
const KEPT = { flows: true, ports: 'ports' } as const;

/** Runs a switch until SIGINT, SIGTERM or SIGHUP. */
export async function run(options: RunOptions, log: Logger, tell: Tell): Promise<void> {
  const address = options.metrics === undefined ? null : parseMetricsAddress(options.metrics);
  const flows = options.flows === undefined ? null : readFlows(options.flows);
  const name = options.name ?? DEFAULT_NAMES[options.datapath];
  await refuseIfRunning(options.datapath, name);
  const stop = new StopSignal();
  let theSwitch: Switch | null = null;
  let control: ServedControl | null = null;
  let metrics: MetricsServer | null = null;
  try {
    theSwitch = openSwitch(options, name, log, tell);
    const bridge = configure(theSwitch, options, flows);
    control = await serveControl(theSwitch);
    if (address !== null) metrics = await MetricsServer.listen(theSwitch, address);
    const running = {
      datapath: `${options.datapath}@${name}`,
      bridge: bridge.name,
      ports: portNames(bridge),
    };
    log.info(running, 'running');
    tell('running', running);
    const signal = await stop.received;
    log.info({ signal }, 'stopping');
    tell('stopping', { signal });
  } finally {
    await metrics?.close();
    await control?.close();
    await theSwitch?.close({ keep: options.keep === undefined ? false : KEPT[options.keep] });
    stop.dispose();
  }
}

function openSwitch(options: RunOptions, name: string, log: Logger, tell: Tell): Switch {
  makeRunDirectory();
  return Switch.open({
    datapath: {
      type: options.datapath,
      name,
      ...(options.dispatch === undefined ? {} : { dispatch: options.dispatch }),
    },
    adopt: options.flush !== true,
    // The embedded datapath ends with its process.
    ...(options.datapath === 'system' ? { stateFile: statePath(options.datapath, name) } : {}),
    ...(options.flowLimit === undefined ? {} : { flowLimit: options.flowLimit }),
    ...(options.maxIdle === undefined ? {} : { policy: { maxIdle: options.maxIdle } }),
    ...(options.checkSoundness === undefined ? {} : { checkSoundness: options.checkSoundness }),
    onWarning: (message) => {
      log.warn(message);
      tell('warning', { message });
    },
    onPacketIn: ({ bridge, inPort, totalLength, cookie }) => {
      const packetIn = { bridge, inPort, bytes: totalLength, cookie };
      log.info(packetIn, 'packet-in');
      tell('packet-in', packetIn);
    },
  });
}

/** Gives the switch what the options say; the bridge that they are about. */
function configure(theSwitch: Switch, options: RunOptions, flows: string | null): Bridge {
  let bridge: Bridge | undefined;
  if (options.config !== undefined || options.vsctl !== undefined) {
    theSwitch.configure(readConfiguration(options.config, options.vsctl));
    bridge =
      options.bridge === undefined
        ? [...theSwitch.bridges.values()][0]
        : theSwitch.bridges.get(options.bridge);
  } else if (options.bridge !== undefined) {
    bridge = theSwitch.addBridge(options.bridge, { failMode: options.failMode });
    for (const port of options.port) theSwitch.addPort(bridge, { name: port });
  }
  if (bridge === undefined) {
    throw new SlowpathError(
      'ERR_USAGE',
      'option --bridge <name> not specified: give it, or a configuration that has a bridge',
    );
  }
  if (flows === null) return bridge;
  try {
    theSwitch.addFlows(bridge, flows);
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    const where = `${options.flows}:${error.line}:${error.column}`;
    throw new SlowpathError('ERR_BAD_FLOW', `${where}: ${error.message}`, { cause: error });
  }
  return bridge;
}

/** Ports by number, without the local one. */
function portNames(bridge: Bridge): string[] {
  const numbered = [...bridge.ports.values()].filter(({ ofport }) => ofport !== OFPP_LOCAL);
  return numbered.sort((a, b) => a.ofport - b.ofport).map(({ name }) => name);
}

function readFlows(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SlowpathError('ERR_FLOWS_FILE', `cannot read flows: ${reason}`, { cause });
  }
}

/** What ends a switch. The terminal that goes away does, too (SIGHUP): in order, so that nothing stays behind. */
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The first of them, heard from the start: one that comes while the switch is being set up ends it in order, too. */
class StopSignal {
  /** Settles with the name of the first signal. */
  readonly received: Promise<string>;
  // The slow path's own handles do not keep the process alive; this does.
  readonly #alive = setInterval(() => {}, 0x7fffffff);
  #listener: (signal: string) => void = () => {};

  constructor() {
    this.received = new Promise((resolve) => {
      this.#listener = resolve;
      // A second signal while the switch is being closed changes nothing.
      for (const signal of STOP_SIGNALS) process.on(signal, this.#listener);
    });
  }

  dispose(): void {
    clearInterval(this.#alive);
    for (const signal of STOP_SIGNALS) process.removeListener(signal, this.#listener);
  }
}
