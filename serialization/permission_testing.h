// For tests of files that may not be read or written: root may otherwise do both.
#ifndef LAMINA_SERIALIZATION_PERMISSION_TESTING_H_
#define LAMINA_SERIALIZATION_PERMISSION_TESTING_H_

#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "gtest/gtest.h"

namespace lamina::test {

// Calls is_right() in a process of its own, which may change its limits and user; expects true.
inline void in_child(const std::function<bool()>& is_right) {
  const pid_t child = fork();
  if (child == 0) _exit(is_right() ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// The same for a user who has to keep to permissions.
inline void in_child_without_privileges(const std::function<bool()>& is_right) {
  in_child([&] {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    return syscall(SYS_capset, &header, none) == 0 && is_right();
  });
}

}  // namespace lamina::test

#endif  // LAMINA_SERIALIZATION_PERMISSION_TESTING_H_
