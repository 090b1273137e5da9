export { answerLine, batch } from './batch.js';
