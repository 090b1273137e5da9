import { OVS_VPORT_CMD_DEL, OVS_VPORT_CMD_NEW } from '../fields/index.js';
import type { Channel } from '../native/index.js';
import { type Link, type LinkEvent, parseMessages, watchLinks } from '../netlink/index.js';
import { decodeVport, ovsCommand, ovsDpIfindex } from '../ovs/index.js';
import type { DatapathPort, PortEvent } from './types.js';

/** What a watch needs of the datapath. */
export interface WatchSources {
  readonly dpIfindex: number;
  /** Joined to RTNLGRP_LINK. */
  readonly links: Channel;
  /** Joined to the vport multicast group; null where the datapath has none and `portAdded`/`portRemoved` are called. */
  readonly vports: Channel | null;
  /** Message type of the vport family. */
  readonly vportFamily: number;
  /** Asks the datapath for its ports: at the start, and after notifications were lost. */
  readonly listPorts: () => readonly DatapathPort[];
  /**
   * Called when a port, or notifications, have gone: true when the datapath itself has. The watch is then of no use any more and
   * says nothing.
   */
  readonly datapathGone: () => boolean;
  /** Called when the device of a port has vanished, before the event. */
  readonly portGone: (portNo: number) => void;
}

/**
 * Joins the two sources of news about ports, the datapath's own notifications and rtnetlink's about their devices, into one
 * stream of events by port number.
 */
export class PortWatch {
  readonly #sources: WatchSources;
  readonly #byIfindex = new Map<number, { readonly portNo: number; readonly name: string }>();
  readonly #emit: (event: PortEvent) => void;

  constructor(sources: WatchSources, emit: (event: PortEvent) => void) {
    this.#sources = sources;
    this.#emit = emit;
    this.#reset();
    watchLinks(sources.links, (event) => this.#link(event));
    if (sources.vports !== null) this.#watchVports(sources.vports);
  }

  portAdded({ portNo, name, ifindex }: { portNo: number; name: string; ifindex: number }): void {
    if (this.#byIfindex.get(ifindex)?.portNo === portNo) return;
    this.#byIfindex.set(ifindex, { portNo, name });
    this.#emit({ type: 'added', portNo, name });
  }

  portRemoved(portNo: number): void {
    for (const [ifindex, port] of this.#byIfindex) {
      if (port.portNo !== portNo) continue;
      this.#byIfindex.delete(ifindex);
      this.#emit({ type: 'removed', portNo, name: port.name });
      return;
    }
  }

  close(): void {
    this.#sources.links.close();
    this.#sources.vports?.close();
  }

  #watchVports(channel: Channel): void {
    let overruns = channel.counters().overruns;
    channel.startMessages((datagram) => {
      for (const message of parseMessages(datagram)) {
        if (message.type === this.#sources.vportFamily) this.#vport(message.bytes);
      }
      const now = channel.counters().overruns;
      if (now !== overruns) {
        overruns = now;
        this.#resync();
      }
    });
  }

  #vport(message: Uint8Array): void {
    if (ovsDpIfindex(message) !== this.#sources.dpIfindex) return;
    const cmd = ovsCommand(message);
    if (cmd === OVS_VPORT_CMD_NEW) this.portAdded(decodeVport(message));
    else if (cmd === OVS_VPORT_CMD_DEL) this.portRemoved(decodeVport(message).portNo);
  }

  #link(event: LinkEvent): void {
    if (event.type === 'resync') {
      this.#resync();
      return;
    }
    const port = this.#byIfindex.get(event.link.ifindex);
    if (port === undefined) {
      if (event.type === 'link') this.#emit({ type: 'device', name: event.link.name });
      return;
    }
    if (event.type === 'gone') {
      // The devices of internal ports vanish with their datapath, the local port's last.
      if (this.#sources.datapathGone()) return;
      this.#sources.portGone(port.portNo);
      this.portRemoved(port.portNo);
    } else {
      this.#emit(linkEvent(port, event.link));
    }
  }

  #reset(): void {
    this.#byIfindex.clear();
    for (const port of this.#sources.listPorts()) this.#byIfindex.set(port.ifindex, port);
  }

  #resync(): void {
    if (this.#sources.datapathGone()) return;
    this.#reset();
    this.#emit({ type: 'resync' });
  }
}

function linkEvent(port: { portNo: number; name: string }, { up, running }: Link): PortEvent {
  return { type: 'link', portNo: port.portNo, name: port.name, up, running };
}
