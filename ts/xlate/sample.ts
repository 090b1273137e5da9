import { F_IN_PORT, F_VLAN_TCI } from '../fields/index.js';
import { COOKIE_BYTES, SAMPLE_DEFAULT, SAMPLE_EGRESS, SAMPLE_INGRESS } from '../flow/index.js';
import { OFPP_NONE } from '../openflow/index.js';
import { commit } from './commit.js';
import type { ActionOf, Outcome } from './handler.js';
import type { Pass } from './pass.js';
import { commitTunnel, encapsulate } from './tunnel.js';
import type { XPort, XSampling } from './types.js';

/** Datapath port of a cookie when there is none (ODPP_NONE). */
const NO_PORT = -1;
/** Of 2^32: every packet. */
const ALWAYS = 0xffffffff;
/** sFlow version 5, output: dropped for unknown reason; the format bits for several outputs, with their number. */
const SFLOW_DROPPED = 0x40000000 | 256;
const SFLOW_SEVERAL = 0x80000000;
/** Where `output` and `vlan_tci` lie in a cookie of sFlow. */
const COOKIE_SFLOW_VLAN = 24;
const COOKIE_SFLOW_OUTPUT = 28;

const DIRECTIONS = { default: SAMPLE_DEFAULT, ingress: SAMPLE_INGRESS, egress: SAMPLE_EGRESS };

/**
 * Writes the userspace action of a sample, in sample(…) unless it is for every packet (OVS: compose_sample_action). The offset of
 * the cookie among the actions; -1 when the probability is 0 or there is no room.
 */
function writeSample(pass: Pass, probability: number, tunnelOutPort: number, withActions: boolean): number {
  if (probability === 0) return -1;
  const sample = beginSampling(pass, probability, pass.bridge.slowPathMeter !== undefined);
  const at = writeUserspace(pass, tunnelOutPort, withActions);
  endSampling(pass, sample);
  return pass.writer.overflowed ? -1 : at;
}

/** Opens sample(…) unless it is for every packet; `metered`: a meter inside is to see those alone. What `endSampling` takes. */
function beginSampling(pass: Pass, probability: number, metered: boolean): number {
  return probability < ALWAYS || metered ? pass.writer.beginSample(probability) : -1;
}

function endSampling(pass: Pass, sample: number): void {
  if (sample !== -1) pass.writer.endSample(sample);
}

/** The userspace action with the cookie of the pass, behind the bridge's meter. The offset of the cookie. */
function writeUserspace(pass: Pass, tunnelOutPort: number, withActions: boolean): number {
  const { writer, snapshot, cookie, bridge } = pass;
  if (bridge.slowPathMeter !== undefined) writer.meter(bridge.slowPathMeter);
  // A userspace action begins with its own header (4), the port id (8) and the header of the cookie (4).
  const at = writer.length + 16;
  writer.userspace(
    snapshot.upcallPid(pass.odpPort),
    cookie.bytes,
    0,
    COOKIE_BYTES,
    tunnelOutPort,
    withActions,
  );
  return at;
}

/**
 * Samples the packet for the bridge's sFlow and IPFIX before anything else is done. What it gives goes to `fixSampling`: the
 * offset of sFlow's cookie, -1 without one.
 */
export function sampleIngress(pass: Pass): number {
  const { sampling } = pass.bridge;
  const inPort = pass.flow[F_IN_PORT];
  if (sampling === null || inPort === OFPP_NONE) return -1;
  let at = -1;
  if (sampling.sflowProbability !== 0) {
    pass.cookie.putSflow(inPort, pass.bridge.uuid, 0, 0);
    at = writeSample(pass, sampling.sflowProbability, NO_PORT, true);
  }
  if (sampling.ipfixInput) {
    pass.cookie.putIpfix(inPort, pass.bridge.uuid, NO_PORT);
    writeSample(pass, sampling.ipfixProbability, NO_PORT, false);
  }
  return at;
}

