import type { Bridge, BridgeBundle } from '../bridge/index.js';
import type { Datapath } from '../datapath/index.js';
import { F_ETH_DST, F_ETH_SRC, F_ETH_TYPE, FLOW_WORDS, OVS_ACTION_ATTR_OUTPUT } from '../fields/index.js';

const ETH_TYPE_RARP = 0x8035;
const ETH_TYPE_VLAN = 0x8100;
/** Bytes of an Ethernet header and of an ARP message for IPv4. */
const ETH_HEADER = 14;
const RARP_BYTES = 28;
const RARP_REQUEST = 3;

/** A frame that is to leave by a port of the datapath. */
export interface OwnFrame {
  readonly odpPort: number;
  readonly frame: Uint8Array;
}

function putMac(bytes: Uint8Array, at: number, high: number, low: number): void {
  const view = new DataView(bytes.buffer);
  view.setUint16(at, high);
  view.setUint32(at + 2, low >>> 0);
}

/** A broadcast RARP request by the address, which says nothing but where the address is (OVS: compose_rarp). `vlan`: tag, 0 for none. */
export function rarpFrame(macHigh: number, macLow: number, vlan: number): Uint8Array {
  const header = vlan === 0 ? ETH_HEADER : ETH_HEADER + 4;
  const frame = new Uint8Array(header + RARP_BYTES);
  const view = new DataView(frame.buffer);
  frame.fill(0xff, 0, 6);
  putMac(frame, 6, macHigh, macLow);
  if (vlan !== 0) {
    view.setUint16(12, ETH_TYPE_VLAN);
    view.setUint16(14, vlan);
  }
  view.setUint16(header - 2, ETH_TYPE_RARP);
  // Ethernet, IPv4, lengths of their addresses; the IPv4 addresses are 0.
  view.setUint16(header, 1);
  view.setUint16(header + 2, 0x0800);
  view.setUint16(header + 4, 0x0604);
  view.setUint16(header + 6, RARP_REQUEST);
  putMac(frame, header + 8, macHigh, macLow);
  putMac(frame, header + 18, macHigh, macLow);
  return frame;
}

/** The tag with which packets of `vlan` leave by a bundle, 0 for none; -1 when they do not leave by it. */
function tagAt(bundle: BridgeBundle, vlan: number): number {
  if (bundle.vlanMode === 'access') return vlan === bundle.tag ? 0 : -1;
  if (vlan === bundle.tag && bundle.vlanMode === 'native-untagged') return 0;
  const { trunks } = bundle;
  const carried = trunks === null || vlan === bundle.tag || (trunks[vlan >> 5] & (1 << (vlan & 31))) !== 0;
  return carried ? vlan : -1;
}

/**
 * What tells the switches beyond a bond by which of its members the addresses behind this bridge are reached now: a frame by each address that was
 * learned elsewhere, from the member that packets of that address take (OVS: bundle_send_learning_packets).
 */
export function learningPackets(bridge: Bridge, bundle: BridgeBundle): OwnFrame[] {
  const { bond } = bundle;
  if (bond === null) return [];
  const flow = new Int32Array(FLOW_WORDS);
  const frames: OwnFrame[] = [];
  for (const entry of bridge.fdb.entries()) {
    const tag = entry.bundle === bundle ? -1 : tagAt(bundle, entry.vlan);
    if (tag === -1) continue;
    flow[F_ETH_SRC] = entry.macHigh;
    flow[F_ETH_SRC + 1] = entry.macLow;
    flow[F_ETH_DST] = 0xffff;
    flow[F_ETH_DST + 1] = -1;
    flow[F_ETH_TYPE] = ETH_TYPE_RARP;
    const port = bond.chooseOutput(flow, null, tag);
    if (port !== null)
      frames.push({ odpPort: port.odpPort, frame: rarpFrame(entry.macHigh, entry.macLow, tag) });
  }
  return frames;
}

/** Tells the switches beyond bonds of which another member became active. What cannot be sent is warned of. */
export function announceBonds(datapath: Datapath, bridge: Bridge, warn: (message: string) => void): void {
  for (const bundle of bridge.bundles) {
    if (bundle.bond?.takeAnnouncement() !== true) continue;
    for (const own of learningPackets(bridge, bundle)) sendOwn(datapath, bundle, own, warn);
  }
}

/** Sends a frame of the switch's own out of a port. What cannot be sent is warned of. */
export function sendOwn(
  datapath: Datapath,
  { name }: BridgeBundle,
  { odpPort, frame }: OwnFrame,
  warn: (message: string) => void,
): void {
  try {
    datapath.packets.execute({ packet: frame, key: new Uint8Array(0), actions: outputTo(odpPort) });
  } catch (error) {
    warn(`bond ${name}: a frame for datapath port ${odpPort} was not sent: ${(error as Error).message}`);
  }
}

/** One action attribute: its length, its type, the port. */
function outputTo(odpPort: number): Uint8Array {
  const actions = new Uint8Array(8);
  new Uint16Array(actions.buffer, 0, 2).set([8, OVS_ACTION_ATTR_OUTPUT]);
  new Uint32Array(actions.buffer, 4, 1)[0] = odpPort;
  return actions;
}
