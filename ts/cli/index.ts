export { answerLine, batch } from './batch.js';
export { ControlServer, follow } from './control.js';
export { EventStream } from './event-stream.js';
export { refuseIfRunning, type ServedControl, serveControl } from './serve.js';
