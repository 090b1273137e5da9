#include "sys/netns.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace slowpath {
namespace {

int Fail(const char** what, const char* call) {
  int error = errno;
  if (what != nullptr) *what = call;
  return -error;
}

}  // namespace

int NetnsScope::Enter(const std::string& path, const char** what) {
  if (path.empty()) return 0;
  UniqueFd target(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!target.valid()) return Fail(what, "open");
  // The thread's own namespace: other threads of the process may be elsewhere.
  UniqueFd home(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!home.valid()) return Fail(what, "open");
  if (setns(target.get(), CLONE_NEWNET) != 0) return Fail(what, "setns");
  home_ = std::move(home);
  return 0;
}

NetnsScope::~NetnsScope() {
  if (!home_.valid() || setns(home_.get(), CLONE_NEWNET) == 0) return;
  std::fprintf(stderr, "slowpath: cannot return to the network namespace this thread came from: %s\n",
               strerror(errno));
  std::abort();
}

}  // namespace slowpath
