import { NetlinkError } from '../errors/index.js';
import {
  OVS_ACTION_ATTR_ADD_MPLS,
  OVS_ACTION_ATTR_CHECK_PKT_LEN,
  OVS_ACTION_ATTR_CLONE,
  OVS_ACTION_ATTR_CT,
  OVS_ACTION_ATTR_CT_CLEAR,
  OVS_ACTION_ATTR_HASH,
  OVS_ACTION_ATTR_OUTPUT,
  OVS_ACTION_ATTR_RECIRC,
  OVS_ACTION_ATTR_SAMPLE,
  OVS_ACTION_ATTR_SET_MASKED,
  OVS_ACTION_ATTR_TRUNC,
  OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER,
  OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL,
  OVS_CHECK_PKT_LEN_ATTR_PKT_LEN,
  OVS_CT_ATTR_COMMIT,
  OVS_CT_ATTR_EVENTMASK,
  OVS_CT_ATTR_LABELS,
  OVS_CT_ATTR_MARK,
  OVS_CT_ATTR_NAT,
  OVS_CT_ATTR_TIMEOUT,
  OVS_CT_ATTR_ZONE,
  OVS_KEY_ATTR_CT_LABELS,
  OVS_KEY_ATTR_CT_MARK,
  OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4,
  OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6,
  OVS_KEY_ATTR_CT_STATE,
  OVS_KEY_ATTR_CT_ZONE,
  OVS_KEY_ATTR_ENCAP,
  OVS_KEY_ATTR_ETHERNET,
  OVS_KEY_ATTR_ETHERTYPE,
  OVS_KEY_ATTR_IN_PORT,
  OVS_KEY_ATTR_IPV4,
  OVS_KEY_ATTR_IPV6,
  OVS_KEY_ATTR_MPLS,
  OVS_KEY_ATTR_RECIRC_ID,
  OVS_KEY_ATTR_SKB_MARK,
  OVS_KEY_ATTR_UDP,
  OVS_KEY_ATTR_VLAN,
  OVS_NAT_ATTR_SRC,
  OVS_SAMPLE_ATTR_ACTIONS,
  OVS_SAMPLE_ATTR_PROBABILITY,
} from '../fields/index.js';
import { PSAMPLE_COOKIE, PSAMPLE_COOKIE_BYTES, PSAMPLE_GROUP, PSAMPLE_NESTED } from '../flow/index.js';
import { MessageBuilder } from '../netlink/index.js';
import type { DatapathClient } from './datapath.js';
import type { FlowClient, FlowName } from './flow.js';
import type { DatapathSupport } from './support.js';

/** How deep sample actions are tried: OVS translates no deeper. */
export const SAMPLE_NESTING_MAX = 10;
const VLANS_MAX = 2;
const MPLS_MAX = 3;

// Flows that no packet hits: the highest port number there can be, which datapaths hand out last.
const PROBE_PORT = 0xfffe;
const ETH_P_IP = 0x0800;
const ETH_P_IPV6 = 0x86dd;
const ETH_P_8021Q = 0x8100;
const ETH_P_MPLS_UC = 0x8847;
const VLAN_TAG_PRESENT = 0x1000;
const IPPROTO_UDP = 17;
const HALF = 0x80000000;
/** ct_state: +trk+snat. */
const CS_TRACKED_SRC_NAT = 0x20 | 0x40;
/** OVS_HASH_ALG_SYM_L4: the same for both directions of a connection. */
const OVS_HASH_ALG_SYM_L4 = 1;

/** The flow id that probing uses: drawn at random once, so that it is nobody else's. */
const PROBE_UFID = Uint8Array.from([
  0x5f, 0xd1, 0x20, 0x8b, 0x3e, 0x97, 0x4c, 0x02, 0xb4, 0x61, 0xaa, 0xe8, 0x19, 7, 0x73, 0xc6,
]);

type Write = (builder: MessageBuilder) => void;
const nothing: Write = () => undefined;

