import { F_IN_PORT, F_METADATA } from '../fields/index.js';
import { OFPP_IN_PORT } from '../openflow/index.js';
import type { ActionOf, Outcome } from './handler.js';
import type { Pass } from './pass.js';
import { SLOW_ACTION } from './types.js';

/** Table number of a resubmit that means the current table. */
const SAME_TABLE = 255;

/** Asks for a lookup in `table`. */
export function enterTable(
  pass: Pass,
  inPort: number,
  table: number,
  mayPacketIn: boolean,
  honorTableMiss: boolean,
): 'table' {
  pass.nextInPort = inPort;
  pass.nextTable = table;
  pass.nextMayPacketIn = mayPacketIn;
  pass.nextHonorTableMiss = honorTableMiss;
  pass.nextWithCt = false;
  return 'table';
}

export function actResubmit(pass: Pass, action: ActionOf<'resubmit'>): Outcome {
  const inPort = action.port === OFPP_IN_PORT ? pass.flow[F_IN_PORT] : action.port;
  const table = action.table === SAME_TABLE ? pass.table : action.table;
  enterTable(pass, inPort, table, false, false);
  if (action.withCt === true) pass.nextWithCt = true;
  return 'table';
}

export function actGotoTable(pass: Pass, action: ActionOf<'goto_table'>): Outcome {
  return enterTable(pass, pass.flow[F_IN_PORT], action.table, true, true);
}

export function actWriteMetadata(pass: Pass, action: ActionOf<'write_metadata'>): Outcome {
  const { flow } = pass;
  const { valueHigh, valueLow, maskHigh, maskLow } = action;
  flow[F_METADATA] = (flow[F_METADATA] & ~maskHigh) | (valueHigh & maskHigh);
  flow[F_METADATA + 1] = (flow[F_METADATA + 1] & ~maskLow) | (valueLow & maskLow);
  return 'continue';
}

export function actExit(pass: Pass): Outcome {
  pass.exit = true;
  return 'continue';
}

/** Does nothing: it is there for people. */
export function actNote(): Outcome {
  return 'continue';
}

/** Every packet of the flow comes to userspace. */
export function actDebugSlow(pass: Pass): Outcome {
  pass.slow |= SLOW_ACTION;
  return 'continue';
}

/** Frozen actions go on under the rule and table that they were frozen in. */
export function actUnroll(pass: Pass, action: ActionOf<'unroll'>): Outcome {
  pass.table = action.table;
  pass.cookieHigh = action.cookieHigh;
  pass.cookieLow = action.cookieLow;
  return 'relabel';
}
