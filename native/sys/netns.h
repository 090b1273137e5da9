#pragma once

#include <string>

#include "sys/unique_fd.h"

namespace slowpath {

// Puts the calling thread into another network namespace for as long as the object lives. Sockets keep the
// namespace they were made in, so it is enough to make them inside. Does nothing for an empty path.
class NetnsScope {
 public:
  NetnsScope() = default;
  // Restores the namespace the thread came from. Aborts with a message if that fails: a thread that stays in
  // the wrong namespace would touch the wrong interfaces from then on.
  ~NetnsScope();
  NetnsScope(const NetnsScope&) = delete;
  NetnsScope& operator=(const NetnsScope&) = delete;

  // 'path': a namespace file such as /run/netns/NAME or /proc/PID/ns/net. Needs CAP_SYS_ADMIN. 0 or -errno;
  // 'what' (if not null) then names the system call that failed. At most once for each object.
  int Enter(const std::string& path, const char** what = nullptr);

 private:
  UniqueFd home_;  // The namespace to return to; invalid while the thread is at home.
};

}  // namespace slowpath
