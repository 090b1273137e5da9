#include "sys/netlink_drops.h"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <string>

#include "sys/unique_fd.h"

namespace slowpath {
namespace {

// Columns of /proc/net/netlink, from netlink_native_seq_show() in net/netlink/af_netlink.c:
// sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
constexpr int kDropsColumn = 8;
constexpr int kInodeColumn = 9;

std::string ReadAll(const char* path) {
  UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!fd.valid()) return text;
  char chunk[4096];
  for (ssize_t n; (n = read(fd.get(), chunk, sizeof chunk)) > 0;) text.append(chunk, static_cast<size_t>(n));
  return text;
}

// Column 'index' of a line of columns separated by spaces, as a number; false when it is missing or no
// number.
bool Column(std::string_view line, int index, uint64_t* value) {
  for (int i = 0;; i++) {
    size_t start = line.find_first_not_of(' ');
    if (start == std::string_view::npos) return false;
    line.remove_prefix(start);
    std::string_view word = line.substr(0, line.find(' '));
    if (i == index) {
      auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), *value);
      return error == std::errc() && end == word.data() + word.size();
    }
    line.remove_prefix(word.size());
  }
}

}  // namespace

bool FindProcDrops(std::string_view table, uint64_t inode, uint32_t* drops) {
  while (!table.empty()) {
    size_t end = table.find('\n');
    std::string_view line = table.substr(0, end);
    table.remove_prefix(end == std::string_view::npos ? table.size() : end + 1);
    uint64_t lineInode, lineDrops;
    if (Column(line, kInodeColumn, &lineInode) && lineInode == inode &&
        Column(line, kDropsColumn, &lineDrops)) {
      *drops = static_cast<uint32_t>(lineDrops);
      return true;
    }
  }
  return false;
}

bool ReadNetlinkDrops(int fd, uint32_t* drops) {
  uint32_t meminfo[SK_MEMINFO_VARS] = {};
  socklen_t length = sizeof meminfo;
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, meminfo, &length) == 0 &&
      length > SK_MEMINFO_DROPS * sizeof(uint32_t)) {
    *drops = meminfo[SK_MEMINFO_DROPS];
    return true;
  }
  struct stat status;
  if (fstat(fd, &status) != 0) return false;
  return FindProcDrops(ReadAll("/proc/thread-self/net/netlink"), status.st_ino, drops);
}

}  // namespace slowpath
