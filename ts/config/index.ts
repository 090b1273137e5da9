export { Configuration, Row } from './configuration.js';
export { type Atom, type Datum, equalData, formatDatum } from './datum.js';
export { applyChanges, type Change, diffConfigurations } from './diff.js';
export { Draft, emptyConfiguration } from './draft.js';
export { configurationFromJson, parseConfiguration } from './json.js';
export { type ColumnSchema, findColumn, findTable, SCHEMA, type TableSchema } from './schema.js';
export { type Touched, touchedBy, touchedByInterfaces } from './touched.js';
export { vsctl, type VsctlResult } from './vsctl.js';
export { splitShellWords } from './vsctl-words.js';
