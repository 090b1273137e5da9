/** The bytes of the packet that is translated. They decide nothing that the datapath does with packets like it, only effects. */
export interface PacketView {
  /** The Ethernet frame is bytes[offset … offset + length). */
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly length: number;
}
