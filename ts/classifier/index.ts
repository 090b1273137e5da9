export { Classifier } from './classifier.js';
export type { ClassifierRule } from './types.js';
