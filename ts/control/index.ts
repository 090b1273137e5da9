export { COMMANDS, commandHelp, commandList, runCommand } from './commands.js';
export { switchCounters } from './counters.js';
export { Coverage, type CoverageCounter } from './coverage.js';
export { fdbStatsText, fdbText } from './fdb.js';
export { flowEventText, flowRemovedText } from './flow-events.js';
export { rulesText } from './ofctl.js';
export type { Command, ControlContext } from './types.js';
export { type UpcallFigures, upcallText } from './upcall.js';