/**
 * Finds out what a datapath can do by installing and deleting flows that no packet can hit. Needs CAP_NET_ADMIN. Any refusal
 * counts as "cannot", but for the errors that would refuse every flow: those are thrown as NetlinkError.
 */
export function probeSupport(flows: FlowClient): DatapathSupport {
  // A flow that every datapath takes; what fails here would make all answers below meaningless.
  const baseline = { key: ipKey(), actions: encode(output), probe: true };
  install(flows, baseline);
  const accepts = (key: Uint8Array, actions: Write): boolean => tryFlow(flows, key, encode(actions));
  const acts = (actions: Write): boolean => accepts(ipKey(), actions);
  return {
    ufid: probeUfid(flows),
    recirc: accepts(
      ipKey((b) => b.u32(OVS_KEY_ATTR_RECIRC_ID, 1)),
      (b) => b.u32(OVS_ACTION_ATTR_RECIRC, 1),
    ),
    maxVlanHeaders: deepest(VLANS_MAX, (n) => accepts(vlanKey(n), output)),
    maxMplsDepth: deepest(MPLS_MAX, (n) => accepts(mplsKey(n), output)),
    sampleNesting: deepest(SAMPLE_NESTING_MAX, (n) => acts(sample(n))),
    clone: acts((b) => b.nest(OVS_ACTION_ATTR_CLONE, output)),
    truncate: acts((b) => output(b.u32(OVS_ACTION_ATTR_TRUNC, 100))),
    maskedSet: acts((b) =>
      b.nest(OVS_ACTION_ATTR_SET_MASKED, (s) => s.u32s(OVS_KEY_ATTR_SKB_MARK, [7, 0xff])),
    ),
    setNsh: false,
    ctClear: acts((b) => b.flag(OVS_ACTION_ATTR_CT_CLEAR)),
    checkPktLen: acts(checkPacketLength),
    ...probeConntrack(accepts),
    // struct ovs_action_add_mpls: a label stack entry with the bottom bit, the Ethernet type, no flags.
    addMpls: acts((b) => b.bytes(OVS_ACTION_ATTR_ADD_MPLS, Uint8Array.of(0, 0, 1, 64, 0x88, 0x47, 0, 0))),
    psample: acts(psample),
    maxHashAlgorithm: acts((b) => b.u32s(OVS_ACTION_ATTR_HASH, [OVS_HASH_ALG_SYM_L4, 0])) ? 1 : 0,
    // The numbers of these are others' in Linux, so they cannot be asked for: OVS's userspace datapath alone has them.
    ndExtensions: false,
    explicitDrop: false,
    lbOutput: false,
  };
}

/** What there is of connection tracking: a key and an argument of the action at a time. */
function probeConntrack(accepts: (key: Uint8Array, actions: Write) => boolean) {
  const track: Write = (b) => b.nest(OVS_ACTION_ATTR_CT, (ct) => ct.flag(OVS_CT_ATTR_COMMIT));
  const argument =
    (write: Write): Write =>
    (b) =>
      b.nest(OVS_ACTION_ATTR_CT, (ct) => write(ct.flag(OVS_CT_ATTR_COMMIT)));
  const tracked = (metadata: Write, actions: Write): boolean => accepts(ipKey(metadata), actions);
  const timeout = Uint8Array.of(...Buffer.from('slowpath_probe'), 0);
  const nat = tracked(
    (b) => b.u32(OVS_KEY_ATTR_CT_STATE, CS_TRACKED_SRC_NAT),
    argument((ct) => ct.nest(OVS_CT_ATTR_NAT, (range) => range.flag(OVS_NAT_ATTR_SRC))),
  );
  return {
    ctState: tracked((b) => b.u32(OVS_KEY_ATTR_CT_STATE, 0), track),
    ctStateNat: nat,
    // Linux has had it as long as nat.
    ctZeroSnat: nat,
    ctZone: tracked(
      (b) => b.u16(OVS_KEY_ATTR_CT_ZONE, 1),
      argument((ct) => ct.u16(OVS_CT_ATTR_ZONE, 1)),
    ),
    ctMark: tracked(
      (b) => b.u32(OVS_KEY_ATTR_CT_MARK, 1),
      argument((ct) => ct.u32s(OVS_CT_ATTR_MARK, [1, -1])),
    ),
    ctLabel: tracked(
      (b) => b.bytes(OVS_KEY_ATTR_CT_LABELS, new Uint8Array(16).fill(1)),
      argument((ct) => ct.bytes(OVS_CT_ATTR_LABELS, new Uint8Array(32).fill(1))),
    ),
    ctOrigTuple: accepts(
      ipKey((b) => b.bytes(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4, new Uint8Array(16).fill(1))),
      output,
    ),
    ctOrigTuple6: accepts(
      ip6Key((b) => b.bytes(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6, new Uint8Array(40).fill(1))),
      output,
    ),
    ctEventmask: tracked(
      nothing,
      argument((ct) => ct.u32(OVS_CT_ATTR_EVENTMASK, 1)),
    ),
    // Policies need not be there: the kernel goes without then.
    ctTimeout: tracked(
      nothing,
      argument((ct) => ct.bytes(OVS_CT_ATTR_TIMEOUT, timeout)),
    ),
  };
}

