import { SLOW_PATH_REASONS } from './slow-path.js';

/**
 * The cookie of a userspace action: what OVS 3.1 calls `struct user_action_cookie`. The datapath hands it back unread as
 * OVS_PACKET_ATTR_USERDATA. We keep OVS's layout so that its tools name our actions. All members are host byte order
 * except vlan_tci and rule_cookie, which OVS keeps in network order.
 *
 *   0 type u32 | 4 in_port u16 | 6 pad u16 | 8 ofproto uuid 4×u32 | 24 union of 24 bytes:
 *     sflow        24 vlan_tci be16, 28 output u32
 *     slow_path    28 reason u32
 *     flow_sample  24 probability u16, 28 collector_set_id u32, 32 obs_domain_id u32, 36 obs_point_id u32,
 *                  40 output_odp_port u32, 44 direction u32
 *     ipfix        24 output_odp_port u32
 *     controller   24 dont_send u8, 25 continuation u8, 26 reason u16, 28 recirc_id u32, 32 rule_cookie be64,
 *                  40 controller_id u16, 42 max_len u16
 */
export const COOKIE_BYTES = 48;

export const COOKIE_UNSPEC = 0;
export const COOKIE_SFLOW = 1;
export const COOKIE_SLOW_PATH = 2;
export const COOKIE_FLOW_SAMPLE = 3;
export const COOKIE_IPFIX = 4;
export const COOKIE_CONTROLLER = 5;

/** Direction of a flow sample (NX_ACTION_SAMPLE_*). */
export const SAMPLE_DEFAULT = 0;
export const SAMPLE_INGRESS = 1;
export const SAMPLE_EGRESS = 2;

/** OFPP_NONE: the cookie names no OpenFlow in_port. */
const NO_PORT = 0xffff;

/** Members that every cookie has. */
export interface CookieCommon {
  /** OpenFlow in_port of the packet, 0xffff for none. */
  readonly inPort: number;
  /** UUID of the bridge's ofproto, four host-order words. */
  readonly uuid: Int32Array;
}

/** A decoded cookie. */
export type Cookie = CookieCommon &
  (
    | { readonly type: 'sflow'; readonly vlanTci: number; readonly output: number }
    | { readonly type: 'slow_path'; readonly reason: number }
    | {
        readonly type: 'flow_sample';
        /** Packets of 65536 that are sampled. */
        readonly probability: number;
        readonly collectorSetId: number;
        readonly obsDomainId: number;
        readonly obsPointId: number;
        /** Datapath port the packet leaves by, 0xffffffff for none. */
        readonly outputPort: number;
        /** SAMPLE_DEFAULT, SAMPLE_INGRESS or SAMPLE_EGRESS. */
        readonly direction: number;
      }
    | { readonly type: 'ipfix'; readonly outputPort: number }
    | {
        readonly type: 'controller';
        readonly dontSend: boolean;
        readonly continuation: boolean;
        /** OFPR_*. */
        readonly reason: number;
        /** Names the frozen pipeline state of the packet. */
        readonly recircId: number;
        /** Cookie of the rule, high and low word. */
        readonly ruleCookieHigh: number;
        readonly ruleCookieLow: number;
        readonly controllerId: number;
        /** Bytes of the packet the controller asked for. */
        readonly maxLen: number;
      }
  );

export type CookieType = Cookie['type'];

/**
 * Builds cookies in one reused buffer; nothing is allocated. Each `put…` overwrites the whole cookie, so what is not named
 * is zero and equal cookies have equal bytes. `uuid` is read at `uuid[0..3]`.
 */
export class CookieWriter {
  /** The cookie, COOKIE_BYTES long; valid until the next `put…`. */
  readonly bytes = new Uint8Array(COOKIE_BYTES);
  private readonly words = new Int32Array(this.bytes.buffer);
  private readonly halves = new Uint16Array(this.bytes.buffer);

