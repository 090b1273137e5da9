export { Configuration, Row } from './configuration.js';
export { type Atom, type Datum, equalData, formatDatum } from './datum.js';
export { Draft, emptyConfiguration } from './draft.js';
export { SCHEMA, findColumn, findTable } from './schema.js';
export { vsctl, type VsctlResult } from './vsctl.js';
export { splitShellWords } from './vsctl-words.js';
