#define _GNU_SOURCE
#include "calls.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "CrashHarness knows x86_64 and aarch64"
#endif

#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif

enum { CREATING = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY) };

enum kind {
    PATH,    // `argument` is a path: always counts
    OPEN,    // as PATH, where the flags after it create or truncate (checked by the filter)
    OPEN2,   // as PATH, where the flags in the struct after it do
    FILE_,   // `argument` is a descriptor: counts on files and directories
    DATA,    // `argument` is a descriptor that is written to: counts on regular files but standard output and error
    CLONE_,  // ioctl(2) that shares blocks
    RANDOM,  // random bytes of the kernel
    DEVICE,  // as PATH, where it is a device of random bytes
};

struct entry {
    long number;
    const char *name;
    enum kind kind;
    int argument;
};

#define ENTRY(name, kind, argument) {__NR_##name, #name, kind, argument}
static const struct entry random_entries[] = {
#if defined(__x86_64__)
    ENTRY(open, DEVICE, 0),
#endif
    ENTRY(getrandom, RANDOM, 0), ENTRY(openat, DEVICE, 1), ENTRY(openat2, DEVICE, 1),
};

static const struct entry entries[] = {
#if defined(__x86_64__)
    // The calls of old that newer architectures left out.
    ENTRY(open, OPEN, 0), ENTRY(creat, PATH, 0), ENTRY(rename, PATH, 1), ENTRY(link, PATH, 1),
    ENTRY(symlink, PATH, 1), ENTRY(unlink, PATH, 0), ENTRY(rmdir, PATH, 0), ENTRY(mkdir, PATH, 0),
    ENTRY(mknod, PATH, 0), ENTRY(chmod, PATH, 0), ENTRY(chown, PATH, 0), ENTRY(lchown, PATH, 0),
    ENTRY(utime, PATH, 0), ENTRY(utimes, PATH, 0), ENTRY(futimesat, PATH, 1),
#endif
#ifdef __NR_renameat
    ENTRY(renameat, PATH, 3),
#endif
    ENTRY(openat, OPEN, 1), ENTRY(openat2, OPEN2, 1), ENTRY(renameat2, PATH, 3), ENTRY(linkat, PATH, 3),
    ENTRY(symlinkat, PATH, 2), ENTRY(unlinkat, PATH, 1), ENTRY(mkdirat, PATH, 1), ENTRY(mknodat, PATH, 1),
    ENTRY(fchmodat, PATH, 1), ENTRY(fchmodat2, PATH, 1), ENTRY(fchownat, PATH, 1), ENTRY(utimensat, PATH, 1),
    ENTRY(truncate, PATH, 0), ENTRY(setxattr, PATH, 0), ENTRY(lsetxattr, PATH, 0), ENTRY(removexattr, PATH, 0),
    ENTRY(lremovexattr, PATH, 0), ENTRY(fsetxattr, FILE_, 0), ENTRY(fremovexattr, FILE_, 0),
    ENTRY(fchmod, FILE_, 0), ENTRY(fchown, FILE_, 0), ENTRY(fsync, FILE_, 0), ENTRY(fdatasync, FILE_, 0),
    ENTRY(sync_file_range, FILE_, 0), ENTRY(syncfs, FILE_, 0), ENTRY(write, DATA, 0), ENTRY(pwrite64, DATA, 0),
    ENTRY(writev, DATA, 0), ENTRY(pwritev, DATA, 0), ENTRY(pwritev2, DATA, 0), ENTRY(ftruncate, DATA, 0),
    ENTRY(fallocate, DATA, 0), ENTRY(sendfile, DATA, 0), ENTRY(copy_file_range, DATA, 2), ENTRY(splice, DATA, 2),
    ENTRY(ioctl, CLONE_, 0),
};
#undef ENTRY

enum { ENTRY_COUNT = sizeof entries / sizeof entries[0] };
enum { RANDOM_ENTRY_COUNT = sizeof random_entries / sizeof random_entries[0] };

// The low half of a call's argument, where its flags and descriptors are; both architectures are little-endian.
#define ARGUMENT(index) (offsetof(struct seccomp_data, args) + 8 * (index))
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset))
#define SKIP_UNLESS(test, value, count) BPF_JUMP(BPF_JMP | (test) | BPF_K, (uint32_t)(value), 0, count)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)

