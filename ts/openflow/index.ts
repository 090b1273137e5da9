export * from './types.js';
export { fieldByName, MATCH_FIELDS, rangeMask, requireField } from './fields.js';
export { fieldNumber, type FieldWords, fieldWordsOf, parseFieldWords } from './field-text.js';
export { formatAction, formatActions, formatSent } from './format-actions.js';
export {
  FLOW_REMOVED_REASONS,
  type FlowFormat,
  type FlowRemovedReason,
  formatFlow,
  formatFlowRemoved,
  formatFlowReply,
  formatFlowStats,
  formatRuleMatch,
} from './format-flow.js';
export { formatGroup } from './format-group.js';
export { formatMeter } from './format-meter.js';
export { formatMatch, formatOptions } from './format-match.js';
export { emptyMatch, prerequisiteHolds } from './match.js';
export {
  GROUP_ALL,
  GROUP_ANY,
  GROUP_MAX,
  MAX_LEN_ALL,
  METER_ALL,
  METER_CONTROLLER,
  METER_SLOWPATH,
  REASON_ACTION,
  TABLE_CURRENT,
} from './constants.js';
export {
  BUCKET_ALL,
  BUCKET_FIRST,
  BUCKET_LAST,
  type GroupCommand,
  type GroupMod,
  type ParseGroupOptions,
  parseGroup,
  parseGroupMod,
} from './parse-group.js';
export { parseMeter } from './parse-meter.js';
export { type FlowCommand, type FlowMod, TABLE_ALL } from './flow-mod.js';
export { type FlowChange, FlowModder, type FlowTarget } from './flow-modder.js';
export { GroupTable } from './group-table.js';
export { type MeterLimits, type MeterMod, MeterTable } from './meter-table.js';
export {
  actionsText,
  type BucketObject,
  type FieldName,
  type FieldValue,
  filterText,
  type FlowAction,
  type FlowFilter,
  type FlowObject,
  flowText,
  type GroupObject,
  groupText,
  type MatchObject,
  matchText,
  type MeterObject,
  meterText,
  type ProtocolName,
} from './objects.js';
export {
  meaningfulLines,
  type ParseFlowOptions,
  parseFlow,
  parseFlowMod,
  eachFlowMod,
  parseFlowMods,
  parseFlows,
  toFlowSpec,
  toRule,
} from './parse-flow.js';
export { outputsToGroup, outputsToPort, usesMeter } from './references.js';
export { TableError, type TableErrorCode } from './table-errors.js';
export { parseFilter } from './parse-filter.js';
export { parseFlowKey } from './parse-flow-key.js';
export { formatPort, type PortLabels } from './ports.js';
export { formatSubfield } from './subfield.js';
export { formatFieldValue } from './format-values.js';
export { formatNat } from './format-ct.js';
export {
  addField,
  clearOptions,
  deleteField,
  formatTlvMap,
  parseTlvMap,
  type TlvEntry,
  TlvMap,
  TUN_OPTS_AS_FIELDS,
} from './tlv-map.js';
