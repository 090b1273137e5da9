import type { Datapath, DatapathOptions } from '../datapath/index.js';
import type { RevalidatePolicy } from '../revalidate/index.js';
import type { SampleSink, UpcallObserver } from '../upcall/index.js';
import type { VlanOptions } from './bridge.js';
import type { PacketIn } from './packet-in.js';

/** How to open a switch. All of it has defaults but the datapath. */
export interface SwitchOptions {
  /** A datapath that is open already (the switch then owns it), or how to open one. */
  readonly datapath: Datapath | DatapathOptions;
  /** Most flows that may be installed at a time (OVS: flow-limit). Default 200,000. */
  readonly flowLimit?: number;
  /** Revalidation, with OVS's names and defaults. */
  readonly policy?: Partial<RevalidatePolicy>;
  /** Packets that controller actions send up. */
  readonly onPacketIn?: (packetIn: PacketIn) => void;
  /** Sampled packets; without it they are counted and dropped. */
  readonly samples?: SampleSink;
  /** Watches every upcall. */
  readonly observer?: UpcallObserver;
  /** What goes wrong on the way and is survived. Default: nothing is said. */
  readonly onWarning?: (message: string) => void;
}

/** How to add a port to a bridge. */
export interface PortOptions extends VlanOptions {
  /** Name of the network device; for an internal port, of the device to make. */
  readonly name: string;
  /** Default system. */
  readonly type?: 'system' | 'internal';
  /** OpenFlow port number; default: the lowest free one. */
  readonly ofport?: number;
}
