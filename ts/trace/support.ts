import type { DatapathSupport } from '../xlate/index.js';

/** What OVS's userspace datapath can do: traces without a datapath suppose it. */
export const DUMMY_SUPPORT: DatapathSupport = {
  maxVlanHeaders: 2,
  maxMplsDepth: 3,
  recirc: true,
  clone: true,
  truncate: true,
  sampleNesting: 10,
  ctClear: true,
  checkPktLen: true,
  ufid: true,
  maskedSet: true,
  conntrack: true,
  ctEventmask: true,
  maxHashAlgorithm: 1,
  addMpls: true,
};
