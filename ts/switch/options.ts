import type { Datapath, DatapathOptions } from '../datapath/index.js';
import type { RevalidatePolicy } from '../revalidate/index.js';
import type { SampleSink, UpcallObserver } from '../upcall/index.js';
import type { FlowStatsSink, Translator, VlanMode } from '../xlate/index.js';
import type { PacketIn } from './packet-in.js';

/** How to open a switch. All of it has defaults but the datapath. */
export interface SwitchOptions {
  /** A datapath that is open already (the switch then owns it), or how to open one. */
  readonly datapath: Datapath | DatapathOptions;
  /** Most flows that may be installed at a time (OVS: flow-limit). Default 200,000. */
  readonly flowLimit?: number;
  /** Revalidation, with OVS's names and defaults. */
  readonly policy?: Partial<RevalidatePolicy>;
  /**
   * Flows that an earlier process left in the datapath are taken over and kept where they are still right; false: they are flushed. Default true. It
   * happens when the code that opens the switch is through, or when Open_vSwitch other_config:flow-restore-wait is true no longer; packets
   * without a flow wait until then.
   */
  readonly adopt?: boolean;
  /**
   * One of this many installed flows is checked for packets that it takes and that ought to meet something else. Such a flow is warned of, counted, and
   * gives way to a narrower one. 0, the default: none. Open_vSwitch other_config:check-soundness goes before it, also while the switch runs.
   */
  readonly checkSoundness?: number;
  /** What translates in place of `Translator`: for tests. */
  readonly makeTranslator?: () => Translator;
  /** File for what the next process must know to take over the flows of this one. Without it flows of recirculated packets are not kept. */
  readonly stateFile?: string;
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

/** How to close a switch. */
export interface CloseOptions {
  /** What stays: nothing; the datapath with ports and flows; the datapath with its ports. Default false. */
  readonly keep?: boolean | 'ports';
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
  /** dot1q-tunnel: customer VLANs that it carries; left out or empty: all. */
  readonly cvlans?: readonly number[];
  /** dot1q-tunnel: Ethernet type of the outer tag. Default 802.1ad. */
  readonly qinqEthtype?: '802.1ad' | '802.1q';
  /** Whether packets without a VLAN leave with a tag that has VLAN 0. Default never. */
  readonly priorityTags?: 'never' | 'if-nonzero' | 'always';
}

/** What all ports have. */
export interface PortBase extends VlanOptions {
  /** Name of the port and of its interface, at most 15 bytes. */
  readonly name: string;
  /** OpenFlow port number; default: the lowest free one. */
  readonly ofport?: number;
}

/** A port with a network device. */
export interface DevicePortOptions extends PortBase {
  /** system: the device of that name, which is there; internal: one that is made. Default system. */
  readonly type?: 'system' | 'internal';
}

/** A port that leads to another bridge; both ends name each other. */
export interface PatchPortOptions extends PortBase {
  readonly type: 'patch';
  /** Name of the patch port at the other end. */
  readonly peer: string;
}

/** A port that leads through a tunnel; ovs-vswitchd.conf.db(5), Interface options of tunnels. */
export interface TunnelPortOptions extends PortBase {
  readonly type: 'vxlan' | 'geneve' | 'gre';
  /** Address of the other end, IPv4 or IPv6; 'flow' when flows set it, undefined to take packets from anybody. */
  readonly remoteIp?: string;
  /** Address of this end; 'flow' when flows set it. */
  readonly localIp?: string;
  /** VNI or GRE key, the same both ways; 'flow' when flows set and match tun_id. */
  readonly key?: number | bigint | 'flow';
  /** UDP port of vxlan and geneve. Default 4789 or 6081. */
  readonly dstPort?: number;
  /** Other options by OVS's names: tos, ttl, csum, df_default, exts, in_key, …. */
  readonly options?: Readonly<Record<string, string | number | boolean>>;
}

/** How to add a port to a bridge. */
export type PortOptions = DevicePortOptions | PatchPortOptions | TunnelPortOptions;

/** How to add a bond to a bridge; ovs-vswitchd.conf.db(5), bonding configuration of table Port. */
export interface BondOptions extends VlanOptions {
  readonly name: string;
  /** Names of the devices that it is made of, two at least. */
  readonly members: readonly string[];
  /** Default active-backup. balance-tcp needs LACP. */
  readonly mode?: 'active-backup' | 'balance-slb' | 'balance-tcp';
  /** Active-backup: the member that is preferred while it is up. */
  readonly primary?: string;
  /** Milliseconds that a link must be up, or down, before the bond acts upon it. Default 0. */
  readonly upDelay?: number;
  readonly downDelay?: number;
  /** Milliseconds between two looks at the load of members, 0 for none. Default 10,000. */
  readonly rebalanceInterval?: number;
  /** Goes into the hash by which balance-slb and -tcp choose. Default 0. */
  readonly hashBasis?: number;
  /** Negotiates with the other end which members carry packets (IEEE 802.1AX), and speaks first or waits to be asked. Default: does not. */
  readonly lacp?: 'active' | 'passive';
  /** Asks for a message each second (fast), or every 30 (slow, the default). */
  readonly lacpTime?: 'fast' | 'slow';
  /** Without a partner the bond is active-backup instead of silent. Default false. */
  readonly lacpFallback?: boolean;
}

/** How to mirror packets of a bridge; ovs-vswitchd.conf.db(5), table Mirror. Exactly one of outputPort and outputVlan. */
export interface MirrorOptions {
  readonly name: string;
  /** All packets. */
  readonly selectAll?: boolean;
  /** Names of ports: packets that come in by them, and that leave by them. */
  readonly selectSrcPorts?: readonly string[];
  readonly selectDstPorts?: readonly string[];
  /** Only packets in one of these VLANs. Default: all. */
  readonly selectVlans?: readonly number[];
  /** Name of the port that copies leave by; it carries nothing else. */
  readonly outputPort?: string;
  /** VLAN that copies are flooded in. */
  readonly outputVlan?: number;
  /** Bytes of a copy at most, 14 to 65535. Default: all. */
  readonly snaplen?: number;
}

/** How to export sFlow of a bridge; ovs-vswitchd.conf.db(5), table sFlow. */
export interface SflowOptions {
  /** Collectors as `ADDRESS:PORT`. */
  readonly targets: readonly string[];
  /** One of so many packets is sampled. Default 400. */
  readonly sampling?: number;
  /** Seconds between two reports of port counters. Default 30. */
  readonly polling?: number;
  /** Bytes of each packet that are sent. Default 128. */
  readonly header?: number;
  /** Device whose address, or the address that, names this agent. */
  readonly agent?: string;
  /** The outer Ethernet headers of tunnels are told, too, which OVS does not do. Default false. */
  readonly tunnelEthernet?: boolean;
}

/** How to export NetFlow of a bridge; ovs-vswitchd.conf.db(5), table NetFlow. */
export interface NetflowOptions {
  /** Collectors as `ADDRESS:PORT`. */
  readonly targets: readonly string[];
  /** Numbers that name this engine, 0 to 255. */
  readonly engineType?: number;
  readonly engineId?: number;
  /** The numbers of the engine stand in the interface numbers, too. */
  readonly addIdToInterface?: boolean;
  /** Seconds between two records of a flow that goes on; 0 for the default (600), -1 for none. */
  readonly activeTimeout?: number;
  /** Version 9 tells of IPv6 and VLANs, too. Default 5, as OVS has it. */
  readonly version?: 5 | 9;
}

/** What becomes of packets that flows sample for a collector set; table Flow_Sample_Collector_Set. */
export interface CollectorSetOptions extends Partial<IpfixOptions> {
  /** Local samples (the event `sample`, and readers of the kernel's psample) in this group. Default: none. Without `targets` there is no IPFIX. */
  readonly localGroupId?: number;
}

/** How to export IPFIX of a bridge, or of a collector set; ovs-vswitchd.conf.db(5), table IPFIX. */
export interface IpfixOptions {
  /** Collectors as `ADDRESS:PORT`, over UDP; `tcp:ADDRESS:PORT` over TCP. */
  readonly targets: readonly string[];
  /** One of so many packets is sampled. Default 400. */
  readonly sampling?: number;
  readonly obsDomainId?: number;
  readonly obsPointId?: number;
  /** Seconds that flows are collected before they are sent, 0 for none. */
  readonly cacheActiveTimeout?: number;
  /** Flows collected at most, 0 for none. */
  readonly cacheMaxFlows?: number;
  /** Keys of other_config: enable-input-sampling, enable-output-sampling, enable-tunnel-sampling, virtual_obs_id. */
  readonly otherConfig?: Readonly<Record<string, string | number | boolean>>;
}
