// Linux calls for starting programs that the Glibc module leaves out, since they stand behind _GNU_SOURCE.
#pragma once
#include <fcntl.h>
#include <linux/memfd.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

/* memfd_create(2), Linux 3.17: an unnamed file in memory, close-on-exec. */
static inline int spawn_memory_file(const char *name) {
    return (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC);
}

/* pipe2(2), Linux 2.6.27, close-on-exec. */
static inline int spawn_pipe(int ends[2]) { return (int)syscall(SYS_pipe2, ends, O_CLOEXEC); }

/* posix_spawn_file_actions_addclosefrom_np(3), glibc 2.34. */
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
static inline int spawn_close_from(posix_spawn_file_actions_t *actions, int from) {
    return posix_spawn_file_actions_addclosefrom_np(actions, from);
}
