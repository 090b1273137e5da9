/** Why a flow's packets must come to userspace (OVS: slow_path_reason); 0 is none. Bits. */
export const SLOW_CFM = 1;
export const SLOW_BFD = 2;
export const SLOW_LACP = 4;
export const SLOW_STP = 8;
export const SLOW_LLDP = 16;
export const SLOW_ACTION = 32;
export const SLOW_MATCH = 64;
