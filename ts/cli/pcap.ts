import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Bridge, numberPorts } from '../bridge/index.js';
import { type CapturedFrame, CaptureWriter, readCapture } from '../capture/index.js';
import { type Configuration, emptyConfiguration, vsctl } from '../config/index.js';
import { messageOf, SlowpathError } from '../errors/index.js';
import { buildSwitch, requireBridge, type TraceSwitch } from '../trace/index.js';
import { Replay, type Replayed } from './replay.js';
import { type ContentOptions, contentsOf, readConfiguration } from './trace.js';

export interface PcapOptions extends ContentOptions {
  readonly config?: string;
  readonly vsctl?: string;
  readonly bridge?: string;
  readonly inPort?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Ports of the bridge when no configuration says which. */
const DEFAULT_PORTS = 16;
/** Packets between two turns of the event loop, and two signs of progress. */
const SLICE = 256;
const PROGRESS_MS = 200;

/** br0 with ports port1 to port16. */
function defaultConfiguration(): Configuration {
  const ports = Array.from({ length: DEFAULT_PORTS }, (_, i) => [
    ...['--', 'add-port', 'br0', `port${i + 1}`],
    ...['--', 'set', 'Interface', `port${i + 1}`, `ofport_request=${i + 1}`],
  ]);
  return vsctl(emptyConfiguration(), ['add-br', 'br0', ...ports.flat()]).configuration;
}

function describeSwitch(options: PcapOptions): { readonly described: TraceSwitch; readonly bridge: Bridge } {
  const isDescribed = options.config !== undefined || options.vsctl !== undefined;
  const configuration = isDescribed
    ? readConfiguration(options.config, options.vsctl)
    : defaultConfiguration();
  const name = options.bridge ?? configuration.rows('Bridge')[0]?.text('name') ?? 'br0';
  const described = buildSwitch(
    configuration,
    numberPorts(configuration),
    new Map([[name, contentsOf(options)]]),
  );
  return { described, bridge: requireBridge(described.model, name) };
}

/** The datapath port that a frame comes in by: that of --in-port, that of its interface's name, or the one of its interface's number. */
function inPortOf(bridge: Bridge, frame: CapturedFrame, wanted: string | undefined): number {
  const found =
    wanted !== undefined
      ? (bridge.portByName(wanted) ?? bridge.ports.get(Number(wanted)))
      : (bridge.portByName(frame.interfaceName ?? '') ?? bridge.ports.get(frame.interface + 1));
  if (found !== undefined) return found.odpPort;
  const what = wanted ?? frame.interfaceName ?? `interface ${frame.interface}`;
  throw new SlowpathError(
    'ERR_NO_PORT',
    `bridge ${bridge.name} has no port for ${what}: name one with --in-port`,
  );
}

/** Names of datapath ports; tunnels share one, the first gives it its name. */
function portNames({ model }: TraceSwitch): Map<number, string> {
  const names = new Map<number, string>();
  for (const bridge of model.bridges.values())
    for (const port of bridge.portList)
      if (port.odpPort >= 0 && !names.has(port.odpPort)) names.set(port.odpPort, port.name);
  return names;
}

/** A pcapng file for each port that anything leaves by. */
class Outputs {
  readonly #writers = new Map<string, CaptureWriter>();
  readonly counts = new Map<string, number>();

  constructor(readonly folder: string | undefined) {
    try {
      if (folder !== undefined) mkdirSync(folder, { recursive: true });
    } catch (cause) {
      throw new SlowpathError('ERR_CAPTURE', `cannot make ${folder}: ${messageOf(cause)}`, { cause });
    }
  }

  write(name: string, time: bigint, frame: Uint8Array): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    if (this.folder === undefined) return;
    let writer = this.#writers.get(name);
    if (writer === undefined) {
      writer = new CaptureWriter(join(this.folder, `${name.replaceAll('/', '_')}.pcapng`), name);
      this.#writers.set(name, writer);
    }
    writer.write(time, frame);
  }

  close(): void {
    for (const writer of this.#writers.values()) writer.close();
  }
}

/** How far a file is read, on a terminal. */
class Progress {
  #next = 0;
  #shown = false;
  readonly #size: number;

