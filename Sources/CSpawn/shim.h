// Linux calls for starting programs that the Glibc module leaves out, since they stand behind _GNU_SOURCE.
#pragma once
#include <fcntl.h>
#include <linux/memfd.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* memfd_create(2), Linux 3.17: an unnamed file in memory, close-on-exec. */
static inline int spawn_memory_file(const char *name) {
    return (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC);
}

/* pipe2(2), Linux 2.6.27, close-on-exec: no child of another thread ever gets an end. */
static inline int spawn_pipe(int ends[2]) { return (int)syscall(SYS_pipe2, ends, O_CLOEXEC); }

/* pidfd_open(2), Linux 5.3: readable once the process has ended; close-on-exec. */
static inline int spawn_process_handle(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

/* posix_spawn_file_actions_addclosefrom_np(3), glibc 2.34. */
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
static inline int spawn_close_from(posix_spawn_file_actions_t *actions, int from) {
    return posix_spawn_file_actions_addclosefrom_np(actions, from);
}

/* posix_spawn_file_actions_addchdir_np(3), glibc 2.29. */
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *, const char *);
static inline int spawn_in(posix_spawn_file_actions_t *actions, const char *directory) {
    return posix_spawn_file_actions_addchdir_np(actions, directory);
}

/* ioctl(2) with FIONREAD: the bytes in a pipe that nobody has read, seen from either end; -1 on failure. */
static inline int spawn_unread_count(int file) {
    int count = 0;
    return ioctl(file, FIONREAD, &count) == 0 ? count : -1;
}
