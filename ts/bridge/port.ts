import type { XPort, XTunnel } from '../xlate/index.js';
import type { Bridge } from './bridge.js';
import type { BridgeBundle } from './bundle.js';

/** Where a port is: its numbers, and the device behind it. */
export interface PortNumbers {
  /** OpenFlow port number. */
  readonly ofport: number;
  /** Datapath port number; -1 for a patch port, which the datapath does not know. */
  readonly odpPort: number;
  /** Index of the network device, 0 without one. */
  readonly ifindex: number;
  /** The link is up and enabled. */
  readonly running: boolean;
}

/** A port of a bridge: an Interface record that exists. One object for the port's life. */
export class BridgePort implements XPort {
  readonly name: string;
  /** Interface type: '' or system, internal, patch, vxlan, … */
  readonly type: string;
  readonly bridge: Bridge;
  readonly ofport: number;
  readonly odpPort: number;
  readonly ifindex: number;
  bundle: BridgeBundle;
  mayForward: boolean;
  noFlood = false;
  noRecv = false;
  noFwd = false;
  noPacketIn = false;
  peer: BridgePort | null = null;
  tunnel: XTunnel | null = null;
  queues: ReadonlyMap<number, number> | null = null;

  constructor(bundle: BridgeBundle, name: string, type: string, numbers: PortNumbers) {
    this.bundle = bundle;
    this.bridge = bundle.bridge;
    this.name = name;
    this.type = type;
    this.ofport = numbers.ofport;
    this.odpPort = numbers.odpPort;
    this.ifindex = numbers.ifindex;
    this.mayForward = numbers.running;
  }
}
