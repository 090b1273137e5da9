/** Numbers of <linux/netlink.h>. */
export const NETLINK_ROUTE = 0;
export const NETLINK_SOCK_DIAG = 4;
export const NETLINK_GENERIC = 16;

/** Address families of <linux/socket.h>. */
export const AF_INET = 2;
export const AF_INET6 = 10;

/** Bytes of struct nlmsghdr: u32 length, u16 type, u16 flags, u32 seq, u32 pid. */
export const NLMSG_HDRLEN = 16;
export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_MULTI = 0x2;
export const NLM_F_ACK = 0x4;
/** Send the object in return. */
export const NLM_F_ECHO = 0x8;
/** On a dump's messages: the objects changed under it, some may be missing. */
export const NLM_F_DUMP_INTR = 0x10;
/** On NLMSG_ERROR: the request is not quoted beyond its header. */
export const NLM_F_CAPPED = 0x100;
/** On NLMSG_ERROR and NLMSG_DONE: extended acknowledgement attributes follow. */
export const NLM_F_ACK_TLVS = 0x200;
/** NLM_F_ROOT | NLM_F_MATCH, on a get request. */
export const NLM_F_DUMP = 0x300;
/** On a new request. */
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

/** Bytes of struct nlattr: u16 length, u16 type. */
export const NLA_HDRLEN = 4;
export const NLA_F_NESTED = 0x8000;
/** Leaves the type: takes away NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
export const NLA_TYPE_MASK = 0x3fff;

/** Attributes of an extended acknowledgement. */
export const NLMSGERR_ATTR_MSG = 1;
export const NLMSGERR_ATTR_OFFS = 2;