/**
 * Turns on those of the feature bits in `wanted` that the datapath knows, one at a time, because one unknown bit fails a
 * whole request. Returns the bits in force; bits that were on and are not wanted go off.
 */
export function probeUserFeatures(datapaths: DatapathClient, ifindex: number, wanted: number): number {
  let features = datapaths.set(ifindex, { userFeatures: 0 }).userFeatures;
  for (let bit = 1; bit !== 0 && bit <= wanted; bit <<= 1) {
    if ((wanted & bit) === 0) continue;
    try {
      features = datapaths.set(ifindex, { userFeatures: features | bit }).userFeatures;
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }
  return features;
}

/** The largest n up to `max` for which 1, 2, … n all work. */
function deepest(max: number, works: (n: number) => boolean): number {
  let n = 0;
  while (n < max && works(n + 1)) n++;
  return n;
}

function tryFlow(flows: FlowClient, key: Uint8Array, actions: Uint8Array): boolean {
  try {
    install(flows, { key, actions, probe: true });
    return true;
  } catch (error) {
    if (isRefusal(error)) return false;
    throw error;
  }
}

/** Installs and deletes a flow. One that is there already, left by a probe that was interrupted, is as good. */
function install(
  flows: FlowClient,
  flow: FlowName & { key: Uint8Array; actions: Uint8Array; probe: boolean },
): void {
  try {
    flows.put(flow);
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.code !== 'EEXIST') throw error;
  }
  flows.remove(flow.ufid === undefined ? { key: flow.key } : { ufid: flow.ufid });
}

/** A datapath without ufids ignores the attribute, so look whether it comes back. */
function probeUfid(flows: FlowClient): boolean {
  const key = ipKey();
  flows.put({ ufid: PROBE_UFID, key, actions: encode(output), probe: true });
  let known = false;
  try {
    known = flows.get({ ufid: PROBE_UFID }).ufid?.length === PROBE_UFID.length;
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  flows.remove(known ? { ufid: PROBE_UFID } : { key });
  return known;
}

const REFUSALS: ReadonlySet<string> = new Set([
  'EINVAL',
  'EOPNOTSUPP',
  'ENOTSUPP',
  'ERANGE',
  'ENOENT',
  'EMSGSIZE',
  'EPROTONOSUPPORT',
  'EOVERFLOW',
]);

/** The datapath understood the request, and says that it has no such thing. */
function isRefusal(error: unknown): boolean {
  return error instanceof NetlinkError && error.source === 'kernel' && REFUSALS.has(error.code);
}

function encode(write: Write): Uint8Array {
  const builder = new MessageBuilder(256).begin(0, 0);
  const start = builder.length;
  write(builder);
  return builder.finish().slice(start);
}

function ethernet(b: MessageBuilder, etherType: number): void {
  b.u32(OVS_KEY_ATTR_IN_PORT, PROBE_PORT);
  b.bytes(OVS_KEY_ATTR_ETHERNET, Uint8Array.from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]));
  b.be16(OVS_KEY_ATTR_ETHERTYPE, etherType);
}

