export { Bridge, BridgeBundle, BridgePort } from '../bridge/index.js';
export { BridgeTables, type MeterStatistics } from './bridge-tables.js';
export type { Counter } from './counter.js';
export { FlowCacheControl, type FlowEvent, type FlowListener } from './flow-cache-control.js';
export type { BridgeOptions, PortOptions, SwitchOptions, VlanOptions } from './options.js';
export type { PacketIn } from './packet-in.js';
export type { InterfaceError } from './port-manager.js';
export type { SwitchStats } from './stats.js';
export { Switch } from './switch.js';
