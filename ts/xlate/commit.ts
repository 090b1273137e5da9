import {
  F_ARP_SHA,
  F_ARP_THA,
  F_ETH_DST,
  F_ETH_SRC,
  F_ETH_TYPE,
  F_IPV6_DST,
  F_IPV6_LABEL,
  F_IPV6_SRC,
  F_ND_TARGET,
  F_NW_DST,
  F_NW_PROTO,
  F_NW_SRC,
  F_NW_TOS,
  F_NW_TTL,
  F_PACKET_TYPE,
  F_SKB_MARK,
  F_SKB_PRIORITY,
  F_TP_DST,
  F_TP_SRC,
} from '../fields/index.js';
import { commitEncap } from './commit-encap.js';
import { commitMpls } from './commit-mpls.js';
import { commitNsh } from './commit-nsh.js';
import { commitNdExtensions } from './commit-nd-extensions.js';
import { commitVlan } from './commit-vlan.js';
import {
  ETHERNET_BITS,
  IPV4_BITS,
  IPV6_BITS,
  MARK_BITS,
  PORT_BITS,
  PRIORITY_BITS,
  takeWhole,
} from './whole-sets.js';
import type { Pass } from './pass.js';
import {
  ETH_TYPE_ARP,
  ETH_TYPE_IP,
  ETH_TYPE_IPV6,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  isIp,
  isMpls,
} from './protocols.js';
import { SLOW_ACTION } from './types.js';

const ECN_MASK = 0x3;

/**
 * Compares a field of `words` words between flow and base. Where they differ, the set action will write the bits that the
 * mask has by now (whatever was matched, read or set before), as OVS does: bits outside it are the same in every packet
 * of the megaflow or were left alone. Where they are equal the set action leaves the field out. Updates base.
 */
function compare(pass: Pass, word: number, words: number): boolean {
  const { flow, base, mask, setMask } = pass;
  let differs = false;
  for (let i = word; i < word + words; i++) if (flow[i] !== base[i]) differs = true;
  for (let i = word; i < word + words; i++) {
    setMask[i] = differs ? mask[i] : 0;
    base[i] = flow[i];
  }
  return differs;
}

function commitEthernet(pass: Pass): void {
  // What a decap uncovered has the addresses that it has; it comes back to be looked at.
  if (pass.flow[F_PACKET_TYPE] !== 0 || pass.base[F_PACKET_TYPE] !== 0) return;
  const source = compare(pass, F_ETH_SRC, 2);
  if (!compare(pass, F_ETH_DST, 2) && !source) return;
  takeWhole(pass, ETHERNET_BITS);
  pass.writer.setMaskedEthernet(pass.flow, 0, pass.setMask, 0);
}

function commitTos(pass: Pass): boolean {
  const { flow, base, setMask } = pass;
  const sameEcn = ((flow[F_NW_TOS] ^ base[F_NW_TOS]) & ECN_MASK) === 0;
  const differs = compare(pass, F_NW_TOS, 1);
  // A packet that is to be encapsulated keeps its congestion marks: the tunnel carries them over.
  if (sameEcn && pass.tunnelCommitted) setMask[F_NW_TOS] &= ~ECN_MASK;
  return differs;
}

/**
 * Packets of protocol 0 keep their IP header, so a change that is due depends on the protocol. ECN is left out: actions that set it match on the
 * protocol at once, and congestion marks that came with a tunnel are set for all IP packets.
 */
function markProtocol({ flow, base, mask }: Pass): void {
  let difference = ((flow[F_NW_TOS] ^ base[F_NW_TOS]) & ~ECN_MASK) | (flow[F_NW_TTL] ^ base[F_NW_TTL]);
  for (let w = F_NW_SRC; w <= F_IPV6_LABEL; w++) difference |= flow[w] ^ base[w];
  if (difference !== 0) mask[F_NW_PROTO] = 0xff;
}

function commitIpv4(pass: Pass): void {
  markProtocol(pass);
  let differs = compare(pass, F_NW_SRC, 1);
  if (compare(pass, F_NW_DST, 1)) differs = true;
  if (commitTos(pass)) differs = true;
  if (compare(pass, F_NW_TTL, 1)) differs = true;
  if (!differs) return;
  if (takeWhole(pass, IPV4_BITS)) pass.writer.setIpv4(pass.flow, 0);
  else pass.writer.setMaskedIpv4(pass.flow, 0, pass.setMask, 0);
}

function commitIpv6(pass: Pass): void {
  markProtocol(pass);
  let differs = compare(pass, F_IPV6_SRC, 4);
  if (compare(pass, F_IPV6_DST, 4)) differs = true;
  if (compare(pass, F_IPV6_LABEL, 1)) differs = true;
  if (commitTos(pass)) differs = true;
  if (compare(pass, F_NW_TTL, 1)) differs = true;
  if (!differs) return;
  if (takeWhole(pass, IPV6_BITS)) pass.writer.setIpv6(pass.flow, 0);
  else pass.writer.setMaskedIpv6(pass.flow, 0, pass.setMask, 0);
}

