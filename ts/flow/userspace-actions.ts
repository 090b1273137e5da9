/**
 * Actions of OVS 3.1's userspace datapath, with the numbers that they have there. No kernel has them: Linux 6.1 uses 23 for
 * dec_ttl, whose content is one attribute, and later ones use 24 and 25 for drop and psample.
 */
export const ACTION_TUNNEL_PUSH = 23;
export const ACTION_TUNNEL_POP = 24;
export const ACTION_DROP = 25;
export const ACTION_LB_OUTPUT = 26;
/** psample of Linux 6.11; OVS's drop of that number is one word, psample is attributes. */
export const ACTION_PSAMPLE = 25;
/** As it must be written: unlike other actions that hold attributes, the kernel refuses it without NLA_F_NESTED. */
export const PSAMPLE_NESTED = ACTION_PSAMPLE | 0x8000;

/** OVS_PSAMPLE_ATTR_* of Linux 6.11: group (u32) and cookie (up to 16 bytes). */
export const PSAMPLE_GROUP = 1;
export const PSAMPLE_COOKIE = 2;
export const PSAMPLE_COOKIE_BYTES = 16;

/** OVS_VPORT_TYPE_* in tnl_push: which header the packet is given. */
export const PUSH_GRE = 3;
export const PUSH_VXLAN = 4;
export const PUSH_GENEVE = 5;
export const PUSH_ERSPAN = 107;
export const PUSH_IP6ERSPAN = 108;
export const PUSH_IP6GRE = 109;
export const PUSH_GTPU = 110;

/** Bytes of tnl_push in front of the headers: tunnel port, out port, size of the headers, type; host-order words. */
export const PUSH_HEADER_AT = 16;
/** Most bytes of headers. */
export const PUSH_HEADER_MAX = 512;

/** GRE flags, RFC 2890: checksum, key and sequence number present. */
export const GRE_CSUM = 0x8000;
export const GRE_KEY = 0x2000;
export const GRE_SEQ = 0x1000;

/** Geneve flags in the second byte of its header: control packet, critical options. */
export const GENEVE_OAM = 0x80;
export const GENEVE_CRITICAL = 0x40;
