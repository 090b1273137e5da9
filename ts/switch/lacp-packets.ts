import type { Bridge } from '../bridge/index.js';
import type { Datapath } from '../datapath/index.js';
import { lacpduFrame } from '../packet/index.js';
import { sendOwn } from './learning-packets.js';

/** Sends the messages of LACP that are due at a bridge's ports. The bridge's address is the system id that none is configured for. */
export function sendLacp(datapath: Datapath, bridge: Bridge, warn: (message: string) => void): void {
  const { route } = datapath;
  for (const bundle of bridge.bundles) {
    const { lacp } = bundle;
    if (lacp === null) continue;
    if (!lacp.hasId) lacp.ownId = route.findLink(bridge.name)?.mac ?? lacp.ownId;
    for (const { port, pdu } of lacp.takeDue()) {
      const source = route.findLink(port.ifindex ?? 0)?.mac ?? pdu.actor.systemId;
      sendOwn(datapath, bundle, { odpPort: port.odpPort, frame: lacpduFrame(source, pdu) }, warn);
    }
  }
}
