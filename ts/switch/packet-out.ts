import type { Bridge, BridgePort } from '../bridge/index.js';
import type { Datapath } from '../datapath/index.js';
import { SlowpathError } from '../errors/index.js';
import { F_ETH_TYPE, F_IN_PORT, F_TCP_FLAGS, FLOW_WORDS } from '../fields/index.js';
import { KEY_FORM, native } from '../native/index.js';
import { actionsText, type FlowAction, OFPP_NONE, parseFlow } from '../openflow/index.js';
import { assistActions } from '../upcall/index.js';
import { SLOW_ACTION, type Snapshot, type Translation, Translator, XLATE_ERRORS } from '../xlate/index.js';
import { flowNames } from './openflow-objects.js';

/** A packet that is to be sent (OpenFlow's packet-out). */
export interface PacketOut {
  /** Ethernet frame, at least 14 bytes. */
  readonly packet: Uint8Array;
  /** What becomes of it: `output:2`, `NORMAL`, or `resubmit(,0)` to have it go through the tables. */
  readonly actions: FlowAction | readonly FlowAction[];
  /** Port that it is to have come in by, its number or name. Default: none. */
  readonly inPort?: BridgePort | number | string;
}

/** Bytes of the longest key. */
const KEY_BYTES = 1024;
const ETH_HEADER = 14;

/** Sends packets out of a bridge as if they had come with their actions. */
export class PacketOutSender {
  readonly #translator = new Translator();
  readonly #row = new Int32Array(FLOW_WORDS);
  readonly #key = new Uint8Array(KEY_BYTES);

  /**
   * Translates and executes; `apply` is given what the translation decided besides. Throws SyntaxProblem for the actions, ERR_PACKET_OUT for a packet
   * that cannot be translated, NetlinkError when the datapath refuses.
   */
  send(
    datapath: Datapath,
    snapshot: Snapshot,
    bridge: Bridge,
    { packet, actions, inPort }: PacketOut,
    apply: (translation: Translation, packets: number, bytes: number, tcpFlags: number, used: number) => void,
  ): void {
    if (packet.length < ETH_HEADER)
      throw new SlowpathError('ERR_PACKET_OUT', `a frame of ${packet.length} bytes has no Ethernet header`);
    const list = parseFlow(`actions=${actionsText(actions)}`, { ...flowNames(bridge), loose: true });
    const port = portOf(bridge, inPort);
    const row = this.#row.fill(0);
    native().extractPacket(packet, row, 0, KEY_FORM.full);
    const odpPort = port?.odpPort ?? -1;
    row[F_IN_PORT] = odpPort;
    const view = { bytes: packet, offset: 0, length: packet.length };
    const translation = this.#translator.translateActions(
      ...[snapshot, bridge, port?.ofport ?? OFPP_NONE, row, 0, list.actions, view],
    );
    if (translation.error !== 0) {
      const reason = XLATE_ERRORS[translation.error].replaceAll('_', ' ');
      throw new SlowpathError('ERR_PACKET_OUT', `${bridge.name}: the packet was not sent: ${reason}`);
    }
    const bytes = translation.actions.slice(0, translation.actionsLength);
    const isAssisted = (translation.slow & SLOW_ACTION) !== 0;
    apply(translation, 1, packet.length, row[F_TCP_FLAGS], native().monotonicMs());
    if (bytes.length === 0) return;
    const key = this.#key.slice(0, native().encodeKey(row, 0, this.#key, 0));
    const executions = isAssisted
      ? assistActions(packet, row[F_ETH_TYPE], bytes)
      : [{ packet, actions: bytes }];
    for (const one of executions) datapath.packets.execute({ key, ...one });
  }
}

function portOf(bridge: Bridge, inPort: PacketOut['inPort']): BridgePort | undefined {
  if (inPort === undefined || typeof inPort === 'object') return inPort;
  const found = typeof inPort === 'number' ? bridge.ports.get(inPort) : bridge.portByName(inPort);
  if (found !== undefined) return found;
  throw new SlowpathError('ERR_NO_PORT', `bridge ${bridge.name} has no port ${inPort}`);
}
