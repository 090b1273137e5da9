import type { DatapathSupport } from './support.js';

type Kind<T> = {
  [K in keyof DatapathSupport]: DatapathSupport[K] extends T ? K : never;
}[keyof DatapathSupport];

/** Names of `ovs-appctl dpif/set-dp-features` for what is there or not. */
const FLAGS: Readonly<Record<string, Kind<boolean>>> = {
  masked_set_action: 'maskedSet',
  ufid: 'ufid',
  trunc: 'truncate',
  clone: 'clone',
  ct_eventmask: 'ctEventmask',
  ct_clear: 'ctClear',
  check_pkt_len: 'checkPktLen',
  ct_timeout: 'ctTimeout',
  explicit_drop_action: 'explicitDrop',
  lb_output_action: 'lbOutput',
  ct_zero_snat: 'ctZeroSnat',
  add_mpls: 'addMpls',
  psample: 'psample',
  recirc: 'recirc',
  ct_state: 'ctState',
  ct_zone: 'ctZone',
  ct_mark: 'ctMark',
  ct_label: 'ctLabel',
  ct_state_nat: 'ctStateNat',
  ct_orig_tuple: 'ctOrigTuple',
  ct_orig_tuple6: 'ctOrigTuple6',
  nd_ext: 'ndExtensions',
};

/** Names of what has a measure. */
const SIZES: Readonly<Record<string, Kind<number>>> = {
  sample_nesting: 'sampleNesting',
  max_hash_alg: 'maxHashAlgorithm',
  max_vlan_headers: 'maxVlanHeaders',
  max_mpls_depth: 'maxMplsDepth',
};

/** Encapsulation by userspace itself: not of the datapaths that we drive, whose tunnels are ports of their own. */
const TUNNEL_PUSH_POP = 'tnl_push_pop';

/**
 * A datapath that can do less (or again what it could), as `ovs-appctl dpif/set-dp-features BRIDGE NAME VALUE` makes it: `support` with the
 * named one changed, but for what is beyond `capability`. The refusal in OVS's words when the name or value is none.
 */
export function setDpFeature(
  support: DatapathSupport,
  capability: DatapathSupport,
  name: string,
  value: string,
): DatapathSupport | string {
  if (name === TUNNEL_PUSH_POP || Object.hasOwn(FLAGS, name)) {
    const lower = value.toLowerCase();
    if (lower !== 'true' && lower !== 'false') return 'Boolean value expected';
    if (name === TUNNEL_PUSH_POP) return support;
    const flag = FLAGS[name];
    if (lower === 'true' && !capability[flag]) return 'Can not enable features not supported by the datapath';
    return { ...support, [flag]: lower === 'true' };
  }
  if (!Object.hasOwn(SIZES, name)) return 'Unexpected support field';
  const size = SIZES[name];
  if (!/^\d+$/.test(value)) return 'Integer number expected';
  if (Number(value) > capability[size]) return 'Can not set value beyond the datapath capability';
  return { ...support, [size]: Number(value) };
}
