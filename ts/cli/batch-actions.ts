import { formatActions, parseActions } from '../flow/index.js';
import { toHex } from '../util/index.js';
import { type BatchRequest, bytesOf, textOf } from './batch-request.js';

export function actionsDecode(request: BatchRequest): object {
  return { text: formatActions(bytesOf(request, 'actions')) };
}

export function actionsEncode(request: BatchRequest): object {
  return { actions: toHex(parseActions(textOf(request, 'text'), { explicitDrop: true })) };
}
