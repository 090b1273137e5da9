/** The public API of slowpath, and nothing else. */
export {
  type Datapath,
  type DatapathOptions,
  type DatapathStats,
  type DatapathType,
  dumpFlowLines,
  openDatapath,
  showText,
} from './datapath/index.js';
export { type MetricsOptions, MetricsServer, switchMetrics } from './metrics/index.js';
export { NetlinkError, SlowpathError, SyntaxProblem } from './errors/index.js';
export {
  Bridge,
  type BridgeOptions,
  BridgePort,
  type PacketIn,
  type PortOptions,
  Switch,
  type SwitchOptions,
  type SwitchStats,
  type VlanOptions,
} from './switch/index.js';
export { describeUpcall, type UpcallDescription, type UpcallObserver } from './upcall/index.js';
export type { FlowStatsSink, NetflowEffect } from './xlate/index.js';
export { version } from './util/index.js';
