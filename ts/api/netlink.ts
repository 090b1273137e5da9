/**
 * `slowpath/netlink`: netlink sockets, generic netlink families and the messages of the openvswitch module, for tools of your own. Nothing
 * here runs a slow path.
 */
export {
  NetlinkError,
  type NetlinkErrorDetails,
  type NetlinkErrorSource,
  SlowpathError,
} from '../errors/index.js';
export { type GenlFamily, listFamilies, lookupFamily } from '../genl/index.js';
export type { Channel, ChannelCounters } from '../native/index.js';
export {
  AttributeCursor,
  type InterfaceAddress,
  type Link,
  type Message,
  MessageBuilder,
  NETLINK_GENERIC,
  NETLINK_ROUTE,
  NETLINK_SOCK_DIAG,
  NetlinkClient,
  NLM_F_ACK,
  NLM_F_DUMP,
  type NextHop,
  type OpenNetlinkOptions,
  openNetlink,
  type RequestInfo,
  RouteClient,
  type RouteQuestion,
} from '../netlink/index.js';
export {
  DatapathClient,
  type DatapathInfo,
  FlowClient,
  lookupOvsFamilies,
  MeterClient,
  type OvsFamilies,
  PacketClient,
  VportClient,
} from '../ovs/index.js';
