import type { Datapath, DatapathOptions } from '../datapath/index.js';
import type { RevalidatePolicy } from '../revalidate/index.js';
import type { SampleSink, UpcallObserver } from '../upcall/index.js';
import type { FlowStatsSink, VlanMode } from '../xlate/index.js';
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
  /** Gets sampled packets, too; those that the configuration exports go to its collectors all the same. */
  readonly samples?: SampleSink;
  /** Follows the flows of bridges with NetFlow. */
  readonly flowStats?: FlowStatsSink;
  /** Watches every upcall. */
  readonly observer?: UpcallObserver;
  /** What goes wrong on the way and is survived. Default: nothing is said. */
  readonly onWarning?: (message: string) => void;
}

/** How to add a bridge; ovs-vswitchd.conf.db(5), table Bridge. */
export interface BridgeOptions {
  /** What happens to packets that no rule matches. Default standalone. */
  readonly failMode?: 'standalone' | 'secure';
  /** Seconds after which an unused learned address goes. Default 300, least 15. */
  readonly macAgingTime?: number;
  /** Learned addresses at most. Default 8192, least 10. */
  readonly macTableSize?: number;
}

/** How a port takes part in its bridge's VLANs; ovs-vswitchd.conf.db(5), table Port. */
export interface VlanOptions {
  /** Default: access when there is a tag, else trunk. */
  readonly vlanMode?: VlanMode;
  /** VLAN of an access port, native VLAN of the native modes. */
  readonly tag?: number;
  /** VLANs that a trunk carries; left out or empty: all. */
  readonly trunks?: readonly number[];
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
