#pragma once

#include <cstdint>
#include <string_view>

namespace slowpath {

// How many messages the kernel has dropped because the socket's receive buffer was full: exact, modulo 2^32.
// From SO_MEMINFO (Linux 4.12), else from /proc/net/netlink of the calling thread's namespace. False when
// neither knows.
bool ReadNetlinkDrops(int fd, uint32_t* drops);

// The Drops column of the line of /proc/net/netlink that ends in 'inode'. False when there is none.
bool FindProcDrops(std::string_view table, uint64_t inode, uint32_t* drops);

}  // namespace slowpath