int calls_install_filter(enum calls calls) {
    struct sock_filter program[8 * ENTRY_COUNT + 8];
    unsigned short length = 0;
#define EMIT(...) program[length++] = (struct sock_filter)__VA_ARGS__
    EMIT(LOAD(offsetof(struct seccomp_data, arch)));
    EMIT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0));
    EMIT(RETURN(SECCOMP_RET_ALLOW));
    EMIT(LOAD(offsetof(struct seccomp_data, nr)));
    const struct entry *table = calls == CHANGING ? entries : random_entries;
    for (size_t i = 0; i < (calls == CHANGING ? (size_t)ENTRY_COUNT : (size_t)RANDOM_ENTRY_COUNT); i++) {
        const struct entry *entry = &table[i];
        switch (entry->kind) {
        case PATH:
        case OPEN2:
        case FILE_:
        case RANDOM:
        case DEVICE:
            EMIT(SKIP_UNLESS(BPF_JEQ, entry->number, 1));
            break;
        case OPEN:
            EMIT(SKIP_UNLESS(BPF_JEQ, entry->number, 4));
            EMIT(LOAD(ARGUMENT(entry->argument + 1)));
            EMIT(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CREATING, 1, 0));
            EMIT(RETURN(SECCOMP_RET_ALLOW));
            break;
        case DATA:
            EMIT(SKIP_UNLESS(BPF_JEQ, entry->number, 4));
            EMIT(LOAD(ARGUMENT(entry->argument)));
            EMIT(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, STDERR_FILENO, 1, 0));
            EMIT(RETURN(SECCOMP_RET_ALLOW));
            break;
        case CLONE_:
            EMIT(SKIP_UNLESS(BPF_JEQ, entry->number, 5));
            EMIT(LOAD(ARGUMENT(1)));
            EMIT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)FICLONE, 2, 0));
            EMIT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)FICLONERANGE, 1, 0));
            EMIT(RETURN(SECCOMP_RET_ALLOW));
            break;
        }
        EMIT(RETURN(SECCOMP_RET_TRACE));
    }
    EMIT(RETURN(SECCOMP_RET_ALLOW));
#undef EMIT
    struct sock_fprog filter = {.len = length, .filter = program};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

static ssize_t peek(pid_t thread, uint64_t address, void *buffer, size_t length) {
    struct iovec here = {buffer, length};
    struct iovec there = {(void *)(uintptr_t)address, length};
    return process_vm_readv(thread, &here, 1, &there, 1, 0);
}

// Reads text up to the end of its page at least, for the next page may not be there.
static void peek_text(pid_t thread, uint64_t address, char *text, size_t room) {
    size_t done = 0;
    while (done + 1 < room) {
        size_t step = 4096 - (address + done) % 4096;
        if (step > room - 1 - done) step = room - 1 - done;
        ssize_t got = peek(thread, address + done, text + done, step);
        if (got <= 0) break;
        done += (size_t)got;
        if (memchr(text + done - got, 0, (size_t)got)) return;
    }
    text[done] = 0;
}

// Whether a path leads to no disk: opening /dev/null with O_TRUNC, as every shell does, changes nothing.
static bool is_virtual(const char *path) {
    return (strncmp(path, "/dev/", 5) == 0 && strncmp(path, "/dev/shm/", 9) != 0) ||
           strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/memfd:", 7) == 0;
}

// Whether a descriptor of a thread is a file on a disk, as far as that can be told; its path.
static bool is_file(pid_t thread, int descriptor, bool only_regular, char *path, size_t room) {
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/fd/%d", thread, descriptor);
    ssize_t length = readlink(link, path, room - 1);
    path[length < 0 ? 0 : length] = 0;
    struct stat status;
    if (stat(link, &status) < 0) return false;
    if (is_virtual(path)) return false;
    return S_ISREG(status.st_mode) || (!only_regular && S_ISDIR(status.st_mode));
}

