export * from './types.js';
export { fieldByName, MATCH_FIELDS, rangeMask, requireField } from './fields.js';
export { formatActions } from './format-actions.js';
export { formatFlow } from './format-flow.js';
export { formatMatch } from './format-match.js';
export { emptyMatch, prerequisiteHolds } from './match.js';
export { MAX_LEN_ALL, REASON_ACTION, TABLE_CURRENT } from './parse-actions.js';
export { type ParseFlowOptions, parseFlow, parseFlows, toRule } from './parse-flow.js';
export { formatPort } from './ports.js';