/** Fills in the cookie that `sampleIngress` wrote, now that the outputs are known (OVS: fix_sflow_action). */
export function fixSampling(pass: Pass, at: number): void {
  const { writer, outputCount } = pass;
  const row = pass.changed ? pass.base : pass.flow;
  let output = SFLOW_DROPPED;
  if (outputCount === 1) output = pass.outputIfindex;
  if (outputCount > 1 || output === 0) output = SFLOW_SEVERAL | outputCount;
  writer.bytes[at + COOKIE_SFLOW_VLAN] = row[F_VLAN_TCI] >>> 8;
  writer.bytes[at + COOKIE_SFLOW_VLAN + 1] = row[F_VLAN_TCI];
  for (let i = 0; i < 4; i++) writer.bytes[at + COOKIE_SFLOW_OUTPUT + i] = output >>> (8 * i);
}

/** Samples the packet for the bridge's IPFIX before it leaves by a datapath port. */
export function sampleEgress(pass: Pass, port: XPort, odpPort: number): void {
  const { sampling } = pass.bridge;
  if (sampling === null || !sampling.ipfixOutput || sampling.ipfixProbability === 0) return;
  const tunnelled = sampling.ipfixTunnels && port.tunnel !== null;
  pass.cookie.putIpfix(pass.flow[F_IN_PORT], pass.bridge.uuid, odpPort);
  writeSample(pass, sampling.ipfixProbability, tunnelled ? odpPort : NO_PORT, false);
}

/** What an exporter of flow samples knows of a tunnel port: its encapsulation is set first, so that the sample shows it. */
function setEgressTunnel(pass: Pass, port: XPort): void {
  if (port.tunnel === null) return;
  encapsulate(pass, port.tunnel);
  commitTunnel(pass, port.tunnel.type);
}

/**
 * The sample action (OVS: xlate_sample_action). Nothing happens on a bridge without IPFIX and local samples; whether the collector set exists does
 * not matter for IPFIX until a sample arrives. A collector set with a local group is sampled by psample, and by userspace too where it has
 * IPFIX (OVS 3.4); by userspace alone where the datapath has no psample.
 */
export function actSample(pass: Pass, action: ActionOf<'sample'>): Outcome {
  const { sampling, ports } = pass.bridge;
  if (sampling === null) return 'continue';
  const group = sampling.localGroups.get(action.collectorSetId);
  if (group === undefined && !hasIpfix(sampling)) return 'continue';
  const { samplingPort } = action;
  let out: XPort | undefined;
  if (samplingPort !== OFPP_NONE && samplingPort !== pass.flow[F_IN_PORT]) {
    out = ports.get(samplingPort);
    if (out === undefined || out.peer !== null) {
      pass.note(`can't use unknown port ${samplingPort} in flow sample action`, 'error');
      return 'continue';
    }
  }
  const tunnelled =
    out !== undefined && out.tunnel !== null && sampling.tunnelSets.has(action.collectorSetId);
  commit(pass);
  if (tunnelled) setEgressTunnel(pass, out!);
  pass.cookie.putFlowSample(
    pass.flow[F_IN_PORT],
    pass.bridge.uuid,
    action.probability,
    action.collectorSetId,
    action.obsDomainId,
    action.obsPointId,
    out?.odpPort ?? NO_PORT,
    DIRECTIONS[action.direction],
  );
  // The same share of 2^32 as of 2^16.
  const probability = action.probability * 0x10001;
  const tunnelPort = tunnelled ? out!.odpPort : NO_PORT;
  if (group === undefined || !pass.snapshot.support.psample)
    writeSample(pass, probability, tunnelPort, false);
  else writeLocalSample(pass, action, group, probability, tunnelPort);
  return 'continue';
}

/** psample, with the userspace action behind it where the collector set has IPFIX. */
function writeLocalSample(
  pass: Pass,
  { collectorSetId, obsDomainId, obsPointId }: ActionOf<'sample'>,
  group: number,
  probability: number,
  tunnelOutPort: number,
): void {
  if (probability === 0) return;
  const { sampling, slowPathMeter } = pass.bridge;
  const exported = sampling!.collectorSets.has(collectorSetId);
  const sample = beginSampling(pass, probability, exported && slowPathMeter !== undefined);
  pass.writer.psample(group, obsDomainId, obsPointId);
  if (exported) writeUserspace(pass, tunnelOutPort, false);
  endSampling(pass, sample);
}

function hasIpfix(sampling: XSampling): boolean {
  return sampling.ipfixProbability !== 0 || sampling.collectorSets.size !== 0;
}
