#include "late.h"

#include <dlfcn.h>
#include <stdlib.h>

void strongroom_late_missing(void) { abort(); }

const char *strongroom_late_bind(
    const char *library, const struct strongroom_late_function *functions, size_t count) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return library;
    for (size_t index = 0; index < count; index++) {
        if (!dlsym(handle, functions[index].name)) return functions[index].name;
    }
    for (size_t index = 0; index < count; index++) {
        *functions[index].slot = dlsym(handle, functions[index].name);
    }
    // Never closed: the slots lead into it.
    return NULL;
}
