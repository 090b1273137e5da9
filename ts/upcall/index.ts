export { assistActions, type Assisted } from './assist.js';
export * from './classify.js';
export { createUpcallCounters, UPCALL_COUNTER_HELP, type UpcallCounters } from './counters.js';
export { type HandlerContext, UpcallHandler } from './handler.js';
export { type ReceiveTimes, UPCALL_STAGES, UpcallProfile, type UpcallStage } from './profile.js';
export type { PacketInSink, SampleSink, UpcallObserver } from './sinks.js';
export { describeUpcall, type UpcallDescription } from './describe.js';