  private begin(type: number, inPort: number, uuid: Int32Array | null): void {
    const words = this.words;
    words.fill(0);
    words[0] = type;
    words[1] = inPort & 0xffff;
    if (uuid !== null) {
      words[2] = uuid[0];
      words[3] = uuid[1];
      words[4] = uuid[2];
      words[5] = uuid[3];
    }
  }

  /** `vlanTci` in host order with the CFI bit as on the wire; `output` in sFlow's interface encoding. */
  putSflow(inPort: number, uuid: Int32Array | null, vlanTci: number, output: number): void {
    this.begin(COOKIE_SFLOW, inPort, uuid);
    this.bytes[24] = vlanTci >>> 8;
    this.bytes[25] = vlanTci;
    this.words[7] = output;
  }

  /** `reason`: SLOW_* bits. */
  putSlowPath(inPort: number, uuid: Int32Array | null, reason: number): void {
    this.begin(COOKIE_SLOW_PATH, inPort, uuid);
    this.words[7] = reason;
  }

  putFlowSample(
    inPort: number,
    uuid: Int32Array | null,
    probability: number,
    collectorSetId: number,
    obsDomainId: number,
    obsPointId: number,
    outputPort: number,
    direction: number,
  ): void {
    this.begin(COOKIE_FLOW_SAMPLE, inPort, uuid);
    this.halves[12] = probability;
    this.words[7] = collectorSetId;
    this.words[8] = obsDomainId;
    this.words[9] = obsPointId;
    this.words[10] = outputPort;
    this.words[11] = direction;
  }

  putIpfix(inPort: number, uuid: Int32Array | null, outputPort: number): void {
    this.begin(COOKIE_IPFIX, inPort, uuid);
    this.words[6] = outputPort;
  }

  putController(
    inPort: number,
    uuid: Int32Array | null,
    reason: number,
    recircId: number,
    ruleCookieHigh: number,
    ruleCookieLow: number,
    controllerId: number,
    maxLen: number,
    dontSend = false,
    continuation = false,
  ): void {
    this.begin(COOKIE_CONTROLLER, inPort, uuid);
    const bytes = this.bytes;
    bytes[24] = dontSend ? 1 : 0;
    bytes[25] = continuation ? 1 : 0;
    this.halves[13] = reason;
    this.words[7] = recircId;
    for (let i = 0; i < 4; i++) {
      bytes[32 + i] = ruleCookieHigh >>> (24 - 8 * i);
      bytes[36 + i] = ruleCookieLow >>> (24 - 8 * i);
    }
    this.halves[20] = controllerId;
    this.halves[21] = maxLen;
  }

  /** Writes any decoded cookie; for text and tests. */
  put(cookie: Cookie): void {
    const { inPort, uuid } = cookie;
    switch (cookie.type) {
      case 'sflow':
        this.putSflow(inPort, uuid, cookie.vlanTci, cookie.output);
        break;
      case 'slow_path':
        this.putSlowPath(inPort, uuid, cookie.reason);
        break;
      case 'flow_sample':
        this.putFlowSample(
          inPort,
          uuid,
          cookie.probability,
          cookie.collectorSetId,
          cookie.obsDomainId,
          cookie.obsPointId,
          cookie.outputPort,
          cookie.direction,
        );
        break;
      case 'ipfix':
        this.putIpfix(inPort, uuid, cookie.outputPort);
        break;
      case 'controller':
        this.putController(
          inPort,
          uuid,
          cookie.reason,
          cookie.recircId,
          cookie.ruleCookieHigh,
          cookie.ruleCookieLow,
          cookie.controllerId,
          cookie.maxLen,
          cookie.dontSend,
          cookie.continuation,
        );
        break;
    }
  }
}

/**
 * The COOKIE_* type of the cookie at `bytes[offset … offset + length)`, or COOKIE_UNSPEC when it is none of ours: OVS takes
 * a cookie by its size (exactly COOKIE_BYTES) and its type. Allocates nothing.
 */
