// Runs a command and stops it, or lets a call of it fail, at the N-th of its state-changing system calls.
//
//     CrashHarness [--count | --kill-after N | --fail N ERRNO [--persistent] | --short-write N]
//                  [--random | --getrandom] [--log FILE] -- COMMAND ARGUMENT…
//
// --count         runs the command to its end and prints the number of such calls
// --kill-after N  kills the command and all its descendants with SIGKILL when the N-th call has returned
// --fail N ERRNO  the N-th call (--persistent: and each later one) is not made, and returns -ERRNO (a number)
// --short-write N the N-th write(2) or pwrite64(2), counted by themselves, gets half of its bytes
// --random        counts calls for random bytes instead: getrandom(2), and opening /dev/random or /dev/urandom
// --getrandom     counts getrandom(2) alone
// --log FILE      a line for each call: its number, name, path and result, and behind tabs the directory that a
//                 relative path is in, and what a rename or a link is made from; then `calls`, `writes`, `status`, the
//                 command's exit code (128 + signal where one ended it), and `peak`, the most memory that it had in
//                 use at any time, in KiB
//
// Exit code: 0 where the point was reached (always for --count), 100 where the command ended before it, 101 where the
// harness itself failed.
//
// State-changing are calls that change files or names, or force them to the disk. Writing counts on regular files alone,
// and not on standard output and error. All threads and children are followed; a seccomp filter stops them at these
// calls only, so that everything else runs at full speed. One such call is in flight at a time, so that the count is
// the order in which they happened, and after the N-th no other has begun.
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REACHED = 0, NOT_REACHED = 100, BROKEN = 101, THREAD_LIMIT = 4096 };
enum mode { COUNT, KILL_AFTER, FAIL, SHORT_WRITE };

static struct {
    enum mode mode;
    unsigned long point;
    int error;
    bool persistent;
    enum calls calls;
    FILE *log;
} options;

static struct {
    pid_t command;            // the first process
    int status;               // how it ended
    long peak;                // the most memory that it had, in KiB
    unsigned long calls;      // state-changing calls begun
    unsigned long writes;     // those that are write(2) or pwrite64(2)
    bool reached;             // whether the point was
    pid_t in_flight;          // the thread that makes such a call now, or 0
    struct call call;         // that call
    bool failing;             // whether it is made to fail
    pid_t waiting[THREAD_LIMIT];  // threads that are stopped before such a call, in order of arrival
    size_t waiting_count;
    pid_t threads[THREAD_LIMIT];  // all that live
    size_t thread_count;
} state;

_Noreturn static void die(const char *what) {
    fprintf(stderr, "CrashHarness: %s: %s\n", what, strerror(errno));
    exit(BROKEN);  // PTRACE_O_EXITKILL ends the command as well
}

// Goes on after a ptrace(2) call that failed only because the thread was killed meanwhile; waitpid(2) tells of that.
static void check(int result, const char *what) {
    if (result < 0 && errno != ESRCH) die(what);
}

static void resume(pid_t thread, int request, int signal) {
    check((int)ptrace(request, thread, 0, (long)signal), "resume");
}

// Signals a thread that has no call of ours to finish on; one that has stays watched until it returns.
static void go_on(pid_t thread, int signal) {
    resume(thread, thread == state.in_flight ? PTRACE_SYSCALL : PTRACE_CONT, signal);
}

static void kill_all(void) {
    for (size_t i = 0; i < state.thread_count; i++) kill(state.threads[i], SIGKILL);
    int status;
    pid_t thread;
    while ((thread = waitpid(-1, &status, __WALL)) > 0) {
        if (thread == state.command && !WIFSTOPPED(status)) state.status = status;
        if (WIFSTOPPED(status)) kill(thread, SIGKILL);  // born meanwhile
    }
}

static void finish(int code) {
    if (options.log) {
        int status = WIFSIGNALED(state.status) ? 128 + WTERMSIG(state.status) : WEXITSTATUS(state.status);
        fprintf(options.log, "calls %lu\nwrites %lu\nstatus %d\npeak %ld\n", state.calls, state.writes, status,
                state.peak);
        if (fclose(options.log) != 0) die("log");
    }
    if (options.mode == COUNT) printf("%lu\n", state.calls);
    exit(code);
}

// Lets a thread make the call before which it is stopped, or seem to make it.
static void begin(pid_t thread, struct call call) {
    state.calls++;
    if (call.is_write) state.writes++;
    state.in_flight = thread;
    state.call = call;
    unsigned long number = options.mode == SHORT_WRITE ? state.writes : state.calls;
    bool counts = options.mode != SHORT_WRITE || call.is_write;
    bool is_point = counts && number == options.point;
    if (is_point && options.mode != COUNT) state.reached = true;
    state.failing = options.mode == FAIL && (is_point || (options.persistent && number > options.point));
    if (state.failing) check(call_skip(thread), "skip a call");
    if (is_point && options.mode == SHORT_WRITE)
        check(call_set_length(thread, call.length - call.length / 2), "shorten a write");
    resume(thread, PTRACE_SYSCALL, 0);
}

static void log_call(long result) {
    if (!options.log) return;
    fprintf(options.log, "%lu %s %s %ld", state.calls, state.call.name, state.call.path, result);
    if (state.call.directory[0] || state.call.source[0])
        fprintf(options.log, "\t%s\t%s", state.call.directory, state.call.source);
    fputc('\n', options.log);
}

// The call in flight has returned.
static void end(pid_t thread) {
    if (state.failing) check(call_set_result(thread, -options.error), "set a result");
    log_call(state.failing ? -options.error : call_result(thread));
    if (options.mode == KILL_AFTER && state.calls == options.point) {
        kill_all();
        finish(REACHED);
    }
    state.in_flight = 0;
    resume(thread, PTRACE_CONT, 0);
}

