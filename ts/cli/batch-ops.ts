import { actionsDecode, actionsEncode } from './batch-actions.js';
import { flowKey, keyDecode, keyEncode, packetExtract } from './batch-key.js';
import type { BatchHandler } from './batch-request.js';
import { traceRequest } from './batch-trace.js';
import { upcallClassify } from './batch-upcall.js';

/** What `slowpath batch` can be asked, by the "op" of the request. */
export const BATCH_OPS: ReadonlyMap<string, BatchHandler> = new Map<string, BatchHandler>([
  ['key.decode', keyDecode],
  ['key.encode', keyEncode],
  ['actions.decode', actionsDecode],
  ['actions.encode', actionsEncode],
  ['flow.key', flowKey],
  ['packet.extract', packetExtract],
  ['upcall.classify', upcallClassify],
  ['trace', traceRequest],
]);