/** An IPv4 UDP packet of port PROBE_PORT, after the metadata that `metadata` writes. */
function ipKey(metadata: Write = nothing): Uint8Array {
  return encode((b) => {
    metadata(b);
    ethernet(b, ETH_P_IP);
    b.bytes(OVS_KEY_ATTR_IPV4, Uint8Array.from([192, 0, 2, 1, 192, 0, 2, 2, IPPROTO_UDP, 0, 64, 0]));
    b.bytes(OVS_KEY_ATTR_UDP, Uint8Array.from([0, 1, 0, 2]));
  });
}

/** Likewise IPv6. */
function ip6Key(metadata: Write): Uint8Array {
  return encode((b) => {
    metadata(b);
    ethernet(b, ETH_P_IPV6);
    // struct ovs_key_ipv6: addresses, label, protocol, traffic class, hop limit, fragment.
    const header = new Uint8Array(40).fill(1, 0, 32);
    header[36] = IPPROTO_UDP;
    header[38] = 64;
    b.bytes(OVS_KEY_ATTR_IPV6, header);
    b.bytes(OVS_KEY_ATTR_UDP, Uint8Array.from([0, 1, 0, 2]));
  });
}

/** A packet with `n` VLAN tags around something unknown. */
function vlanKey(n: number): Uint8Array {
  const inner = (b: MessageBuilder, left: number): void => {
    if (left === 0) {
      b.be16(OVS_KEY_ATTR_ETHERTYPE, 0x88b5);
      return;
    }
    b.be16(OVS_KEY_ATTR_ETHERTYPE, ETH_P_8021Q).be16(OVS_KEY_ATTR_VLAN, VLAN_TAG_PRESENT | left);
    b.nest(OVS_KEY_ATTR_ENCAP, (encap) => inner(encap, left - 1));
  };
  return encode((b) => {
    ethernet(b, ETH_P_8021Q);
    b.be16(OVS_KEY_ATTR_VLAN, VLAN_TAG_PRESENT | n);
    b.nest(OVS_KEY_ATTR_ENCAP, (encap) => inner(encap, n - 1));
  });
}

/** A packet with `n` MPLS labels. */
function mplsKey(n: number): Uint8Array {
  const stack = new Uint8Array(n * 4);
  for (let i = 0; i < n; i++) stack.set([0, 1, 0x40 | (i === n - 1 ? 1 : 0), 64], i * 4);
  return encode((b) => {
    ethernet(b, ETH_P_MPLS_UC);
    b.bytes(OVS_KEY_ATTR_MPLS, stack);
  });
}

function output(b: MessageBuilder): void {
  b.u32(OVS_ACTION_ATTR_OUTPUT, PROBE_PORT);
}

function sample(depth: number): Write {
  return (b) => {
    b.nest(OVS_ACTION_ATTR_SAMPLE, (s) => {
      s.u32(OVS_SAMPLE_ATTR_PROBABILITY, HALF);
      s.nest(OVS_SAMPLE_ATTR_ACTIONS, depth === 1 ? output : sample(depth - 1));
    });
  };
}

/** As OVS 3.4 probes, with a cookie of all the bytes that it may have. */
function psample(b: MessageBuilder): void {
  b.nest(PSAMPLE_NESTED, (arguments_) => {
    arguments_.u32(PSAMPLE_GROUP, 10).bytes(PSAMPLE_COOKIE, new Uint8Array(PSAMPLE_COOKIE_BYTES).fill(1));
  });
}

function checkPacketLength(b: MessageBuilder): void {
  b.nest(OVS_ACTION_ATTR_CHECK_PKT_LEN, (check) => {
    check.u16(OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, 100);
    check.nest(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER, output);
    check.nest(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL, output);
  });
}
