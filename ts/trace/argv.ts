import { SlowpathError } from '../errors/index.js';
import { F_IN_PORT } from '../fields/index.js';
import { KEY_FORM, native } from '../native/index.js';
import { fromHex } from '../util/index.js';
import { limitTags } from '../xlate/index.js';
import type { ArgvTrace } from './bridges-case.js';
import { type TraceSwitch, requireBridge } from './build.js';
import { about } from './problem.js';
import {
  parseCtNext,
  parseDatapathFlow,
  parseDatapathPort,
  parsePacketFlow,
  type TraceRequest,
} from './request.js';

/** What the arguments of ofproto/trace ask for. */
export interface AskedTrace {
  readonly request: TraceRequest;
  /** There was a packet, or one to be made (-generate): the trace has side effects. */
  readonly hasEffects: boolean;
}

/** Arguments of ofproto/trace by what they are. */
interface Arguments {
  /** Bridge or datapath; neither when it is missing. */
  readonly where: string | null;
  readonly flow: string;
  /** The packet in hexadecimal. */
  readonly packet: string | null;
  readonly ctNext: readonly number[];
  readonly generate: boolean;
  readonly names: boolean;
}

function readArguments(argv: readonly string[], bridges: ReadonlyMap<string, unknown>): Arguments {
  const plain: string[] = [];
  const ctNext: number[] = [];
  let generate = false;
  let names = false;
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === '--ct-next') ctNext.push(parseCtNext(argv[++i] ?? ''));
    else if (/^--?generate$/.test(argv[i])) generate = true;
    else if (argv[i] === '--names') names = true;
    else if (!argv[i].startsWith('-')) plain.push(argv[i]);
  }
  // The first is a name unless it is a datapath flow itself.
  const named = plain.length > 1 && (bridges.has(plain[0]) || !plain[0].includes('('));
  const [flow, packet] = named ? plain.slice(1) : plain;
  if (flow === undefined) throw new SlowpathError('ERR_TRACE', 'a trace needs a flow');
  return { where: named ? plain[0] : null, flow, packet: packet ?? null, ctNext, generate, names };
}

function argvOf({ argv, bridge, datapath, flow, options, packet }: ArgvTrace): readonly string[] {
  const parts = [bridge ?? datapath, flow, ...(options ?? []), packet];
  return argv ?? parts.filter((part) => part !== null && part !== undefined);
}

/** Reads a trace's arguments as `ovs-appctl ofproto/trace` does. Throws ERR_TRACE. */
export function askedTrace(built: TraceSwitch, asked: ArgvTrace): AskedTrace {
  const { where, flow, packet, ctNext, generate, names } = readArguments(argvOf(asked), built.model.bridges);
  const bytes = packet === null ? null : fromHex(packet.toLowerCase());
  if (packet !== null && bytes === null) {
    throw new SlowpathError('ERR_TRACE', `"${packet}" is no packet: expected bytes in hexadecimal`);
  }
  const { bridge, row } = readFlow(built, where, flow, bytes);
  return {
    request: {
      bridge,
      flow: row,
      ctNext,
      ...(bytes === null ? {} : { packet: bytes }),
      ...(names ? { portNames: built.model.datapathPortNames() } : {}),
    },
    hasEffects: generate || bytes !== null,
  };
}

/** The packet, which comes in by what `flow` says; its headers are those of `packet` if there is one. */
function readFlow(
  built: TraceSwitch,
  where: string | null,
  flow: string,
  packet: Uint8Array | null,
): { readonly bridge: TraceRequest['bridge']; readonly row: Int32Array } {
  const extract = (row: Int32Array) => {
    if (packet === null) return;
    native().extractPacket(packet, row, 0, KEY_FORM.full);
    limitTags(row, built.snapshot.vlanLimit);
  };
  return about(`flow "${flow}"`, () => {
    if (!flow.includes('(')) {
      const bridge = requireBridge(built.model, where ?? '');
      const row = parsePacketFlow(bridge, flow);
      extract(row);
      return { bridge, row };
    }
    if (packet === null) {
      const { bridge, flow: row } = parseDatapathFlow(built.snapshot, flow);
      return { bridge, row };
    }
    const { bridge, flow: row } = parseDatapathPort(built.snapshot, flow);
    const inPort = row[F_IN_PORT];
    extract(row);
    row[F_IN_PORT] = inPort;
    return { bridge, row };
  });
}