export function cookieType(bytes: Uint8Array, offset: number, length: number): number {
  if (length !== COOKIE_BYTES || offset + length > bytes.length) return COOKIE_UNSPEC;
  const type = cookieU32(bytes, offset);
  return type <= COOKIE_CONTROLLER ? type : COOKIE_UNSPEC;
}

/** SLOW_* bits of a cookie of type COOKIE_SLOW_PATH. */
export function cookieSlowReason(bytes: Uint8Array, offset: number): number {
  return cookieU32(bytes, offset + 28);
}

/** OpenFlow in_port of the cookie at `bytes[offset]`. */
export function cookieInPort(bytes: Uint8Array, offset: number): number {
  return bytes[offset + 4] | (bytes[offset + 5] << 8);
}

/** TCI that the packet leaves with, of a cookie of type COOKIE_SFLOW. */
export function cookieSflowTci(bytes: Uint8Array, offset: number): number {
  return (bytes[offset + 24] << 8) | bytes[offset + 25];
}

/** Where the packet goes, in sFlow's encoding, of a cookie of type COOKIE_SFLOW. */
export function cookieSflowOutput(bytes: Uint8Array, offset: number): number {
  return cookieU32(bytes, offset + 28);
}

/** Whether the cookie at `bytes[offset]` names the bridge with this UUID. */
export function cookieUuidIs(bytes: Uint8Array, offset: number, uuid: Int32Array): boolean {
  for (let i = 0; i < 4; i++) if ((cookieU32(bytes, offset + 8 + 4 * i) | 0) !== uuid[i]) return false;
  return true;
}

/** The 32-bit host-order member at `offset`, unsigned. */
function cookieU32(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] | (bytes[offset + 1] << 8) | (bytes[offset + 2] << 16) | (bytes[offset + 3] << 24)) >>> 0
  );
}

/** Decodes the cookie at `bytes[offset … offset + length)`; null when its size or type is not one of OVS's. */
export function decodeCookie(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Cookie | null {
  const type = cookieType(bytes, offset, length);
  if (type === COOKIE_UNSPEC) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, COOKIE_BYTES);
  const u16 = (at: number) => view.getUint16(at, true);
  const u32 = (at: number) => view.getUint32(at, true);
  const uuid = Int32Array.from([8, 12, 16, 20], (at) => view.getInt32(at, true));
  const common = { inPort: u16(4), uuid };
  switch (type) {
    case COOKIE_SFLOW:
      return { ...common, type: 'sflow', vlanTci: view.getUint16(24), output: u32(28) };
    case COOKIE_SLOW_PATH:
      return { ...common, type: 'slow_path', reason: u32(28) };
    case COOKIE_FLOW_SAMPLE:
      return {
        ...common,
        type: 'flow_sample',
        probability: u16(24),
        collectorSetId: u32(28),
        obsDomainId: u32(32),
        obsPointId: u32(36),
        outputPort: u32(40),
        direction: u32(44),
      };
    case COOKIE_IPFIX:
      return { ...common, type: 'ipfix', outputPort: u32(24) };
    default:
      return {
        ...common,
        type: 'controller',
        dontSend: view.getUint8(24) !== 0,
        continuation: view.getUint8(25) !== 0,
        reason: u16(26),
        recircId: u32(28),
        ruleCookieHigh: view.getUint32(32),
        ruleCookieLow: view.getUint32(36),
        controllerId: u16(40),
        maxLen: u16(42),
      };
  }
}

/** A cookie's common members when nothing is known of them, as OVS parses cookies from text. */
export const ANONYMOUS: CookieCommon = { inPort: NO_PORT, uuid: new Int32Array(4) };

/** Names of the reasons in `reason`, joined by commas, as OVS prints them; unknown bits as one hexadecimal number. */
export function slowReasonText(reason: number): string {
  if (reason === 0) return '0';
  const names = SLOW_PATH_REASONS.filter((_, bit) => reason & (1 << bit));
  const unknown = (reason & ~((1 << SLOW_PATH_REASONS.length) - 1)) >>> 0;
  return [...names, ...(unknown === 0 ? [] : [`0x${unknown.toString(16)}`])].join(',');
}
