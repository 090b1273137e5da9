const ETH_TYPE_SLOW = 0x8809;
const VLAN_TYPES: readonly number[] = [0x8100, 0x88a8];
/** Slow protocols' group address (IEEE 802.3, annex 57A). */
const SLOW_PROTOCOLS = [0x01, 0x80, 0xc2, 0, 0, 2];
const ETH_HEADER = 14;
/** Of an LACPDU and of a marker, with the octets that are reserved behind its end. */
const PDU_BYTES = 110;
const MAC_BYTES = 6;
const SUBTYPE_LACP = 1;
const SUBTYPE_MARKER = 2;
const MARKER_REQUEST = 1;
const VERSION = 1;
/** Types and lengths of what an LACPDU says, and where it stands. */
const ACTOR = { type: 1, length: 20, at: 2 };
const PARTNER = { type: 2, length: 20, at: 22 };
const COLLECTOR = { type: 3, length: 16, at: 42 };

/** Bits of the state of one end (IEEE 802.1AX-2014, 6.4.2.3). */
export const LACP_STATE_ACTIVITY = 0x01;
export const LACP_STATE_TIMEOUT = 0x02;
export const LACP_STATE_AGGREGATION = 0x04;
export const LACP_STATE_SYNCHRONIZATION = 0x08;
export const LACP_STATE_COLLECTING = 0x10;
export const LACP_STATE_DISTRIBUTING = 0x20;
export const LACP_STATE_DEFAULTED = 0x40;
export const LACP_STATE_EXPIRED = 0x80;

/** What one end of a link says of itself. */
export interface LacpInfo {
  readonly systemPriority: number;
  /** MAC address, 6 bytes. */
  readonly systemId: Uint8Array;
  readonly key: number;
  readonly portPriority: number;
  readonly portId: number;
  /** LACP_STATE_*. */
  readonly state: number;
}

/** A message of LACP. */
export interface Lacpdu {
  /** Who sent it. */
  readonly actor: LacpInfo;
  /** Whom it heard. */
  readonly partner: LacpInfo;
}

/** What a frame of the slow protocols is: a message of LACP, a marker request (802.1AX-2014, 6.5), or nothing that is known. */
export type SlowFrame = Lacpdu | 'marker' | null;

function readInfo(view: DataView, at: number, kind: typeof ACTOR): LacpInfo | null {
  const start = at + kind.at;
  if (view.getUint8(start) !== kind.type || view.getUint8(start + 1) !== kind.length) return null;
  const id = start + 4;
  return {
    systemPriority: view.getUint16(start + 2),
    systemId: new Uint8Array(view.buffer, view.byteOffset + id, MAC_BYTES).slice(),
    key: view.getUint16(id + 6),
    portPriority: view.getUint16(id + 8),
    portId: view.getUint16(id + 10),
    state: view.getUint8(id + 12),
  };
}

/** What an Ethernet frame says; null also when it is cut short, or not as it should be. */
export function readSlowFrame(frame: Uint8Array): SlowFrame {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  let at = ETH_HEADER;
  while (at + PDU_BYTES <= frame.length && VLAN_TYPES.includes(view.getUint16(at - 2))) at += 4;
  if (at + PDU_BYTES > frame.length || view.getUint16(at - 2) !== ETH_TYPE_SLOW) return null;
  const subtype = view.getUint8(at);
  if (subtype === SUBTYPE_MARKER) return view.getUint8(at + 2) === MARKER_REQUEST ? 'marker' : null;
  if (subtype !== SUBTYPE_LACP) return null;
  const actor = readInfo(view, at, ACTOR);
  const partner = readInfo(view, at, PARTNER);
  return actor === null || partner === null ? null : { actor, partner };
}

function putInfo(view: DataView, kind: typeof ACTOR, info: LacpInfo): void {
  const at = ETH_HEADER + kind.at;
  view.setUint8(at, kind.type);
  view.setUint8(at + 1, kind.length);
  view.setUint16(at + 2, info.systemPriority);
  new Uint8Array(view.buffer).set(info.systemId, at + 4);
  view.setUint16(at + 10, info.key);
  view.setUint16(at + 12, info.portPriority);
  view.setUint16(at + 14, info.portId);
  view.setUint8(at + 16, info.state);
}

/** The frame of an LACPDU. `source`: MAC address of the port that sends it. */
export function lacpduFrame(source: Uint8Array, { actor, partner }: Lacpdu): Uint8Array {
  const frame = new Uint8Array(ETH_HEADER + PDU_BYTES);
  const view = new DataView(frame.buffer);
  frame.set(SLOW_PROTOCOLS);
  frame.set(source.subarray(0, MAC_BYTES), MAC_BYTES);
  view.setUint16(ETH_HEADER - 2, ETH_TYPE_SLOW);
  view.setUint8(ETH_HEADER, SUBTYPE_LACP);
  view.setUint8(ETH_HEADER + 1, VERSION);
  putInfo(view, ACTOR, actor);
  putInfo(view, PARTNER, partner);
  view.setUint8(ETH_HEADER + COLLECTOR.at, COLLECTOR.type);
  view.setUint8(ETH_HEADER + COLLECTOR.at + 1, COLLECTOR.length);
  return frame;
}
