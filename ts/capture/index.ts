export { type CapturedFrame, readCapture } from './reader.js';
export { CaptureWriter } from './writer.js';
