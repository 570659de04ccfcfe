// Linux system calls and constants that the Glibc module leaves out: `syscall` is variadic, and the rest stands
// behind _GNU_SOURCE. Each function is one system call; errno is set as by the call itself.
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static const int linux_O_PATH = __O_PATH;
static const int linux_AT_EMPTY_PATH = 0x1000;
static const int linux_SEEK_DATA = 3;
static const int linux_SEEK_HOLE = 4;
static const unsigned int linux_RENAME_NOREPLACE = RENAME_NOREPLACE;
static const unsigned int linux_RENAME_EXCHANGE = RENAME_EXCHANGE;
static const uint64_t linux_RESOLVE_BENEATH = RESOLVE_BENEATH;
static const uint64_t linux_RESOLVE_NO_SYMLINKS = RESOLVE_NO_SYMLINKS;
static const uint64_t linux_RESOLVE_NO_MAGICLINKS = RESOLVE_NO_MAGICLINKS;
static const uint64_t linux_RESOLVE_NO_XDEV = RESOLVE_NO_XDEV;
static const unsigned int linux_STATX_WANTED = STATX_BASIC_STATS;
static const int64_t linux_UTIME_OMIT = UTIME_OMIT;

/* openat2(2), Linux 5.6. */
static inline int linux_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

/* renameat2(2), Linux 3.15. */
static inline int linux_renameat2(
    int from, const char *source, int to, const char *destination, unsigned int flags) {
    return (int)syscall(SYS_renameat2, from, source, to, destination, flags);
}

/* statx(2), Linux 4.11. */
static inline int linux_statx(int directory, const char *path, int flags, unsigned int mask, struct statx *status) {
    return (int)syscall(SYS_statx, directory, path, flags, mask, status);
}

/* prlimit(2) with RLIMIT_NOFILE, Linux 2.6.36: of `process`, 0 for the caller; either pointer may be NULL. */
static inline int linux_descriptor_limits(pid_t process, const struct rlimit *limits, struct rlimit *old) {
    return (int)syscall(SYS_prlimit64, process, RLIMIT_NOFILE, limits, old);
}

/* syncfs(2), Linux 2.6.39. */
static inline int linux_syncfs(int file) { return (int)syscall(SYS_syncfs, file); }

/* prctl(2) with PR_SET_DUMPABLE: no core file, no reading of memory by others of the same user. */
static inline int linux_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

/* prctl(2) with PR_SET_PDEATHSIG: the signal that comes when the thread that made this process ends. */
static inline int linux_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }

/* close_range(2), Linux 5.9: closes every descriptor from `first` on. */
static inline int linux_close_from(unsigned int first) { return (int)syscall(SYS_close_range, first, ~0U, 0); }

/* fstatfs(2): 1 on a tmpfs or ramfs, 0 elsewhere, -1 on failure. */
static inline int linux_is_in_memory(int file) {
    struct statfs facts;
    if (fstatfs(file, &facts) != 0) return -1;
    return facts.f_type == TMPFS_MAGIC || facts.f_type == RAMFS_MAGIC;
}

/* makedev(3) as a function. */
static inline uint64_t linux_makedev(uint32_t major_number, uint32_t minor_number) {
    return makedev(major_number, minor_number);
}

/* The name of a directory entry, which Swift would see as a tuple of 256 elements. */
static inline const char *linux_dirent_name(const struct dirent *entry) { return entry->d_name; }

/* bind(2) to a path of at most 107 bytes, or to an abstract name, which begins with NUL (unix(7)). */
static inline int linux_bind_unix(int file, const unsigned char *name, size_t count) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (count == 0 || count >= sizeof address.sun_path) return -1;
    memcpy(address.sun_path, name, count);
    return bind(file, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + count));
}

/* connect(2), likewise. */
static inline int linux_connect_unix(int file, const unsigned char *name, size_t count) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (count == 0 || count >= sizeof address.sun_path) return -1;
    memcpy(address.sun_path, name, count);
    return connect(file, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + count));
}

/* getpeername(2) of a Unix socket: the bytes of the name, 0 where it has none, -1 on failure. */
static inline int linux_peer_name(int file, unsigned char name[108]) {
    struct sockaddr_un address;
    socklen_t count = sizeof address;
    if (getpeername(file, (struct sockaddr *)&address, &count) != 0) return -1;
    if (count <= offsetof(struct sockaddr_un, sun_path)) return 0;
    count -= offsetof(struct sockaddr_un, sun_path);
    if (count > 108) count = 108;
    memcpy(name, address.sun_path, count);
    return (int)count;
}

/* getsockopt(2) with SO_PEERCRED: pid, uid, gid of who connected, as of then. */
static inline int linux_peer_credentials(int file, uint32_t facts[3]) {
    struct { int32_t process; uint32_t user, group; } found;
    socklen_t count = sizeof found;
    if (getsockopt(file, SOL_SOCKET, SO_PEERCRED, &found, &count) != 0) return -1;
    facts[0] = (uint32_t)found.process;
    facts[1] = found.user;
    facts[2] = found.group;
    return 0;
}

/* accept4(2) with SOCK_CLOEXEC. */
static inline int linux_accept(int file) { return (int)syscall(SYS_accept4, file, NULL, NULL, SOCK_CLOEXEC); }
