export { PolicyActions } from './act.js';
export type {
  ControllerOptions,
  CtOptions,
  NatOptions,
  PushMplsOptions,
  PushVlanOptions,
  SampleOptions,
} from './act-options.js';
export type { MissListener } from './cursor.js';
export type { PolicyCount } from './counters.js';
export {
  definePolicy,
  type LaterOptions,
  type PolicyDefinition,
  type PolicyFunction,
  type PolicySource,
  type TableDeclarations,
} from './definition.js';
export type { DeliberationCounters } from './deliberation.js';
export { loadPolicy, type PolicyFile, type PolicyFileOptions } from './file.js';
export type { PortRef } from './in-port.js';
export type { PolicyPacket } from './packet.js';
export { PACKET_FIELDS, type PacketFieldName } from './packet-fields.js';
export { Policy, type PolicyHome, type PolicyStats } from './policy.js';
export { SETTABLE, type SettableField } from './setters.js';
export {
  policyTable,
  type StateKey,
  StateTable,
  type StateTableDeclaration,
  type StateTableOptions,
  type StateTables,
  StateView,
  type StateViews,
} from './state-table.js';
