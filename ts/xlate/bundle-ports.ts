import { F_IN_PORT, F_VLAN_TCI, F_VLAN_TPID, F_VLAN1_TCI, F_VLAN1_TPID } from '../fields/index.js';
import { OFPP_CONTROLLER, OFPP_NONE } from '../openflow/index.js';
import { reportBond } from './effects.js';
import type { Pass } from './pass.js';
import type { XBond, XBridge, XBundle, XPort } from './types.js';
import { leavingVid, putTags } from './vlan.js';

/** Outputs to one port; a bond that is given has its hash decide in the datapath. What calls bundles hands itself over so. */
export type PortOutput = (pass: Pass, port: XPort, bond: XBond | null) => void;

/** What packets belong to that a controller sends without naming a port that they came by (OVS: ofpp_none_bundle). */
export const NONE_BUNDLE: XBundle = {
  name: 'OFPP_NONE',
  ports: [],
  vlanMode: 'trunk',
  tag: 0,
  trunks: null,
  cvlans: null,
  qinqTpid: 0,
  priorityTags: 'never',
  protected: false,
  floodable: false,
  bond: null,
};

/** The bundle that the packet came by; null when its port has none (OVS: lookup_input_bundle). */
export function inputBundle(pass: Pass): XBundle | null {
  const ofport = pass.flow[F_IN_PORT];
  const bundle = pass.bridge.ports.get(ofport)?.bundle ?? null;
  if (bundle !== null) return bundle;
  return ofport === OFPP_NONE || ofport === OFPP_CONTROLLER ? NONE_BUNDLE : null;
}

/** Whether the bundle is a mirror's output, and so gets and gives nothing else by NORMAL. */
export function isMirrorOutput(bridge: XBridge, bundle: XBundle): boolean {
  const { mirrors } = bridge;
  for (let i = 0; i < mirrors.length; i++) if (mirrors[i].outBundle === bundle) return true;
  return false;
}

/** Whether the datapath is to choose the bond's member by a hash, after recirculation. */
function recirculates(pass: Pass, bond: XBond): boolean {
  return bond.hashedByDatapath && pass.snapshot.support.recirc;
}

/** The member that the packet leaves by, or null when none is enabled. */
function chooseMember(pass: Pass, bond: XBond, outVid: number): XPort | null {
  // Where the datapath chooses, it counts here only whether there is any.
  if (recirculates(pass, bond)) return bond.chooseOutput(pass.flow, null, outVid);
  const port = bond.chooseOutput(pass.flow, pass.mask, outVid);
  if (port !== null) reportBond(pass, bond, bond.entryOf(pass.flow, outVid), port);
  return port;
}

/**
 * Outputs to a bundle a packet that has these tags in the bridge, with the tags that the bundle wants; the flow is as before
 * afterwards (OVS: output_normal).
 */
export function outputToBundle(
  pass: Pass,
  bundle: XBundle,
  outer: number,
  inner: number,
  output: PortOutput,
): void {
  const { bond } = bundle;
  const port = bond === null ? bundle.ports[0] : chooseMember(pass, bond, leavingVid(bundle, outer, inner));
  if (port === undefined || port === null) return;
  const { flow } = pass;
  const tpid = flow[F_VLAN_TPID];
  const tci = flow[F_VLAN_TCI];
  const innerTpid = flow[F_VLAN1_TPID];
  const innerTci = flow[F_VLAN1_TCI];
  putTags(pass, bundle, outer, inner);
  output(pass, port, bond !== null && recirculates(pass, bond) ? bond : null);
  flow[F_VLAN_TPID] = tpid;
  flow[F_VLAN_TCI] = tci;
  flow[F_VLAN1_TPID] = innerTpid;
  flow[F_VLAN1_TCI] = innerTci;
}
