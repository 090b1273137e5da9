export { Bridge, BridgeBundle, BridgePort } from '../bridge/index.js';
export { BridgeTables, type MeterStatistics } from './bridge-tables.js';
export { EffectApplier } from './effects.js';
export type { Counter } from './counter.js';
export { FlowCacheControl, type FlowEvent, type FlowListener } from './flow-cache-control.js';
export type { FlowRemoved } from './flow-removed.js';
export { type SwitchEventMap, SwitchEvents } from './events.js';
export type {
  FlowList,
  FlowReplacement,
  FlowStatistics,
  GroupStatistics,
  MeterDescription,
} from './openflow-objects.js';
export type * from './options.js';
export type { PacketIn } from './packet-in.js';
export type { PacketOut } from './packet-out.js';
export type { UpcallEvent, UpcallFilter, UpcallFollower } from './upcall-watch.js';
export type { InterfaceError } from './port-manager.js';
export type { SwitchStats } from './stats.js';
export { Switch } from './switch.js';
