export { Classifier } from './classifier.js';
export {
  type AddResult,
  ALL_TABLES,
  type FlowSelection,
  FlowTables,
  type LearnResult,
  TABLE_COUNT,
  type TableSettings,
} from './flow-table.js';
export type { ClassifierRule } from './types.js';