// What a path of a thread is relative to: the directory of the descriptor, or its own where it has none.
static void read_directory(pid_t thread, bool has_descriptor, int descriptor, char *path, size_t room) {
    char link[64];
    if (has_descriptor && descriptor != AT_FDCWD) snprintf(link, sizeof link, "/proc/%d/fd/%d", thread, descriptor);
    else snprintf(link, sizeof link, "/proc/%d/cwd", thread);
    ssize_t length = readlink(link, path, room - 1);
    path[length < 0 ? 0 : length] = 0;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

// Whether a call takes a directory's descriptor before its path.
static bool is_at(const char *name) {
    return strcmp(name, "creat") != 0 && (ends_with(name, "at") || ends_with(name, "at2"));
}

// Where the names of a call stand.
static void read_places(pid_t thread, const struct entry *entry, const uint64_t *args, struct call *call) {
    bool at = is_at(entry->name);
    if (call->path[0] != '/')
        read_directory(thread, at, at ? (int)args[entry->argument - 1] : 0, call->directory, sizeof call->directory);
    if (strncmp(entry->name, "rename", 6) != 0 && strncmp(entry->name, "link", 4) != 0) return;
    char name[PATH_MAX];
    peek_text(thread, args[at ? 1 : 0], name, sizeof name);
    if (name[0] != '/') {
        read_directory(thread, at, (int)args[0], call->source, sizeof call->source);
        strncat(call->source, "/", sizeof call->source - strlen(call->source) - 1);
    }
    strncat(call->source, name, sizeof call->source - strlen(call->source) - 1);
}

static const struct entry *find(uint64_t number, enum calls calls) {
    const struct entry *table = calls == CHANGING ? entries : random_entries;
    for (size_t i = 0; i < (calls == CHANGING ? (size_t)ENTRY_COUNT : (size_t)RANDOM_ENTRY_COUNT); i++)
        if ((uint64_t)table[i].number == number) return &table[i];
    return NULL;
}

bool call_inspect(pid_t thread, enum calls calls, struct call *call) {
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return false;
    if (info.op != PTRACE_SYSCALL_INFO_SECCOMP) return false;
    const struct entry *entry = find(info.seccomp.nr, calls);
    if (!entry) return false;
    uint64_t argument = info.seccomp.args[entry->argument];
    call->name = entry->name;
    call->is_write = entry->number == __NR_write || entry->number == __NR_pwrite64;
    call->length = call->is_write ? info.seccomp.args[2] : 0;
    call->directory[0] = call->source[0] = 0;
    switch (entry->kind) {
    case PATH:
    case OPEN:
        peek_text(thread, argument, call->path, sizeof call->path);
        read_places(thread, entry, (const uint64_t *)info.seccomp.args, call);
        // Files' own way to a descriptor opened with O_PATH is a change all the same.
        return entry->kind == PATH || !is_virtual(call->path);
    case OPEN2: {
        struct open_how how = {0};
        peek_text(thread, argument, call->path, sizeof call->path);
        read_places(thread, entry, (const uint64_t *)info.seccomp.args, call);
        return peek(thread, info.seccomp.args[2], &how, sizeof how) == sizeof how && how.flags & CREATING;
    }
    case RANDOM:
        call->path[0] = 0;
        return true;
    case DEVICE:
        if (calls == GETRANDOM) return false;
        peek_text(thread, argument, call->path, sizeof call->path);
        return strcmp(call->path, "/dev/urandom") == 0 || strcmp(call->path, "/dev/random") == 0;
    case FILE_:
        return is_file(thread, (int)argument, false, call->path, sizeof call->path);
    case DATA:
    case CLONE_:
        return is_file(thread, (int)argument, true, call->path, sizeof call->path);
    }
    return false;
}

static int registers(pid_t thread, int request, struct user_regs_struct *values) {
    struct iovec place = {values, sizeof *values};
    return (int)ptrace(request, thread, NT_PRSTATUS, &place);
}

int call_skip(pid_t thread) {
#if defined(__x86_64__)
    struct user_regs_struct values;
    if (registers(thread, PTRACE_GETREGSET, &values) < 0) return -1;
    values.orig_rax = (unsigned long long)-1;
    return registers(thread, PTRACE_SETREGSET, &values);
#else
    int none = -1;
    struct iovec place = {&none, sizeof none};
    return (int)ptrace(PTRACE_SETREGSET, thread, NT_ARM_SYSTEM_CALL, &place);
#endif
}

int call_set_length(pid_t thread, size_t length) {
    struct user_regs_struct values;
    if (registers(thread, PTRACE_GETREGSET, &values) < 0) return -1;
#if defined(__x86_64__)
    values.rdx = length;
#else
    values.regs[2] = length;
#endif
    return registers(thread, PTRACE_SETREGSET, &values);
}

int call_set_result(pid_t thread, long result) {
    struct user_regs_struct values;
    if (registers(thread, PTRACE_GETREGSET, &values) < 0) return -1;
#if defined(__x86_64__)
    values.rax = (unsigned long long)result;
#else
    values.regs[0] = (unsigned long long)result;
#endif
    return registers(thread, PTRACE_SETREGSET, &values);
}

long call_result(pid_t thread) {
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return 0;
    return info.op == PTRACE_SYSCALL_INFO_EXIT ? (long)info.exit.rval : 0;
}
