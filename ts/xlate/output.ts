import { F_IN_PORT } from '../fields/index.js';
import { commit } from './commit.js';
import type { Pass } from './pass.js';
import { SLOW_ACTION, type XPort } from './types.js';

/** Outputs to one port, whatever port the packet came from (OVS: compose_output_action). */
export function outputToPort(pass: Pass, port: XPort): void {
  if (!port.mayForward) {
    pass.note(`port ${port.name} may not forward, output skipped`);
    return;
  }
  commit(pass);
  pass.writer.output(port.odpPort);
}

/** Outputs to the port with an OpenFlow number, if there is one. */
export function outputToNumber(pass: Pass, ofport: number): void {
  const port = pass.bridge.ports.get(ofport);
  if (port === undefined) pass.note(`no port ${ofport}, output skipped`);
  else outputToPort(pass, port);
}

/** Outputs to all ports but the one the packet came from; with `all` false also not to those that are not to be flooded. */
export function flood(pass: Pass, all: boolean): void {
  const { portList } = pass.bridge;
  const inPort = pass.flow[F_IN_PORT];
  for (let i = 0; i < portList.length; i++) {
    const port = portList[i];
    if (port.ofport !== inPort && (all || !port.noFlood)) outputToPort(pass, port);
  }
}

/**
 * Outputs the first `maxLen` bytes to one port (OVS: output(port=…,max_len=…)). Only ports that exist and are not the one the packet
 * came from: a truncation that no output follows would hit the next one.
 */
export function outputTruncated(pass: Pass, ofport: number, maxLen: number): void {
  const port = pass.bridge.ports.get(ofport);
  if (port === undefined || ofport === pass.flow[F_IN_PORT] || !port.mayForward) {
    pass.note(`no truncated output to port ${ofport}`);
    return;
  }
  pass.writer.trunc(maxLen);
  outputToPort(pass, port);
  if (!pass.snapshot.support.truncate) pass.slow |= SLOW_ACTION;
}