/** Datapaths cannot rewrite ARP; userspace does it for every packet. */
function commitArp(pass: Pass): void {
  let differs = compare(pass, F_NW_SRC, 1);
  if (compare(pass, F_NW_DST, 1)) differs = true;
  if (compare(pass, F_NW_PROTO, 1)) differs = true;
  if (compare(pass, F_ARP_SHA, 2)) differs = true;
  if (compare(pass, F_ARP_THA, 2)) differs = true;
  if (!differs) return;
  pass.writer.setMaskedArp(pass.flow, 0, pass.setMask, 0);
  pass.slow |= SLOW_ACTION;
}

function commitNd(pass: Pass): void {
  let differs = compare(pass, F_ND_TARGET, 4);
  if (compare(pass, F_ARP_SHA, 2)) differs = true;
  if (compare(pass, F_ARP_THA, 2)) differs = true;
  if (!differs) return;
  pass.writer.setMaskedNd(pass.flow, 0, pass.setMask, 0);
  pass.slow |= SLOW_ACTION;
}

function commitNetwork(pass: Pass): void {
  const { flow, base } = pass;
  if (flow[F_NW_PROTO] === 0) {
    // A header that encap hid has no protocol whatever the packet's is: nothing hangs on it.
    if (isIp(flow) && base[F_NW_PROTO] === 0) markProtocol(pass);
    return;
  }
  switch (flow[F_ETH_TYPE]) {
    case ETH_TYPE_IP:
      commitIpv4(pass);
      break;
    case ETH_TYPE_IPV6:
      commitIpv6(pass);
      if (flow[F_NW_PROTO] === IPPROTO_ICMPV6) {
        commitNdExtensions(pass);
        commitNd(pass);
      }
      break;
    case ETH_TYPE_ARP:
      commitArp(pass);
      break;
  }
}

/** ICMP type and code are always set whole, and in userspace. */
function commitIcmp(pass: Pass): void {
  const type = compare(pass, F_TP_SRC, 1);
  if (!compare(pass, F_TP_DST, 1) && !type) return;
  const { flow, mask, setMask, writer } = pass;
  for (let word = F_TP_SRC; word <= F_TP_DST; word++) {
    mask[word] = 0xffff;
    setMask[word] = 0xffff;
  }
  if (flow[F_NW_PROTO] === IPPROTO_ICMP) writer.setMaskedIcmp(flow, 0, setMask, 0);
  else writer.setMaskedIcmpv6(flow, 0, setMask, 0);
  pass.slow |= SLOW_ACTION;
}

function commitTransport(pass: Pass): void {
  const { flow, setMask, writer } = pass;
  const protocol = flow[F_NW_PROTO];
  if (
    (protocol === IPPROTO_ICMP && flow[F_ETH_TYPE] === ETH_TYPE_IP) ||
    (protocol === IPPROTO_ICMPV6 && flow[F_ETH_TYPE] === ETH_TYPE_IPV6)
  ) {
    commitIcmp(pass);
    return;
  }
  if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP && protocol !== IPPROTO_SCTP) return;
  const source = compare(pass, F_TP_SRC, 1);
  if (!compare(pass, F_TP_DST, 1) && !source) return;
  takeWhole(pass, PORT_BITS);
  if (protocol === IPPROTO_TCP) writer.setMaskedTcp(flow, 0, setMask, 0);
  else if (protocol === IPPROTO_UDP) writer.setMaskedUdp(flow, 0, setMask, 0);
  else writer.setMaskedSctp(flow, 0, setMask, 0);
}

/**
 * Writes the actions that make the datapath's packet equal to `pass.flow`, in OVS's order (commit_odp_actions): before
 * every output and every copy that goes to userspace. Sets SLOW_ACTION when no datapath can do one of them.
 */
export function commit(pass: Pass): void {
  if (!pass.changed) return;
  const { flow, base } = pass;
  commitEncap(pass);
  commitEthernet(pass);
  // Headers behind a label stack can be changed only once it is gone.
  const uncovers = isMpls(base[F_ETH_TYPE]) && !isMpls(flow[F_ETH_TYPE]);
  if (uncovers) commitMpls(pass);
  commitNsh(pass);
  commitNetwork(pass);
  if (isIp(flow)) commitTransport(pass);
  if (!uncovers) commitMpls(pass);
  commitVlan(pass);
  pass.pendingEncap = false;
  pass.pendingDecap = false;
  pass.commits++;
  commitMetadata(pass);
}

function commitMetadata(pass: Pass): void {
  const { flow, setMask, writer } = pass;
  if (compare(pass, F_SKB_PRIORITY, 1)) {
    takeWhole(pass, PRIORITY_BITS);
    writer.setMaskedPriority(flow, 0, setMask, 0);
  }
  if (compare(pass, F_SKB_MARK, 1)) {
    takeWhole(pass, MARK_BITS);
    writer.setMaskedMark(flow, 0, setMask, 0);
  }
}
