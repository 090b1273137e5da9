// Prints how a batch into which nothing was received can be looked at.
import { types } from 'node:util';
import { SlowpathError } from '../../../ts/errors/index.js';
import { native } from '../../../ts/native/index.js';

try {
  const { rows } = native().createUpcallBatch();
  console.log(rows[0] === 0 && !types.isProxy(rows) ? 'plain' : 'guarded');
} catch (error) {
  console.log(error instanceof SlowpathError ? error.code : error);
}
