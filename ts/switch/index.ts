export { Bridge, type BridgeOptions, BridgePort, type VlanOptions } from './bridge.js';
export type { PortOptions, SwitchOptions } from './options.js';
export type { PacketIn } from './packet-in.js';
export { Switch, type SwitchStats } from './switch.js';
