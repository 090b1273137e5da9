/** The public API of slowpath, and nothing else. */
export {
  type Configuration,
  configurationFromJson,
  emptyConfiguration,
  parseConfiguration,
  splitShellWords,
  vsctl,
} from './config/index.js';
export {
  type Datapath,
  type DatapathOptions,
  type DatapathPort,
  type DatapathStats,
  type DatapathType,
  type DispatchMode,
  dumpFlowLines,
  openDatapath,
  type PortEvent,
  type PortStats,
  showText,
} from './datapath/index.js';
export { type MetricsOptions, MetricsServer, switchMetrics } from './metrics/index.js';
export { NetlinkError, SlowpathError, SyntaxProblem } from './errors/index.js';
export {
  type Action,
  type BucketObject,
  type FieldName,
  type FieldValue,
  type FlowAction,
  type FlowFilter,
  type FlowObject,
  type GroupObject,
  type MatchObject,
  type MeterObject,
  type ProtocolName,
  TableError,
} from './openflow/index.js';
export {
  type BondOptions,
  Bridge,
  type BridgeOptions,
  BridgePort,
  type DevicePortOptions,
  type FlowEvent,
  type FlowList,
  type FlowListener,
  type FlowReplacement,
  type FlowStatistics,
  type GroupStatistics,
  type InterfaceError,
  type IpfixOptions,
  type MeterDescription,
  type MirrorOptions,
  type NetflowOptions,
  type PacketIn,
  type PacketOut,
  type PatchPortOptions,
  type PortOptions,
  type SflowOptions,
  Switch,
  type SwitchEventMap,
  SwitchEvents,
  type SwitchOptions,
  type SwitchStats,
  type TunnelPortOptions,
  type UpcallEvent,
  type UpcallFilter,
  type UpcallFollower,
  type VlanOptions,
} from './switch/index.js';
export { describeUpcall, type UpcallDescription, type UpcallObserver } from './upcall/index.js';
export type { FlowStatsSink, NetflowEffect } from './xlate/index.js';
export { version } from './util/index.js';
