import { F_IN_PORT } from '../fields/index.js';
import { commit } from './commit.js';
import { mirrorEgress } from './mirror.js';
import type { Pass } from './pass.js';
import { isBetweenProtected } from './protected.js';
import { SLOW_ACTION, type XBond, type XPort } from './types.js';

/** The datapath hashes the five-tuple (OVS_HASH_ALG_L4). */
const OVS_HASH_ALG_L4 = 0;

/**
 * Outputs to one port, whatever port the packet came from (OVS: compose_output_action). For a bond that is given the datapath
 * chooses the member by a hash, after recirculation.
 */
export function outputToPort(pass: Pass, port: XPort, bond: XBond | null = null): void {
  if (!port.mayForward) {
    pass.note(`port ${port.name} may not forward, output skipped`);
    return;
  }
  if (isBetweenProtected(pass, port)) {
    pass.note('Flow is between protected ports, skipping output.');
    return;
  }
  commit(pass);
  if (pass.mirrorSnaplen !== 0) {
    pass.writer.trunc(pass.mirrorSnaplen);
    if (!pass.snapshot.support.truncate) pass.slow |= SLOW_ACTION;
  }
  if (bond !== null) {
    pass.writer.hash(OVS_HASH_ALG_L4, bond.hashBasis);
    pass.writer.recirc(bond.recircId);
  } else {
    pass.writer.output(port.odpPort);
  }
  mirrorEgress(pass, port, outputToPort);
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