  constructor(path: string) {
    this.#size = process.stderr.isTTY ? (statSync(path, { throwIfNoEntry: false })?.size ?? 0) : 0;
  }

  tell(packets: number, position: number): void {
    if (this.#size === 0 || performance.now() < this.#next) return;
    this.#next = performance.now() + PROGRESS_MS;
    this.#shown = true;
    process.stderr.write(`\r${packets} packets, ${Math.floor((position * 100) / this.#size)} % \x1b[K`);
  }

  end(): void {
    if (this.#shown) process.stderr.write('\r\x1b[K');
  }
}

const seconds = (time: bigint) =>
  `${time / 1_000_000_000n}.${(time % 1_000_000_000n).toString().padStart(9, '0')}`;

function packetText(number: number, port: string, frame: CapturedFrame, { passes }: Replayed): string {
  const ways = passes.map(
    ({ megaflow, isMiss, actions, error }) =>
      `megaflow ${megaflow.number}${isMiss ? ' (miss)' : ''} actions:${actions}${error === undefined ? '' : ` (${error})`}`,
  );
  return `${number} ${seconds(frame.time)} ${port} ${frame.length} bytes: ${ways.join('; ')}`;
}

function packetJson(
  number: number,
  inPort: string,
  frame: CapturedFrame,
  { passes }: Replayed,
  outputs: readonly string[],
): string {
  const ways = passes.map(({ megaflow, ...rest }) => ({ megaflow: megaflow.number, ...rest }));
  return JSON.stringify({
    packet: number,
    time: seconds(frame.time),
    inPort,
    length: frame.length,
    passes: ways,
    outputs,
  });
}

/** Runs a capture through the pipeline; `write` is given line for line. */
export async function pcapCommand(
  file: string,
  options: PcapOptions,
  write: (line: string) => void,
): Promise<void> {
  const { described, bridge } = describeSwitch(options);
  const names = portNames(described);
  const nameOf = (port: number) => names.get(port) ?? `port-${port}`;
  const progress = new Progress(file);
  const outputs = new Outputs(options.out);
  const frames = readCapture(file);
  // A file that is none is told before anything is made.
  let frame = frames.next();
  const replay = new Replay(described, names);
  let packets = 0;
  try {
    for (; !frame.done; frame = frames.next()) {
      const { value } = frame;
      const odpPort = inPortOf(bridge, value, options.inPort);
      packets++;
      if (value.bytes.length < 14) {
        write(
          options.json
            ? JSON.stringify({ packet: packets, error: 'no Ethernet header' })
            : `${packets} no Ethernet header`,
        );
        continue;
      }
      const replayed = replay.run(value.bytes, odpPort);
      for (const { port, frame: sent } of replayed.outputs) outputs.write(nameOf(port), value.time, sent);
      const sentBy = replayed.outputs.map(({ port }) => nameOf(port));
      write(
        options.json
          ? packetJson(packets, nameOf(odpPort), value, replayed, sentBy)
          : packetText(packets, nameOf(odpPort), value, replayed),
      );
      progress.tell(packets, value.position);
      if (packets % SLICE === 0) await nextTurn();
    }
    summarize(replay, outputs, packets, options.json === true, write);
  } finally {
    frames.return(undefined);
    progress.end();
    outputs.close();
    replay.close();
  }
}

function summarize(
  { cache: { megaflows } }: Replay,
  { counts, folder }: Outputs,
  packets: number,
  json: boolean,
  write: (line: string) => void,
): void {
  if (json) {
    for (const megaflow of megaflows)
      write(JSON.stringify({ ...megaflow, megaflow: megaflow.number, number: undefined }));
    write(JSON.stringify({ packets, megaflows: megaflows.length, outputs: Object.fromEntries(counts) }));
    return;
  }
  write('');
  for (const { number, flow, actions, packets: hits, bytes } of megaflows)
    write(`megaflow ${number}: ${flow}, packets:${hits}, bytes:${bytes}, actions:${actions}`);
  write('');
  for (const [name, count] of counts)
    write(`${name}: ${count} packets${folder === undefined ? '' : `, ${join(folder, `${name}.pcapng`)}`}`);
  write(`${packets} packets, ${megaflows.length} megaflows`);
}
