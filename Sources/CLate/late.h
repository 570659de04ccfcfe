// Functions of a library that is loaded when it is first needed, not when the program starts (dlopen(3)).
//
// A program that links a library pays for it at every start: libgit2 brings sixteen others, among them libcrypto,
// which together take as long to load and relocate as `strongroom open` takes to do its work. So this target defines the library's functions itself, each
// a jump through a slot, and fills the slots from the library. Callers and the library's headers stay as they are; a
// function that is missing from a list shows as an undefined reference when the program is linked.
#pragma once
#include <stddef.h>

/// One function: its name in the library and the slot that its callers jump through.
struct strongroom_late_function {
    const char *name;
    void **slot;
};

/// Opens `library` and fills the slots. Returns NULL, or the name of what was not found; all slots stay then.
const char *strongroom_late_bind(
    const char *library, const struct strongroom_late_function *functions, size_t count);

/// Where slots lead before that: a call too early is a bug of ours. Ends the process.
_Noreturn void strongroom_late_missing(void);

#if defined(__x86_64__)
#define STRONGROOM_JUMP(name) "endbr64\n\tjmpq *strongroom_late_" #name "(%rip)"
#elif defined(__aarch64__)
#define STRONGROOM_JUMP(name)                                                                                     \
    "bti c\n\tadrp x16, strongroom_late_" #name "\n\tldr x16, [x16, :lo12:strongroom_late_" #name "]\n\tbr x16"
#else
#error "no jump is written for this architecture: see STRONGROOM_JUMP"
#endif

/// Defines the function `name`, which passes all arguments and results through, and its slot.
#define STRONGROOM_LATE(name)                                                                                     \
    __attribute__((used, visibility("hidden"))) void *strongroom_late_##name = (void *)strongroom_late_missing;   \
    __asm__(".text\n\t.p2align 4\n\t.globl " #name "\n\t.hidden " #name "\n\t.type " #name ", %function\n" #name  \
            ":\n\t" STRONGROOM_JUMP(name) "\n\t.size " #name ", .-" #name "\n");

/// The entry of `name` in a list for `strongroom_late_bind`.
#define STRONGROOM_LATE_ENTRY(name) {#name, &strongroom_late_##name},
