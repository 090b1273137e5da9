import type { BridgePort } from '../bridge/index.js';
import type { Datapath, PortEvent } from '../datapath/index.js';

/** Compares our ports with the datapath's: the events that would tell the differences. */
export function missedEvents(datapath: Datapath, ports: readonly (BridgePort | undefined)[]): PortEvent[] {
  const present = new Map(datapath.ports().map((port) => [port.portNo, port]));
  return ports.flatMap((port): PortEvent[] => {
    if (port === undefined) return [];
    const { name, odpPort: portNo } = port;
    if (present.get(portNo)?.name !== name) return [{ type: 'removed', portNo, name }];
    const { up = false, running = false } = datapath.route.findLink(name) ?? {};
    return [{ type: 'link', portNo, name, up, running }];
  });
}
