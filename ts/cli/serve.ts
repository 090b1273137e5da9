import { dumpFlowLines, dumpFlowRecords, showRecord, showText } from '../datapath/index.js';
import { Coverage, runCommand, switchCounters } from '../control/index.js';
import type { FlowRemoved, Switch, UpcallEvent } from '../switch/index.js';
import { type ControlMethods, ControlServer, type ControlStreams, refuseIfServed } from './control.js';
import type { EventStream } from './event-stream.js';
import { socketPath } from './rundir.js';
import { traceIn } from './trace.js';

/** A running switch that answers the `slowpath` command: show, dump-flows, trace, monitor, ctl, flow-events. */
export interface ServedControl extends AsyncDisposable {
  /** Path of its Unix socket. */
  readonly path: string;
  /** Stops answering. Idempotent. */
  close(): Promise<void>;
}

/**
 * Has the `slowpath` command find this switch: serves a Unix socket in $SLOWPATH_RUNDIR (else /run/slowpath, …), for its owner alone. Close it before the switch. Throws
 * ERR_ALREADY_RUNNING when another switch of that name answers there.
 */
export async function serveControl(theSwitch: Switch): Promise<ServedControl> {
  const { datapath } = theSwitch;
  const path = socketPath(datapath.type, datapath.name);
  const coverage = new Coverage(() => switchCounters(theSwitch));
  const server = await ControlServer.listen(path, methodsOf(theSwitch, coverage), streamsOf(theSwitch));
  coverage.start();
  let closing: Promise<void> | null = null;
  const close = () => {
    coverage.stop();
    closing ??= server.close();
    return closing;
  };
  return { path, close, [Symbol.asyncDispose]: close };
}

/** Throws ERR_ALREADY_RUNNING when a switch answers for this datapath. */
export function refuseIfRunning(type: string, name: string): Promise<void> {
  return refuseIfServed(socketPath(type, name));
}

function methodsOf(theSwitch: Switch, coverage: Coverage): ControlMethods {
  const { datapath } = theSwitch;
  return {
    ctl: ({ command, args }) =>
      runCommand({ theSwitch, coverage }, String(command), Array.isArray(args) ? args.map(String) : []),
    'dpctl/dump-flows': async ({ more, names, json }) => {
      const options = { verbose: more === true, names: names === true };
      if (json === true) return JSON.stringify(await dumpFlowRecords(datapath, options), null, 2);
      return (await dumpFlowLines(datapath, options)).join('\n');
    },
    'dpctl/show': ({ json }) =>
      json === true ? JSON.stringify(showRecord(datapath), null, 2) : showText(datapath),
    'ofproto/trace': ({ bridge, flow, ctNext, names, json }) =>
      traceIn(theSwitch.model, theSwitch.snapshot, String(bridge), String(flow), {
        ctNext: Array.isArray(ctNext) ? ctNext.map(String) : [],
        names: names === true,
        json: json === true,
      }),
    'upcall/show': () => JSON.stringify(theSwitch.stats()),
  };
}

function streamsOf(theSwitch: Switch): ControlStreams {
  return {
    'flow-events': (stream) => theSwitch.cache.follow(stream),
    'flow-removed': (stream) => {
      const tell = (removed: FlowRemoved): void => {
        if (stream.full) stream.dropped();
        else stream.event(removed);
      };
      theSwitch.events.on('flowRemoved', tell);
      return () => theSwitch.events.off('flowRemoved', tell);
    },
    upcalls: (stream, { bridge, match }) =>
      theSwitch.followUpcalls(upcallFollower(stream), {
        ...(typeof bridge === 'string' ? { bridge } : {}),
        ...(typeof match === 'string' ? { match } : {}),
      }),
  };
}

function upcallFollower(stream: EventStream) {
  return {
    get full(): boolean {
      return stream.full;
    },
    upcalls(events: readonly UpcallEvent[]): void {
      for (const event of events) stream.event(event);
    },
    dropped(count: number): void {
      stream.dropped(count);
    },
  };
}
