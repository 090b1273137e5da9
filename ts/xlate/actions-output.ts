import { F_IN_PORT } from '../fields/index.js';
import {
  OFPP_ALL,
  OFPP_CONTROLLER,
  OFPP_FLOOD,
  OFPP_IN_PORT,
  OFPP_NONE,
  OFPP_NORMAL,
  OFPP_TABLE,
} from '../openflow/index.js';
import { enterTable } from './actions-control.js';
import { outputReason, toController } from './controller.js';
import type { ActionOf, Outcome } from './handler.js';
import { normal } from './normal.js';
import { noteOutputPort } from './notes.js';
import { flood, outputToNumber } from './output.js';
import { outputTruncated } from './truncate.js';
import type { Pass } from './pass.js';
import { markSubfield, subfieldNumber } from './subfield.js';
import { NETFLOW_DROP, NETFLOW_FLOOD, NETFLOW_MULTI } from './types.js';

/** OpenFlow ports are 16 bits wide; a register may hold more. */
const PORT_MAX = 0xffff;

export function actOutput(pass: Pass, action: ActionOf<'output'>): Outcome {
  if (action.maxLen === 0 || action.port === OFPP_CONTROLLER)
    return outputTo(pass, action.port, action.maxLen, true);
  return outputTruncated(pass, action.port, action.maxLen);
}

/** Output to a port or to one of OpenFlow's reserved numbers (OVS: xlate_output_action). */
export function outputTo(pass: Pass, port: number, maxLen: number, mayPacketIn: boolean): Outcome {
  const before = pass.netflowOutput;
  pass.netflowOutput = NETFLOW_DROP;
  const outcome = dispatch(pass, port, maxLen, mayPacketIn);
  pass.netflowOutput = severalOutputs(before, pass.netflowOutput);
  return outcome;
}

/** What NetFlow is told of an output after others. */
function severalOutputs(before: number, now: number): number {
  if (before === NETFLOW_FLOOD || now === NETFLOW_DROP) return before;
  return before === NETFLOW_DROP || now === NETFLOW_FLOOD ? now : NETFLOW_MULTI;
}

function dispatch(pass: Pass, port: number, maxLen: number, mayPacketIn: boolean): Outcome {
  switch (port) {
    case OFPP_NORMAL:
      normal(pass);
      break;
    case OFPP_IN_PORT:
      outputToNumber(pass, pass.flow[F_IN_PORT]);
      break;
    case OFPP_FLOOD:
      flood(pass, false);
      break;
    case OFPP_ALL:
      flood(pass, true);
      break;
    case OFPP_CONTROLLER:
      toController(pass, maxLen, outputReason(pass), 0, null, -1);
      break;
    case OFPP_TABLE:
      return enterTable(pass, pass.flow[F_IN_PORT], 0, mayPacketIn, true);
    case OFPP_NONE:
      break;
    default:
      if (port === pass.flow[F_IN_PORT]) pass.note('skipping output to input port', 'warn');
      else outputToNumber(pass, port);
  }
  return 'continue';
}

/** The port number itself decides, so all of its bits are looked at, also when it is out of range. */
export function actOutputReg(pass: Pass, action: ActionOf<'output_reg'>): Outcome {
  const port = subfieldNumber(pass.flow, action.source);
  markSubfield(pass.mask, action.source);
  const isInRange = port >= 0 && port <= PORT_MAX;
  if (pass.tracer !== null) noteOutputPort(pass, action.source, isInRange);
  return isInRange ? outputTo(pass, port, action.maxLen, false) : 'continue';
}
