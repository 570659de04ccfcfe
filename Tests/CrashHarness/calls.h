// The system calls that change files, or those that ask for random bytes, and how to look at one that a traced thread is
// about to make.
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/types.h>

enum calls {
    CHANGING,   // those that change files
    RANDOM_ANY, // those that ask for random bytes
    GETRANDOM,  // getrandom(2) alone
};

struct call {
    const char *name;
    char path[PATH_MAX];  // what it works on, as far as one path says it
    char directory[PATH_MAX];  // where a relative path begins; empty where there is none
    char source[PATH_MAX];     // the absolute path that a rename or a link is made from; empty for the rest
    bool is_write;        // write(2) or pwrite64(2)
    size_t length;        // of such a write
};

// Makes this process and its descendants stop (SECCOMP_RET_TRACE) before each call that may change files, or instead
// before each that may ask for random bytes.
int calls_install_filter(enum calls calls);

// Looks at the call before which a thread is stopped; false where it is none of these after all.
bool call_inspect(pid_t thread, enum calls calls, struct call *call);

// Makes the call before which a thread is stopped have no effect.
int call_skip(pid_t thread);

// Gives a write before which a thread is stopped another length.
int call_set_length(pid_t thread, size_t length);

// Gives the call from which a thread returns another result.
int call_set_result(pid_t thread, long result);

// The result of the call from which a thread returns: a negative errno for a failure.
long call_result(pid_t thread);