// Starts the call that has waited longest, when none is in flight.
static void begin_next(void) {
    while (state.in_flight == 0 && state.waiting_count > 0) {
        pid_t thread = state.waiting[0];
        memmove(state.waiting, state.waiting + 1, --state.waiting_count * sizeof state.waiting[0]);
        struct call call;
        // Looked at only now: what a path or a descriptor means can change while others go first.
        if (call_inspect(thread, options.calls, &call)) begin(thread, call);
        else resume(thread, PTRACE_CONT, 0);
    }
}

static void forget(pid_t *list, size_t *count, pid_t thread) {
    for (size_t i = 0; i < *count; i++) {
        if (list[i] != thread) continue;
        memmove(list + i, list + i + 1, (--*count - i) * sizeof list[0]);
        return;
    }
}

static void remember(pid_t *list, size_t *count, pid_t thread) {
    for (size_t i = 0; i < *count; i++)
        if (list[i] == thread) return;
    if (*count == THREAD_LIMIT) {
        errno = EAGAIN;
        die("too many threads");
    }
    list[(*count)++] = thread;
}

static void ended(pid_t thread, int status, const struct rusage *usage) {
    forget(state.threads, &state.thread_count, thread);
    forget(state.waiting, &state.waiting_count, thread);
    if (thread == state.in_flight) {
        log_call(-EINTR);
        state.in_flight = 0;
    }
    if (thread != state.command) return;
    state.status = status;
    state.peak = usage->ru_maxrss;
}

static void stopped(pid_t thread, int status) {
    remember(state.threads, &state.thread_count, thread);
    int event = status >> 16;
    int signal = WSTOPSIG(status);
    if (event == PTRACE_EVENT_SECCOMP) {
        remember(state.waiting, &state.waiting_count, thread);
    } else if (event == PTRACE_EVENT_STOP) {
        // A group stop is kept up until SIGCONT; a new thread's first stop is not one.
        bool is_group = signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
        if (is_group) resume(thread, PTRACE_LISTEN, 0);
        else go_on(thread, 0);
    } else if (event != 0) {
        go_on(thread, 0);
    } else if (signal == (SIGTRAP | 0x80)) {
        if (thread == state.in_flight) end(thread);
        else resume(thread, PTRACE_CONT, 0);
    } else {
        go_on(thread, signal);
    }
}

// Becomes the command once the harness watches.
_Noreturn static void become(char **arguments, int ready) {
    char byte;
    if (read(ready, &byte, 1) != 1) _exit(BROKEN);
    close(ready);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || calls_install_filter(options.calls) < 0) die("filter");
    execvp(arguments[0], arguments);
    die(arguments[0]);
}

static void start(char **arguments) {
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) < 0) die("pipe");
    fflush(NULL);
    state.command = fork();
    if (state.command < 0) die("fork");
    if (state.command == 0) {
        close(ready[1]);
        become(arguments, ready[0]);
    }
    long wanted = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                  PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SEIZE, state.command, 0, wanted) < 0) die("seize");
    remember(state.threads, &state.thread_count, state.command);
    if (write(ready[1], "!", 1) != 1) die("start");
    close(ready[0]);
    close(ready[1]);
}

static void follow(void) {
    int status;
    pid_t thread;
    struct rusage usage = {0};
    while ((thread = wait4(-1, &status, __WALL, &usage)) > 0 || errno == EINTR) {
        if (thread < 0) continue;
        if (WIFSTOPPED(status)) stopped(thread, status);
        else ended(thread, status, &usage);
        begin_next();
    }
    if (errno != ECHILD) die("waitpid");
    finish(options.mode == COUNT || state.reached ? REACHED : NOT_REACHED);
}

_Noreturn static void usage(void) {
    fputs("usage: CrashHarness [--count | --kill-after N | --fail N ERRNO [--persistent] | --short-write N] "
          "[--random | --getrandom] [--log FILE] -- COMMAND ARGUMENT...\n", stderr);
    exit(BROKEN);
}

static unsigned long number(const char *text) {
    if (!text) usage();
    char *rest;
    errno = 0;
    unsigned long value = strtoul(text, &rest, 10);
    if (errno || rest == text || *rest || value == 0) usage();
    return value;
}

int main(int count, char **arguments) {
    int at = 1;
    for (; at < count && strcmp(arguments[at], "--") != 0; at++) {
        const char *option = arguments[at];
        if (strcmp(option, "--count") == 0) {
            options.mode = COUNT;
        } else if (strcmp(option, "--kill-after") == 0) {
            options.mode = KILL_AFTER;
            options.point = number(arguments[++at]);
        } else if (strcmp(option, "--short-write") == 0) {
            options.mode = SHORT_WRITE;
            options.point = number(arguments[++at]);
        } else if (strcmp(option, "--fail") == 0 && at + 2 < count) {
            options.mode = FAIL;
            options.point = number(arguments[++at]);
            options.error = (int)number(arguments[++at]);
        } else if (strcmp(option, "--persistent") == 0) {
            options.persistent = true;
        } else if (strcmp(option, "--random") == 0) {
            options.calls = RANDOM_ANY;
        } else if (strcmp(option, "--getrandom") == 0) {
            options.calls = GETRANDOM;
        } else if (strcmp(option, "--log") == 0 && at + 1 < count) {
            options.log = fopen(arguments[++at], "we");
            if (!options.log) die(arguments[at]);
        } else {
            usage();
        }
    }
    if (at + 1 >= count) usage();
    start(arguments + at + 1);
    follow();
}
